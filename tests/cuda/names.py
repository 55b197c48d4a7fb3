"""What the `cupy` of this process has: its public names and their parameters, as JSON.

    python tests/cuda/names.py            every name of the stand-in (PYTHONPATH=tests/cuda/fake)
    python tests/cuda/names.py NAME ...   these names of whatever cupy is found; null for one that is not there

For each name: {"parameters": [[name, default or null, "by position" or "by name"], ...]}, or null in place of the list
where they are not known (constants, or functions in C without a signature).
"""

import importlib
import inspect
import json
import re
import sys
from pathlib import Path
from types import ModuleType

MODULES = ["", ".random", ".cuda", *(f".cuda.{name}" for name in (
    "cublas", "device", "driver", "memory", "pinned_memory", "runtime", "stream"))]  # fmt: skip


def everything():
    """All public names of the stand-in, with those of its classes: 'cuda.Stream.record'."""
    for path in MODULES:
        module = importlib.import_module(f"cupy{path}")
        for name, value in vars(module).items():
            own = getattr(value, "__module__", None) or "cupy"  # a constant has no module
            if name.startswith("_") or isinstance(value, ModuleType) or not own.startswith("cupy"):
                continue
            whole = f"{path}.{name}".lstrip(".")
            yield whole
            if inspect.isclass(value):
                yield from (f"{whole}.{part}" for part in vars(value) if not part.startswith("_"))


def described(name):
    value = find(name)
    return None if value is None else {"parameters": parameters(name, value)}


def find(name):
    """What the dotted name stands for; None if there is no such thing."""
    value = importlib.import_module("cupy")
    for part in name.split("."):
        try:
            value = getattr(value, part)
        except (AttributeError, ImportError):  # cupy.cuda.cublas cannot be imported without cuBLAS
            return text_of_cublas(name)
    return value


def text_of_cublas(name):
    """For cuda.cublas.f without cuBLAS: the line that its docstring begins with, from the compiled module's file."""
    if not name.startswith("cuda.cublas."):
        return None
    (file,) = Path(importlib.import_module("cupy_backends.cuda.libs").__file__).parent.glob("cublas*.so")
    last = re.escape(name.rpartition(".")[2].encode())
    found = [match.decode() for match in re.findall(rb"\b" + last + rb"\b(?:\([a-z][^()]*\))?", file.read_bytes())]
    return max(found, key=len, default=None)


def parameters(name, value):
    """[[name, default, how it is given], ...] without self; None if nothing says."""
    if isinstance(value, str) and name.startswith("cuda.cublas."):
        return from_text(value)
    if not callable(value):
        return None
    written = from_text((value.__doc__ or "").strip().partition("\n")[0])  # functions in C have no other signature
    if written is not None:
        return written
    try:
        found = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):
        return None
    keyword = inspect.Parameter.KEYWORD_ONLY
    return [
        [p.name, default_of(p), "by name" if p.kind is keyword else "by position"]
        for p in found
        if p.name != "self" and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]


def default_of(parameter):
    default = parameter.default
    return None if default is parameter.empty else getattr(default, "__name__", repr(default))


def from_text(line):
    """Parameters from a docstring's first line, 'f(self, size_t x, axis=None, *, out=None)'."""
    line = line.replace("\\", "")
    inside = re.search(r"^[\w.]+\((.*?)\)(?: ->.*)?$", line)
    if inside is None or "**" in line:
        return None
    found, how = [], "by position"
    for part in re.split(r",\s*(?![^()]*\))", inside[1]):
        before, _, default = part.partition("=")
        before = before.partition(":")[0].strip()
        if before == "*":
            how = "by name"
        elif before not in ("", "/", "self"):
            found.append([before.split()[-1], default.removeprefix("numpy.").replace('"', "'") or None, how])
    return found


if __name__ == "__main__":
    asked = sys.argv[1:] or sorted(set(everything()))
    json.dump({name: described(name) for name in asked}, sys.stdout)
