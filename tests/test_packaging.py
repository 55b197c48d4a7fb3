"""What a user gets from `pip install`: every package, every data file, and nothing else."""

import json
import re
import shutil
import zipfile
from pathlib import Path

import pytest

import minidelve
from tests.helpers import ROOT, python

PACKAGES = ("minidelve", "kernels")
COURSE = "minidelve/labs/course"  # what labs/ is there


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A copy of the sources: building leaves build/ and *.egg-info behind."""
    tree = tmp_path_factory.mktemp("tree")
    for name in ("setup.cfg", "setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    for name in (*PACKAGES, "labs", "tests", "docs", "examples"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    return tree


@pytest.fixture(scope="module")
def wheel(tree) -> Path:
    offline = ("--no-deps", "--no-build-isolation", "--no-index")
    python("-m", "pip", "wheel", ".", *offline, "--wheel-dir", "out", cwd=tree)
    (built,) = (tree / "out").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """A folder into which the wheel alone was installed."""
    target = tmp_path_factory.mktemp("site")
    python("-m", "pip", "install", "--no-deps", "--no-index", "--target", target, wheel, cwd=target)
    return target


def test_wheel_holds_every_package_and_data_file_and_nothing_else(wheel):
    expected = {
        path.relative_to(ROOT).as_posix().replace("labs/", f"{COURSE}/", 1 if folder == "labs" else 0)
        for folder in (*PACKAGES, "labs")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }
    assert {"minidelve/py.typed", "kernels/README.md", "kernels/numba_cpu/__init__.py"} <= expected
    assert f"{COURSE}/lab3/lab.py" in expected
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == expected, (
        f"missing: {sorted(expected - packed)} (a folder without __init__.py? a pattern missing in "
        f"[options.package_data] of setup.cfg, or a kind of file in setup.py?); too many: {sorted(packed - expected)}"
    )


def test_wheel_carries_licence_command_and_version(wheel):
    files = zipfile.ZipFile(wheel)
    (info,) = {name.partition("/")[0] for name in files.namelist() if ".dist-info/" in name}
    metadata = files.read(f"{info}/METADATA").decode()
    assert info == f"minidelve-{minidelve.__version__}.dist-info"
    assert "License-Expression: MIT" in metadata and f"{info}/licenses/LICENSE" in files.namelist()
    assert "minidelve = minidelve.cli:main" in files.read(f"{info}/entry_points.txt").decode()


def test_installed_wheel_imports_every_module_far_from_the_checkout(installed, tmp_path):
    script = """
import importlib, json, pathlib, sys
target = pathlib.Path(sys.argv[1])
names = []
for path in sorted(target.glob("minidelve/**/*.py")) + sorted(target.glob("kernels/**/*.py")):
    parts = path.relative_to(target).with_suffix("").parts
    if parts[-1] != "__main__" and "_cuda" not in str(path) and "course" not in parts:  # the CUDA kernels need CuPy
        names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
strangers = [n for n in names if not importlib.import_module(n).__file__.startswith(str(target))]
print(json.dumps([len(names), strangers]))
"""
    here = {"PYTHONPATH": str(installed)}
    count, strangers = json.loads(python("-c", script, installed, cwd=tmp_path, environment=here).stdout)
    assert count > 10 and strangers == []


def test_installed_wheel_has_the_course(installed, tmp_path):
    here = {"PYTHONPATH": str(installed)}
    assert "lab 3  PReLU" in python("-m", "minidelve", "lab", "list", cwd=tmp_path, environment=here).stdout
    python("-m", "minidelve", "lab", "start", 3, "mine", cwd=tmp_path, environment=here)
    skeleton = (tmp_path / "mine/kernels/reference/prelu.py").read_text()
    assert "raise NotImplementedError" in skeleton


def test_importing_minidelve_loads_nothing_heavy(installed, tmp_path):
    heavy = (
        "numba", "llvmlite", "kernels.numba_cpu", "cupy", "matplotlib", "PIL", "tqdm.notebook", "torch", "onnx",
        "safetensors", "google.protobuf",
    )  # fmt: skip
    script = f"import sys, minidelve; print([name for name in {heavy!r} if name in sys.modules])"
    here = {"PYTHONPATH": str(installed)}
    assert python("-c", script, cwd=tmp_path, environment=here).stdout.strip() == "[]"


def test_an_editable_install_is_found_from_any_folder(tree, tmp_path):
    """In a folder that holds kernels/, and in the clone's parent, where its own folder is called minidelve too."""
    build = "import sys; from setuptools.build_meta import build_editable; build_editable(sys.argv[1])"
    python("-c", build, tmp_path, cwd=tree)
    (built,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(built).extractall(tmp_path / "site")
    for name in PACKAGES:
        (tmp_path / name).mkdir()
    script = """
import site, sys
here, new = sys.argv[1:]
sys.path = [folder for folder in sys.path if folder != here]  # the install that these tests run from, of either kind
sys.meta_path = [finder for finder in sys.meta_path if "editable" not in finder.__module__]
site.addsitedir(new)
import minidelve, kernels
print(minidelve.__file__)
"""
    found = python("-c", script, ROOT, tmp_path / "site", cwd=tmp_path, environment={"PYTHONPATH": ""}).stdout.strip()
    assert Path(found) == tree / "minidelve" / "__init__.py"


def test_the_wheel_installs_anywhere(wheel):
    files = zipfile.ZipFile(wheel)
    (info,) = {name.partition("/")[0] for name in files.namelist() if ".dist-info/" in name}
    metadata = files.read(f"{info}/METADATA").decode()
    assert wheel.name.endswith("-py3-none-any.whl")
    for promised in ("MacOS", "Microsoft :: Windows", "POSIX :: Linux"):
        assert f"Classifier: Operating System :: {promised}" in metadata
    for minor in range(11, 15):
        assert f"Classifier: Programming Language :: Python :: 3.{minor}" in metadata
    names = [name.lower() for name in files.namelist()]
    assert len(set(names)) == len(names), "two files that are one where case does not count"
    reserved = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?|.*[<>:\"|?*\\].*|.*[. ]")
    assert [name for name in names if any(reserved.fullmatch(part) for part in name.split("/"))] == []
