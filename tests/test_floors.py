"""The floors of the house: imports only go down, from room to room and, where order matters, from file to file.

kernels < the ground < backend < tensor < ops < nn, optim < models, data, ... < commands < cli

Files are read, never imported, so an import hidden inside a function, under `if TYPE_CHECKING:`
or in importlib.import_module("...") counts like any other.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]

# Bottom to top. A name stands for the module or package and all below it. Modules of one floor
# may import each other, as long as no circle arises.
FLOORS = [
    {"kernels"},
    {"minidelve.errors", "minidelve.progress", "minidelve.interrupts", "minidelve.pytorch_names", "minidelve.disk"},
    {"minidelve.backend"},
    {"minidelve.tensor"},
    {"minidelve.ops"},
    {"minidelve.nn", "minidelve.optim"},
    {"minidelve.parallel", "minidelve.models", "minidelve.data"},
    {"minidelve.analysis", "minidelve.testing"},
    {"minidelve.training"},
    {"minidelve.evaluation", "minidelve.interchange"},
    {"minidelve"},  # the root re-exports what is below it
    {"minidelve.bench", "minidelve.experiments", "minidelve.labs"},
    {"minidelve.commands"},
    {"minidelve.cli", "minidelve.__main__"},
]
# Within a room, bottom to top: what a file may import of its own room lies on a lower shelf or on its own. A name
# stands for a file or folder and all below it; REST for all that are not named.
REST = "*"
SHELVES: dict[str, list[set[str]]] = {
    "minidelve.backend": [
        {"blas", "cuda_install", "dtypes", "numba_settings"}, {"compiling", "cuda", "threads"},
        {"arrays", "foreign", "memory"}, {"implementations", "streams"},
        {"precision", "sharing"},
    ],
    "minidelve.disk": [{"files", "lock", "npy"}, {"owning", "records"}],
    "minidelve.tensor": [{"array"}, {"walk"}, {"tensor"}, {"function"}],
    "minidelve.ops": [
        {"arguments", "broadcasting", "geometry", "layout", "pieces"}, {"calling_kernels"}, {REST}, {"conv"},
    ],
    "minidelve.ops.conv": [
        {"activation", "outliers", "scaffold", "winograd_matrices", "winograd_tiles"},
        {"im2col", "direct", "winograd", "simple"},
        {"choice"}, {"conv2d"},
    ],
    "minidelve.nn": [{"hidden"}, {"init", "module"}, {"layers", "sequential"}, {"chain"}],
    "minidelve.optim": [{"sgd"}, {"schedules", "loss_scale"}],
    "minidelve.models": [{"option", "network", "table"}, {REST}, {"catalogue", "build"}],
    "minidelve.data": [
        {"door", "dataset", "steady"}, {"sources", "images"}, {"layouts", "store", "toy"}, {"feeding", "fetching"},
        {"folder"}, {"opening"}, {"part"}, {"copying", "packing"},
    ],
    "minidelve.training": [
        {"computing", "curves", "device", "recipes", "step_log", "validation", "versions"}, {"config"}, {"meta"},
        {"checkpoint"}, {REST}, {"setting_up"}, {"loop"},
    ],
    "minidelve.evaluation": [
        {"footprint", "tally", "ten_views", "windows"}, {"crops", "dense"}, {"ensemble", "predict"}, {"report", "runs"},
        {REST}, {"trained_run"},
    ],
    "minidelve.interchange": [{"libraries"}, {REST}, {"forms"}],
    "minidelve.labs": [
        {"task", "overlay"}, {"course"}, {"blanks"}, {"trial"}, {"judging"}, {"student"}, {"lecturer"},
    ],
    "minidelve.bench": [
        {"timing", "twin", "work"}, {"case", "machine", "networks", "profile"}, {REST}, {"tables"},
        {"inference"}, {"report"},
    ],
    "minidelve.experiments": [
        {"rows", "statistics", "style"}, {"claims"}, {"comparison", "item", "layers"}, {"page", "parts", "trained"},
        {"courses", "large", "frame"}, {REST}, {"again"},
    ],
    "minidelve.commands": [
        {"meant"}, {"arguments", "config_file", "contact_sheet", "doctor_cuda", "new_file", "parser"}, {REST},
    ],
}  # fmt: skip
# What each kernel folder may import beside itself, the contract and the standard library.
KERNEL_LIBRARIES = {
    "contract": {"numpy"},
    "reference": {"numpy"},
    "numba_cpu": {"numpy", "numba", "llvmlite"},
    "cupy_cuda": {"numpy", "cupy"},
    "numba_cuda": {"numpy", "numba"},
}
STANDS_ALONE = "minidelve.data"  # imports nothing of minidelve but the ground and itself
GROUND = FLOORS[1]
OPENS_KERNELS = "minidelve.backend"  # the only one to import kernels or cupy


class Import(NamedTuple):
    line: int
    name: str


def in_package(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def floor_of(name: str) -> int | None:
    """The index in FLOORS; None if there is no entry. The entry of the root is for the root alone."""
    for floor, names in enumerate(FLOORS):
        if any(name == entry or entry != "minidelve" and in_package(name, entry) for entry in names):
            return floor
    return None


def modules_under(root: Path) -> dict[str, Path]:
    """Dotted name -> file, for every module of the two packages."""
    modules = {}
    for path in sorted(root.glob("minidelve/**/*.py")) + sorted(root.glob("kernels/**/*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return modules


def imports_of(name: str, path: Path, modules: dict[str, Path]) -> Iterator[Import]:
    """Every import in a file, as the full name of the module it reaches."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:  # from ..x import y
                home = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*home, base] if base else home)
            for alias in node.names:
                inner = f"{base}.{alias.name}"  # a module of ours, or only a name in one
                if (base, alias.name) != ("minidelve", "__version__"):
                    yield Import(node.lineno, inner if inner in modules else base)
        elif isinstance(node, ast.Call) and node.args:
            called = ast.unparse(node.func).rpartition(".")[2]
            if called in ("import_module", "__import__"):
                yield Import(node.lineno, constant_start(node.args[0]).rstrip("."))


