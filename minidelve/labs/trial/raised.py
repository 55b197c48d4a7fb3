"""What Python's errors say to a student: for those that beginners meet most, the second and the third hint.

calling.py writes them down where they are raised, and `as_told` adds what their words leave out: which function of the
student's returned None, or how many results; where a name lies that was meant.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Collection
from types import CodeType
from typing import Any

import numpy as np

RESULTS = re.compile(r"unpack|came back is not|inhomogeneous|'(?:tuple|list)' object")
ANY = "it raises an error"
READ_THE_LINE = "Read the line that is named, with the shapes of this case beside it."
READ_THE_RESULT = "No line of yours raised it: look at what you return, how many results and of which shape."
KNOWN = (
    (r"NameError: .*\(self\.(\w+) is there\)",
     "an attribute is used without self",
     "Inside a method the object's own names begin with self: write self.{0}."),
    (r"NameError: name '(np|numpy)' is not defined",
     "a module is not imported",
     "Write `import numpy as np` at the top of the file, as it was when it was handed out."),
    (r"NameError: name '(\w+)' is not defined",
     "a name is used that this file does not have",
     "Is {0} spelled as where it is made, and is it imported at the top of the file, or an argument?"),
    (r"UnboundLocalError: .*variable '(\w+)'",
     "a variable is read before it has a value",
     "A function that assigns to {0} anywhere has a variable {0} of its own: give it a value first, on every way."),
    (r"\w+: (\w+) returned None",
     "a return is missing",
     "A function without `return` gives None: end {0} with a return of its result."),
    (r"\w+: (\w+) returned a \w+ of \d+ with None in it",
     "one of the results is None",
     "Compute every result of {0} before its return, and give each its own name there."),
    (r"\w+: (\w+) returned (.+?), where (.+?) (?:is|are) taken",
     "another number of results is returned",
     "{0} is to return {2}, in one tuple; the lab's README says in which order."),
    (r"\w+: (\w+) returned (.+?), expected an array",
     "what is returned is no array of numbers",
     "Return the array alone. Two results in one pair of brackets, or a list of rows of several lengths, is none."),
    (r"TypeError: (.+) is None, expected",
     "a return is missing",
     "A function without `return` gives None, as {0} is here: end the function with a return of its result."),
    (r"TypeError: .*NoneType",
     "something is None",
     "Does the function that gave it end with a return? An argument that was left out is None as well."),
    (r"(?:TypeError|ValueError): .*unpack",
     "the number of names and of results is not the same",
     "On the left of = stand as many names as the right has results: print what the right is."),
    (r"AttributeError: '(?!ndarray)(\w+)' object has no attribute '(\w+)'",
     "an attribute is read that nobody has set",
     "Which method should have set {1} (self.{1} = ...), and is it called before this one?"),
    (r"ValueError: (?:operands could not be broadcast|could not broadcast|.*shape-mismatch|non-broadcastable)",
     "two shapes do not fit",
     "Write both under each other, lined up at the right: each pair of lengths is equal, or one of them is 1."),
    (r"ValueError: matmul|ValueError: shapes .* not aligned",
     "two matrices do not fit",
     "In A @ B the last length of A is the last but one of B. Which of them must be transposed?"),
    (r"IndexError",
     "an index lies outside of its array",
     "A length of n has the indices 0 to n - 1. Which axis is indexed here, and how long is it in this case?"),
    (r"RecursionError",
     "a function calls itself without an end",
     "Which call is the last, and is it ever reached? Long chains want a loop and a list in place of calls."),
    (r"(?:ModuleNotFoundError|ImportError)",
     "something cannot be imported",
     "The labs are written with NumPy, the standard library and what the file imports when it is handed out."),
)  # fmt: skip


def explained(error: str, line: str) -> tuple[str, str]:
    """The second and the third hint for an error, "NameError: name 'np' is not defined", that a line has raised.

    >>> explained("TypeError: prelu_backward returned None (...)", "prelu.py:13")
    ('a return is missing', 'A function without `return` gives None: end prelu_backward with a return of its result.')
    """
    for pattern, kind, sentence in KNOWN:
        if found := re.match(pattern, error):
            return kind, sentence.format(*found.groups())
    return ANY, READ_THE_LINE if line else READ_THE_RESULT


# ---- in the process of the student's code ----


def as_told(error: Exception, call: Callable[[], Any], files: Collection[str], own_line: str) -> tuple[str, str]:
    """An error in words, and its line in these files, "file:14".

    Where it is raised outside of them, `call` is made again, to see which function of theirs gave what is of no use.
    """
    said = f"{type(error).__name__}: {error}"
    if own_line:
        return (f"{said} (self.{name} is there)" if (name := meant_of_self(error)) else said), own_line
    count = re.search(r"expected (\d+)|is not (the pair \(.*\))", str(error))
    of_none = "None" in said
    if not of_none and not RESULTS.search(said):
        return said, ""
    returned = [(code, value) for code, value in watched(call, files) if value is None or not of_none]
    if not returned:
        return said, ""
    code, value = returned[-1]
    name, kind = code.co_name, type(error).__name__
    line = next(f"{file}:{code.co_firstlineno}" for file in files if is_in(code, file))
    if value is None:
        return f"{kind}: {name} returned None ({error})", line
    expected = "expected an array of numbers"
    if count:
        expected = f"where {count[1]} results are taken" if count[1] else f"where {count[2]} is taken"
    return f"{kind}: {name} returned {described(value)}, {expected}", line


def meant_of_self(error: Exception) -> str:
    """The name of a NameError, where the method that raised it has an object with an attribute of that name."""
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    me = where.tb_frame.f_locals.get("self") if where is not None else None
    name = getattr(error, "name", None) if isinstance(error, NameError) else None
    return name if name and me is not None and hasattr(me, name) else ""


def watched(call: Callable[[], Any], files: Collection[str]) -> list[tuple[CodeType, Any]]:
    """What the functions in these files returned, in their order, while `call` was made; its error is let go."""
    returned: list[tuple[CodeType, Any]] = []

    def look(frame: Any, event: str, value: Any) -> None:
        if (
            event == "return"
            and not frame.f_code.co_name.startswith("<")
            and any(is_in(frame.f_code, f) for f in files)
        ):
            returned.append((frame.f_code, value))

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        call()
    except Exception:
        pass
    finally:
        sys.setprofile(before)
    return returned


def is_in(code: CodeType, file: str) -> bool:
    """Whether a function is written in this file."""
    return code.co_filename.replace("\\", "/").endswith("/" + file)


def described(value: Any) -> str:
    """A result in a few words.

    >>> described((1, 2, 3)), described((1, None)), described(np.zeros((2, 3))), described(0.5)
    ('a tuple of 3', 'a tuple of 2 with None in it', 'one array of shape (2, 3)', 'a float')
    """
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}" + (
            " with None in it" if any(x is None for x in value) else ""
        )
    return f"one array of shape {value.shape}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"
