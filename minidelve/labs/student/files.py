"""A student's files of a lab, looked at without running any of them: are they there, and can they be called?"""

from __future__ import annotations

import ast
import copy
from dataclasses import dataclass
from pathlib import Path

from minidelve.disk.files import read_file
from minidelve.errors import UserError, shown
from minidelve.labs.blanks import Defined, found, function, handed_out, is_blank, original, parsed
from minidelve.labs.course import Lab

MOST_BYTES = 2**20  # of a source file


@dataclass(frozen=True)
class StudentFile:
    """A file of a lab that can be tried. left: the functions whose bodies are still to be written."""

    lab: int
    file: str
    path: Path
    text: str
    left: tuple[str, ...]


def student_files(lab: Lab, folder: Path) -> dict[str, StudentFile]:
    """The files of a lab in a student's folder, by their place in the product.

    UserError that names the line, for one that is missing, is not Python, or lacks a function or its signature.
    """
    return {file: student_file(lab, folder, file) for file in lab.blanks}


def student_file(lab: Lab, folder: Path, file: str) -> StudentFile:
    """One of them."""
    path = folder / file
    text = text_of(path, f"`minidelve lab start {lab.number} {folder}` writes what is missing, and nothing else")
    try:
        tree = parsed(text)
    except SyntaxError as error:
        raise UserError(
            f"{path}, line {error.lineno}: {error.msg}", cure="mend that line, or the one before it"
        ) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise UserError(f"{path} is not Python ({error or 'it is nested too deeply'})") from None
    expected = handed_out(lab, file) if lab.variant else original(file)
    try:
        blanks = {name: checked(tree, name, found(expected, name, file), path) for name in lab.blanks[file]}
    except UserError:
        raise
    except (ValueError, RecursionError, MemoryError) as error:  # of arguments that are too large to be written out
        raise UserError(f"{path}: its arguments cannot be read ({error or 'they are nested too deeply'})") from None
    return StudentFile(lab.number, file, path, text, tuple(name for name, node in blanks.items() if is_blank(node)))


def text_of(path: Path, cure: str) -> str:
    """What a file says; UserError if it cannot be read, with the cure for one that is missing."""
    try:
        return read_file(path, MOST_BYTES).decode("utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{path} is missing", cure=cure) from None
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror or error})") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not text in UTF-8", cure="save it as UTF-8 in the editor") from None


def checked(tree: ast.Module, name: str, right: Defined, path: Path) -> Defined:
    """The student's function of that name; UserError if it is missing or cannot be called as the product's can."""
    node = function(tree, name)
    if node is None:
        place = f"the class {name.rpartition('.')[0]}" if "." in name else "the file itself"
        cure = f"write it with `def`, in {place}"
        raise UserError(f"{path}: there is no function {shown(name)}", expected=signature(right), cure=cure)
    if signature(node) != signature(right) or type(node) is not type(right):
        found = f"{path}, line {node.lineno}: {signature(node)} has another signature"
        raise UserError(found, expected=signature(right), cure="put the arguments back: the product calls it so")
    return node


def signature(node: Defined) -> str:
    """How a function is called: its name, its arguments and their defaults, without annotations.

    >>> signature(ast.parse("def f(x: int, *, out=None) -> int: pass").body[0])
    'f(x, *, out=None)'
    """
    arguments = copy.deepcopy(node.args)
    for each in ast.walk(arguments):
        if isinstance(each, ast.arg):
            each.annotation = None
    return f"{node.name}({ast.unparse(arguments)})"