def constant_start(node: ast.expr) -> str:
    """The text a string expression starts with: all of "a.b", the "a." of f"a.{x}", else nothing."""
    if isinstance(node, ast.JoinedStr) and node.values:
        node = node.values[0]
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def complaints(root: Path) -> list[str]:
    """One line for each import that breaks a rule of the house."""
    modules = modules_under(root)
    graph: dict[str, set[str]] = {}
    found = []
    for name, path in modules.items():
        if name == "minidelve":
            continue  # it re-exports, so it may reach anything
        file = path.relative_to(root).as_posix()
        if floor_of(name) is None:
            found.append(f"{file} stands on no floor: give it a floor in tests/test_floors.py")
            continue
        for line, target in imports_of(name, path, modules):
            why = broken_rule(name, target)
            if why:
                found.append(f"{file}:{line} imports {target}, {why}")
            elif target in modules and target != name:
                graph.setdefault(name, set()).add(target)
    circle = find_circle(graph)
    if circle:
        found.append("imports run in a circle: " + " -> ".join(circle))
    return found


def broken_rule(name: str, target: str) -> str | None:
    """Why module `name` must not import `target`; None if it may."""
    top = target.partition(".")[0]
    if in_package(name, "kernels"):
        return broken_kernel_rule(name, target)
    if top in ("kernels", "cupy") and not in_package(name, OPENS_KERNELS):
        return f"which only {OPENS_KERNELS} may"
    if top != "minidelve":
        return None
    allowed = (STANDS_ALONE, *GROUND)
    if in_package(name, STANDS_ALONE) and not any(in_package(target, entry) for entry in allowed):
        return f"but {STANDS_ALONE} imports nothing of minidelve but the ground"
    if climbs_a_shelf(name, target):
        return "which is on a higher shelf of the same room"
    own, other = floor_of(name), floor_of(target)
    if other is None:
        return "which stands on no floor: give it a floor in tests/test_floors.py"
    if own is not None and other > own:
        return "which is a higher floor"
    return None


