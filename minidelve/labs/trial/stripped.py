"""A copy of the product without a lab's answers, to lay under a student's files where nobody looks on.

    with stripped(lab) as product: tried(lab, folder, cases, product=product, confined=True)

The lab's files are the skeletons that were handed out. Of what holds the same answers a second time, functions keep
their names and lose their bodies. Whole rooms that no probe needs are left out, and with them the compiled kernels,
the tests, the texts, and all of the course but what the student's process runs.
"""

from __future__ import annotations

import ast
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from minidelve.labs.blanks import parsed, skeletons
from minidelve.labs.course import Lab
from minidelve.labs.overlay import ROOT, module_of

LEFT_OUT = (
    "kernels/cupy_cuda", "kernels/numba_cpu", "kernels/numba_cuda", "minidelve/bench", "minidelve/commands",
    "minidelve/experiments", "minidelve/interchange", "minidelve/labs", "minidelve/__main__.py", "minidelve/cli.py",
    "minidelve/testing/cases.py", "minidelve/testing/paths.py", "minidelve/testing/values.py",
)  # fmt: skip
TRIALS = "__init__", "calling", "child", "passing", "raised"
KEPT = tuple(  # the course's part in the student's process
    f"minidelve/labs/{name}.py" for name in ("__init__", "overlay", "task", *(f"trial/{name}" for name in TRIALS))
)
# By lab, other files in which its answers are written once more, or nearly.
SECOND = {
    2: ("minidelve/models/auxiliary.py",),
    3: ("kernels/reference/leaky_relu.py", "minidelve/ops/conv/activation.py", "minidelve/ops/leaky_relu.py"),
    4: (
        "kernels/reference/winograd.py", "minidelve/ops/conv/direct.py", "minidelve/ops/conv/simple.py",
        "minidelve/ops/conv/winograd.py",
    ),
    5: ("kernels/reference/avg_pool.py", "minidelve/ops/avg_pool2d.py"),
}  # fmt: skip


@contextmanager
def stripped(lab: Lab, root: Path = ROOT, others: Iterable[Lab] = ()) -> Iterator[Path]:
    """The root of such a copy, which goes with the block. `others`: labs whose blanks are emptied too."""
    with tempfile.TemporaryDirectory(prefix="minidelve-product-", ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        for file, text in stripped_files(lab, root, others).items():
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        yield folder


def stripped_files(lab: Lab, root: Path = ROOT, others: Iterable[Lab] = ()) -> dict[str, str]:
    """The files of the copy, by their place in the product."""
    files = {}
    for path in [*root.glob("kernels/**/*.py"), *root.glob("minidelve/**/*.py")]:
        file = path.relative_to(root).as_posix()
        if file in KEPT or not any(file == part or file.startswith(part + "/") for part in LEFT_OUT):
            files[file] = path.read_text(encoding="utf-8")
    files["kernels/numba_cpu/__init__.py"] = ""  # by which the backend knows that the package is ours
    own = skeletons(lab)
    given = {name for text in own.values() for name in imported(text)}  # a student may use what a blank file imports
    for file in SECOND.get(lab.number, ()):
        if file not in own and module_of(file) not in given:
            files[file] = hollow(files[file])
    for each in (*others, *lab.tried_on):
        files |= skeletons(each)
    return files


def imported(text: str) -> Iterator[str]:
    """The names of the modules that a source imports, and of what it takes from them.

    >>> sorted(imported("from kernels.reference.into import into"))
    ['kernels.reference.into', 'kernels.reference.into.into']
    """
    for node in ast.walk(parsed(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))


def hollow(text: str) -> str:
    """The source with its names and without what its functions do, and without its docstrings.

    >>> print(hollow('def half(x, by=2):\\n    "x / 2"\\n    return x / by'))
    def half(x, by=2):
        raise NotImplementedError('left out')
    """
    tree = parsed(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = parsed("raise NotImplementedError('left out')").body
        elif isinstance(node, ast.Module | ast.ClassDef) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or parsed("pass").body
    return ast.unparse(ast.fix_missing_locations(tree))
