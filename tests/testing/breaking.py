"""Breaking a line of the source on purpose: an operator is turned around in one file, and later turned back."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import NamedTuple

from tests.helpers import ROOT

TURNED = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Gt: ast.LtE, ast.LtE: ast.Gt,
    ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
}  # fmt: skip


class Break(NamedTuple):
    """An operator of a file: the number of it, and where it stands."""

    file: str
    index: int
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.text}"


def arithmetic(tree: ast.Module) -> Iterator[ast.AST]:
    """The operators inside functions, but for those of whole checks that raise."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            refusals = {id(part) for node in ast.walk(function) if isinstance(node, ast.If) and raises(node)
                        for part in ast.walk(node)}  # fmt: skip
            for node in ast.walk(function):
                turns = isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in TURNED
                compares = isinstance(node, ast.Compare) and type(node.ops[0]) in TURNED
                minus = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
                if (turns or compares or minus) and id(node) not in refusals:
                    yield node


def raises(node: ast.If) -> bool:
    return any(isinstance(part, ast.Raise) for part in ast.walk(node))


def breaks(file: str) -> list[Break]:
    """Every operator of a file that can be turned around."""
    source = (ROOT / file).read_text(encoding="utf-8")
    nodes = unique(arithmetic(ast.parse(source)))
    return [Break(file, i, node.lineno, ast.unparse(node)) for i, node in enumerate(nodes)]


def unique(nodes: Iterator[ast.AST]) -> list[ast.AST]:
    return list({id(node): node for node in nodes}.values())


@contextmanager
def broken(which: Break) -> Iterator[None]:
    """Inside this block the file's functions are those of the broken source."""
    tree = ast.parse((ROOT / which.file).read_text(encoding="utf-8"))
    node = unique(arithmetic(tree))[which.index]
    if isinstance(node, ast.UnaryOp):
        node.op = ast.UAdd()
    elif isinstance(node, ast.Compare):
        node.ops[0] = TURNED[type(node.ops[0])]()
    else:
        node.op = TURNED[type(node.op)]()
    name = which.file.removesuffix(".py").replace("/", ".")
    module = importlib.import_module(name)
    other = ModuleType(name)
    other.__file__ = module.__file__
    exec(compile(tree, which.file, "exec"), other.__dict__)
    mine, theirs = functions(module), functions(other)
    assert mine.keys() == theirs.keys()
    before = {key: function.__code__ for key, function in mine.items()}
    try:
        for key, function in mine.items():
            function.__code__ = theirs[key].__code__
        forget(module)
        yield
    finally:
        for key, function in mine.items():
            function.__code__ = before[key]
        forget(module)


def forget(module: ModuleType) -> None:
    """Clear what the module's cached functions remember."""
    for value in vars(module).values():
        if hasattr(value, "cache_clear"):
            value.cache_clear()


def functions(module: ModuleType) -> dict[str, FunctionType]:
    """The functions and methods that a module defines, by their names."""
    found = {}
    for name, value in vars(module).items():
        value = inspect.unwrap(value) if callable(value) else value
        if isinstance(value, FunctionType) and value.__module__ == module.__name__:
            found[name] = value
        elif isinstance(value, type) and value.__module__ == module.__name__:
            for inner, method in vars(value).items():
                method = method.__func__ if isinstance(method, staticmethod | classmethod) else method
                method = inspect.unwrap(method) if callable(method) else method
                if isinstance(method, FunctionType):
                    found[f"{name}.{inner}"] = method
    return found
