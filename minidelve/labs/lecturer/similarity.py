"""Which submissions were written alike: a question to ask two students, and never a mark.

A function is compared by its syntax tree: names, comments, spaces and the order of the functions in a file do not
count. What its tree says in K steps in a row is a print; two functions are as alike as their prints overlap.

Most right answers to a short task look alike, and many lead to the product's own body. So these are left out:

    functions of fewer than LONG steps
    functions that resemble one of the product's file, as handed out or as it is
    prints that more than COMMON of all students have, if they are more than FEW

>>> one = prints("def f(x):\\n    y = [i * i for i in x]\\n    return sum(y)")
>>> two = prints("def f(rows):\\n    squares = [row * row for row in rows]  # renamed\\n    return sum(squares)")
>>> one == two
True
"""

from __future__ import annotations

import ast
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from minidelve.labs.blanks import Defined, parsed

K = 12  # steps of a print
LONG = 110  # steps of a function, from which on two people do not write the same by chance
ALIKE = 0.7  # of the smaller function's prints, from which on it is a question
RESEMBLES = 0.5  # of a function's prints that the product's has too: it goes the product's way
COMMON, FEW = 0.25, 5  # of all students
SKIPPED = ast.Load | ast.Store | ast.Del | ast.arguments
Prints = frozenset[int]


@dataclass(frozen=True)
class Pair:
    """Two students whose functions of one name are alike. share: of the smaller one's prints, from 0 to 1."""

    first: str
    second: str
    function: str
    share: float


def similar(students: Mapping[str, Mapping[str, Prints]]) -> list[Pair]:
    """The pairs to ask about, the most alike first. students: of each what of_student gives."""
    by_function: dict[str, dict[str, Prints]] = {}
    for student, functions in students.items():
        for name, found in functions.items():
            by_function.setdefault(name, {})[student] = found
    pairs = []
    for function, of in by_function.items():
        rare = without_common(of, len(students))
        for first, second in combinations(sorted(rare), 2):
            share = overlap(rare[first], rare[second])
            if share >= ALIKE:
                pairs.append(Pair(first, second, function, share))
    return sorted(pairs, key=lambda pair: -pair.share)


def of_student(files: Mapping[str, str], products: Mapping[str, str]) -> dict[str, Prints]:
    """The prints of a student's long functions, by "file:function", without those that resemble the product's.

    files       the texts of the student's files, by file
    products    the product's texts of the same files
    """
    kept = {}
    for file, text in files.items():
        theirs = [prints_of(node) for _, node in functions(products.get(file, ""))]
        for name, node in functions(text):
            own = prints_of(node)
            if len(steps(node)) >= LONG and not any(overlap(own, other) > RESEMBLES for other in theirs):
                kept[f"{file}:{name}"] = own
    return kept


def without_common(of: Mapping[str, Prints], students: int) -> dict[str, Prints]:
    """The prints that few students have; functions that keep hardly any are left out."""
    counts = Counter(each for found in of.values() for each in found)
    most = max(FEW, COMMON * students)
    rare = {student: frozenset(each for each in found if counts[each] <= most) for student, found in of.items()}
    return {student: found for student, found in rare.items() if 2 * len(found) >= len(of[student]) > 0}


def overlap(one: Prints, two: Prints) -> float:
    """Which part of the smaller one's prints the larger one has."""
    smaller = min(len(one), len(two))
    return len(one & two) / smaller if smaller else 0.0


def functions(text: str) -> Iterator[tuple[str, Defined]]:
    """The functions and methods of a file, by name; none of what is no Python."""
    try:
        tree = parsed(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in tree.body:
        if isinstance(node, Defined):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}.{inner.name}", inner) for inner in node.body if isinstance(inner, Defined))


def prints(text: str) -> Prints:
    """The prints of a text's first function."""
    return prints_of(next(functions(text))[1])


def prints_of(node: Defined) -> Prints:
    """The prints of a function's body."""
    found = steps(node)
    return frozenset(zlib.crc32("\n".join(found[i : i + K]).encode()) for i in range(max(1, len(found) - K + 1)))


def number(x: float) -> str:
    """A number in a word; repr() refuses an int of thousands of digits."""
    return hex(x) if type(x) is int else repr(x)


def steps(node: Defined) -> list[str]:
    """A body as the words of its syntax tree: kinds of nodes, attributes, numbers; every name is the same."""
    has_docstring = ast.get_docstring(node, clean=False) is not None
    found: list[str] = []
    stack: list[ast.AST] = list(reversed(node.body[1:] if has_docstring else node.body))
    while stack:
        at = stack.pop()
        if isinstance(at, ast.Attribute):
            found.append(f".{at.attr}")
        elif isinstance(at, ast.Constant):
            found.append(number(at.value) if isinstance(at.value, (int, float)) else type(at.value).__name__)
        elif not isinstance(at, SKIPPED):
            found.append(type(at).__name__)
        children = [c for name, c in ast.iter_fields(at) if name not in ("annotation", "returns", "type_comment")]
        nested = [c for child in children for c in (child if isinstance(child, list) else [child])]
        stack += reversed([c for c in nested if isinstance(c, ast.AST)])
    return found
