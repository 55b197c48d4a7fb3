"""The blanks of a lab: the product's file of today with some bodies removed, and with what gives them away.

    "minidelve/ops/prelu.py:PReLU.backward"        a blank, as lab.py names it

The syntax tree says which lines a body has. They alone are replaced: signatures, docstrings, comments and all the rest
stay letter by letter. A blank or a cut that the source does not have any more is an error, which stops a test.
"""

from __future__ import annotations

import ast
import io
import itertools
import tokenize
import warnings
from collections.abc import Iterable
from pathlib import Path

from minidelve.labs.course import Lab
from minidelve.labs.overlay import ROOT

DERIVE = "...    for you to derive"
Defined = ast.FunctionDef | ast.AsyncFunctionDef


class Vanished(LookupError):
    """The source has no such function, or no such line in a docstring."""


def skeletons(lab: Lab) -> dict[str, str]:
    """The files of a lab as they are handed out, by their place in the product."""
    return {file: handed_out(lab, file) for file in lab.blanks}


def handed_out(lab: Lab, file: str) -> str:
    """One file: the variant's own, where it has one, else the product's of today, emptied."""
    own = lab.folder / "files" / file
    if lab.variant and own.exists():
        text = own.read_text(encoding="utf-8")
        if filled := [name for name in lab.blanks[file] if not is_blank(found(text, name, file))]:
            raise Vanished(f"{file} of variant {lab.variant} has a body in {', '.join(filled)}; expected a blank")
        return text
    return emptied(original(file), lab.blanks[file], lab.cuts.get(file, ()), lab.number, file)


def original(file: str, root: Path = ROOT) -> str:
    """The product's file."""
    return (root / file).read_text(encoding="utf-8")


def emptied(text: str, names: Iterable[str], cuts: Iterable[str], number: int, file: str = "the source") -> str:
    """The text without the bodies of these functions and without these lines of its docstrings.

    >>> print(emptied('def half(x):\\n    # a secret\\n    return x / 2', ["half"], [], 3))
    def half(x):
        raise NotImplementedError("lab 3: half")
    """
    lines = text.split("\n")
    edits: list[tuple[int, int, list[str]]] = []  # lines from, to (exclusive, from 0), and what takes their place
    for name in names:
        start, end, indent = body_of(found(text, name, file), text, f"{file}: {name}")
        edits.append((start, end, [f'{indent}raise NotImplementedError("lab {number}: {name}")']))
    edits += cuts_of(text, cuts, file)
    for start, end, new in sorted(edits, reverse=True):
        lines[start:end] = new
        if not new and not lines[start - 1].strip() and lines[start].strip() in ("", '"""'):
            del lines[start - 1]  # the empty line before what was cut
    return "\n".join(lines)


def parsed(text: str) -> ast.Module:
    """The syntax tree. SyntaxError, ValueError, RecursionError or MemoryError for what is no Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def found(text: str, name: str, file: str) -> Defined:
    """The definition of a function, "prelu" or "PReLU.backward"; Vanished if there is none."""
    node = function(parsed(text), name)
    if node is None:
        raise Vanished(f"{file} has no function {name}")
    return node


def function(tree: ast.Module, name: str) -> Defined | None:
    """The function of that name in a file's tree; the last, as in Python, if there are several."""
    *classes, last = name.split(".")
    inside: ast.Module | ast.ClassDef = tree
    for each in classes:
        holders = [node for node in inside.body if isinstance(node, ast.ClassDef) and node.name == each]
        if not holders:
            return None
        inside = holders[-1]
    functions = [node for node in inside.body if isinstance(node, Defined) and node.name == last]
    return functions[-1] if functions else None


def is_blank(node: Defined) -> bool:
    """Whether the body is still the NotImplementedError that was handed out."""
    body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    if len(body) != 1 or not isinstance(body[0], ast.Raise) or not isinstance(body[0].exc, ast.Call):
        return False
    return ast.unparse(body[0].exc).startswith("NotImplementedError('lab ")


def body_of(node: Defined, text: str, name: str) -> tuple[int, int, str]:
    """The lines of a body, from 0, the docstring left out, and how far they are indented."""
    first, end = node.body[0], node.end_lineno
    has_docstring = ast.get_docstring(node, clean=False) is not None
    start = first.end_lineno if has_docstring else end_of_header(node, text)
    assert start is not None and end is not None
    if start >= end:
        raise Vanished(f"{name} has no body on lines of its own")
    return start, end, " " * first.col_offset


def end_of_header(node: Defined, text: str) -> int:
    """How many lines of the text there are up to the colon of a `def`."""
    rest = "\n".join(text.split("\n")[node.lineno - 1 :]) + "\n"
    tokens = tokenize.generate_tokens(io.StringIO(rest).readline)
    return node.lineno - 1 + next(token.start[0] for token in tokens if token.type == tokenize.NEWLINE)


def cuts_of(text: str, cuts: Iterable[str], file: str) -> list[tuple[int, int, list[str]]]:
    """The edits that take these lines out; where a derivation had lines of its own, one says that they are missing."""

    def only_cuts(start: int, end: int) -> bool:
        return all(at in places or not lines[at].strip() for at in range(start, end))

    lines = text.split("\n")
    places: dict[int, int] = {}
    for cut in cuts:
        places |= places_of(text, cut, file)
    edits: list[tuple[int, int, list[str]]] = []
    said = 0  # where the last line that says so ends
    for start in sorted(at for at in places if at - 1 not in places):
        end = next(at for at in itertools.count(start) if at not in places)
        indent = lines[start][: len(lines[start]) - len(lines[start].lstrip())]
        is_formula = len(indent) > places[start]
        is_doctest = any(line.lstrip().startswith((">>>", "...")) for line in lines[start - 1 : end])
        new = [indent + DERIVE] if is_formula and not is_doctest and not (said and only_cuts(said, start)) else []
        said = end if new else said
        edits.append((start, end, new))
    return edits


def places_of(text: str, line: str, file: str) -> dict[int, int]:
    """Where a line stands in docstrings, from 0, and how far each of these is indented; Vanished if nowhere."""
    lines = text.split("\n")
    places: dict[int, int] = {}
    for node in ast.walk(parsed(text)):
        if isinstance(node, ast.Module | ast.ClassDef | Defined) and ast.get_docstring(node, clean=False) is not None:
            first = node.body[0]
            held = range(first.lineno - 1, first.end_lineno or 0)
            places |= {at: first.col_offset for at in held if lines[at] == line}
    if not places:
        raise Vanished(f"{file} has no line {line!r} in a docstring")
    return places