def climbs_a_shelf(name: str, target: str) -> bool:
    """Whether both are files of one room with shelves, and the target's is the higher one."""
    for room, shelves in SHELVES.items():
        if in_package(name, room) and in_package(target, room) and room not in (name, target):
            own, other = (shelf_of(file.removeprefix(room + "."), shelves) for file in (name, target))
            if other > own:
                return True
    return False


def shelf_of(file: str, shelves: list[set[str]]) -> int:
    """The index of the shelf that names the file, or a folder above it; else that of REST; else the lowest."""
    named = [i for i, shelf in enumerate(shelves) if any(in_package(file, entry) for entry in shelf)]
    rest = [i for i, shelf in enumerate(shelves) if REST in shelf]
    return (named or rest or [0])[0]


def broken_kernel_rule(name: str, target: str) -> str | None:
    top = target.partition(".")[0]
    if top == "minidelve":
        return "which is a higher floor: kernels know raw arrays only"
    if top in sys.stdlib_module_names or not top:
        return None
    folder = name.split(".")[1] if "." in name else None
    if folder is None:
        return "but kernels/__init__.py loads nothing: minidelve.backend chooses the folder"
    if folder not in KERNEL_LIBRARIES:
        return f"but kernels/{folder} has no entry in KERNEL_LIBRARIES of tests/test_floors.py"
    if in_package(target, f"kernels.{folder}") or target == "kernels.contract" or top in KERNEL_LIBRARIES[folder]:
        return None
    return f"but kernels/{folder} may import only itself and {', '.join(sorted(KERNEL_LIBRARIES[folder]))}"


def find_circle(graph: dict[str, set[str]]) -> list[str] | None:
    """Modules that import each other in a circle, first one repeated at the end; None if there is none."""
    finished: set[str] = set()

    def walk(name: str, trail: list[str]) -> list[str] | None:
        if name in trail:
            return [*trail[trail.index(name) :], name]
        if name in finished:
            return None
        for target in sorted(graph.get(name, ())):
            circle = walk(target, [*trail, name])
            if circle:
                return circle
        finished.add(name)
        return None

    return next((circle for name in sorted(graph) if (circle := walk(name, []))), None)


def test_every_name_on_a_shelf_is_there():
    modules = modules_under(ROOT)
    named = [f"{room}.{file}" for room, shelves in SHELVES.items() for shelf in shelves for file in shelf - {REST}]
    assert [name for name in named if name not in modules] == []


def test_imports_only_go_down():
    assert "minidelve.backend" in modules_under(ROOT) and "kernels.reference" in modules_under(ROOT)
    assert complaints(ROOT) == []


# ---- the test above is only as good as its eyes: plant faults and see that each is found ----


