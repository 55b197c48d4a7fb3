"""The student's files in place of the product's: an import hook, and a launcher that sets it before all else is loaded.

    python -P minidelve/labs/overlay.py JOB.json        PYTHONPATH: the root of the product

    {"folder": DIR, "files": ["kernels/reference/prelu.py"], "module": "minidelve", "argv": ["train", "--data", "toy"]}

A job names the module to run, or a "script". All else that is loaded is the product's: its training, its command line
and its operations call the student's functions where they would call their own.

The standard library alone is imported here: this file is loaded by its path, before anything that it could replace.
Bytecode is neither read nor written, as it is told from older one only by the second in which a file was changed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import runpy
import sys
from collections.abc import Iterable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

ROOT = Path(__file__).resolve().parents[2]  # of the product


def module_of(file: str) -> str:
    """The name of a file's module.

    >>> module_of("kernels/reference/prelu.py"), module_of("minidelve/tensor/__init__.py")
    ('kernels.reference.prelu', 'minidelve.tensor')
    """
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


class FromSource(SourceFileLoader):
    """Loads a module from its source, whatever bytecode lies beside it."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


class Overlay(MetaPathFinder):
    """Finds the modules of these files in the student's folder, and no others."""

    def __init__(self, folder: str | os.PathLike[str], files: Iterable[str]):
        self.files = {module_of(file): str(Path(folder).resolve() / file) for file in files}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self.files:
            return None
        file = self.files[fullname]
        products = PathFinder.find_spec(fullname, path)
        inside = products.submodule_search_locations if products else None  # the product's, beside it
        return importlib.util.spec_from_file_location(
            fullname, file, loader=FromSource(fullname, file), submodule_search_locations=inside
        )


def install(folder: str | os.PathLike[str], files: Iterable[str]) -> None:
    """Serve these files from now on; RuntimeError if one of their modules is loaded already."""
    overlay = Overlay(folder, files)
    if early := sorted(overlay.files.keys() & sys.modules.keys()):
        raise RuntimeError(f"{', '.join(early)} was loaded before the student's file could take its place")
    sys.meta_path.insert(0, overlay)


def origins(files: Iterable[str]) -> dict[str, str | None]:
    """From which file each of these modules was loaded in this process; None for one that was not."""
    return {file: getattr(sys.modules.get(module_of(file)), "__file__", None) for file in files}


def command(job: str | os.PathLike[str]) -> list[str]:
    """The command that runs a job."""
    return [sys.executable, "-P", str(Path(__file__).resolve()), str(job)]


def environment() -> dict[str, str]:
    """This process's environment, in which the product is found before any other of its name."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}


def run(job: str) -> None:
    """Serve the files of a job, and run what it names in this process."""
    asked = json.loads(Path(job).read_text(encoding="utf-8"))
    install(asked["folder"], asked["files"])
    name = asked.get("module") or asked["script"]
    sys.argv = [name, *asked.get("argv", [])]
    if "module" in asked:
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(name, run_name="__main__")


if __name__ == "__main__":
    run(sys.argv[1])