# file, its new source, the complaint
FAULTS = [
    ("minidelve/tensor/tensor.py", "\nimport minidelve.ops.softmax",
     "tensor.py:2 imports minidelve.ops.softmax, which is a higher floor"),
    ("minidelve/tensor/tensor.py", "from minidelve import ops",
     "minidelve/tensor/tensor.py:1 imports minidelve.ops, which is a higher floor"),
    ("minidelve/tensor/tensor.py", "from ..ops.softmax import f",
     "imports minidelve.ops.softmax, which is a higher floor"),
    ("minidelve/tensor/tensor.py", "def f():\n    from minidelve.ops import softmax",
     "tensor.py:2 imports minidelve.ops.softmax"),
    ("minidelve/tensor/tensor.py", "from minidelve import Tensor", "imports minidelve, which is a higher floor"),
    ("minidelve/tensor/tensor.py", "import kernels.reference", "which only minidelve.backend may"),
    ("minidelve/tensor/tensor.py", "import cupy as cp", "imports cupy, which only minidelve.backend may"),
    ("minidelve/tensor/tensor.py", "m = importlib.import_module(f'kernels.{x}')", "imports kernels, which only"),
    ("minidelve/tensor/tensor.py", "import minidelve.surprise", "stands on no floor: give it a floor"),
    ("minidelve/surprise.py", "", "minidelve/surprise.py stands on no floor: give it a floor"),
    ("minidelve/data/toy.py", "from ..tensor import Tensor", "minidelve.data imports nothing of minidelve"),
    ("minidelve/nn/init.py", "from minidelve.nn import layers",
     "nn.layers, which is on a higher shelf of the same room"),
    ("minidelve/nn/other.py", "from .layers import Conv2d", "nn.layers, which is on a higher shelf of the same room"),
    ("minidelve/ops/prelu.py", "from minidelve.ops.conv.conv2d import conv2d", "which is on a higher shelf"),
    ("minidelve/ops/softmax.py", "from . import pool", "circle: minidelve.ops.pool -> minidelve.ops.softmax ->"),
    ("kernels/__init__.py", "from kernels import reference", "kernels/__init__.py loads nothing"),
    ("kernels/contract.py", "from kernels import reference", "kernels/contract may import only itself and numpy"),
    ("kernels/reference/conv.py", "import minidelve.tensor", "kernels know raw arrays only"),
    ("kernels/reference/conv.py", "import numba", "kernels/reference may import only itself and numpy"),
    ("kernels/numba_cpu/conv.py", "from kernels.reference import conv", "only itself and llvmlite, numba, numpy"),
    ("kernels/new_chip/conv.py", "import numpy", "kernels/new_chip has no entry in KERNEL_LIBRARIES"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "source", "expected"), FAULTS)
def test_a_planted_fault_is_found(tmp_path, file, source, expected):
    build_house(tmp_path, {file: source})
    found = complaints(tmp_path)
    assert len(found) == 1 and expected in found[0], found


def test_a_sound_house_has_no_complaints(tmp_path):
    loop = "from minidelve import __version__\nfrom minidelve.training import validation\nimport tqdm"
    build_house(tmp_path, {"minidelve/training/loop.py": loop})
    assert complaints(tmp_path) == []


def build_house(root: Path, changes: dict[str, str]) -> None:
    sound = {
        "kernels/__init__.py": "",
        "kernels/contract.py": "from typing import Protocol",
        "kernels/reference/__init__.py": "from kernels.reference.conv import im2col\nfrom kernels import contract",
        "kernels/reference/conv.py": "import math\nimport numpy as np",
        "kernels/numba_cpu/conv.py": "import numba",
        "minidelve/__init__.py": "from minidelve.cli import main\n__version__ = '0'",
        "minidelve/backend/__init__.py": "import cupy, kernels\nimportlib.import_module(f'kernels.{name}')",
        "minidelve/tensor/__init__.py": "from minidelve.tensor.tensor import Tensor",
        "minidelve/tensor/tensor.py": "from minidelve.backend import array_module",
        "minidelve/ops/__init__.py": "from minidelve.ops.softmax import softmax\nfrom . import pool",
        "minidelve/ops/softmax.py": "from minidelve.tensor import Tensor",
        "minidelve/ops/pool.py": "from .softmax import softmax",
        "minidelve/data/toy.py": "import numpy",
        "minidelve/nn/__init__.py": "from minidelve.nn.layers import Conv2d",
        "minidelve/nn/layers.py": "from .module import Module",
        "minidelve/nn/module.py": "",
        "minidelve/nn/init.py": "from minidelve.nn import module",
        "minidelve/training/__init__.py": "",
        "minidelve/training/validation.py": "from minidelve import ops",
        "minidelve/cli.py": "def main():\n    import minidelve.training.loop, minidelve",
    }
    for file, source in {**sound, **changes}.items():
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
