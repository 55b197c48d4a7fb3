"""What a user can meet when something cannot be done: one exception for each kind, and how all are worded.

Every message is one line of up to three parts: what was found, what was expected, and the cure.

>>> raise RunError("--short-side 40 is smaller than the crop", expected="at least 56", cure="leave it out")
Traceback (most recent call last):
    ...
minidelve.errors.RunError: --short-side 40 is smaller than the crop; expected at least 56; leave it out

Whatever stands in a message, it stays one line that a terminal shows as it is: `one_line` shortens and escapes it.
A value is put in with `shown`.

A program may print it alone and stop, with exit code 2: no traceback helps against a truncated JPEG. A fault of
our own is not a UserError and keeps its traceback.
"""

from __future__ import annotations

import re
import reprlib
from typing import Any

LONGEST_PART = 800  # letters of what was found, of what was expected and of the cure
LONGEST_WORD = 250  # longer than most paths
LONGEST_VALUE = 80
BYTES = re.compile(r"""\bb('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""")  # b'text', which libraries put into messages


class UserError(ValueError):
    """Something that the user can mend.

    found      the value, by the name that the user knows it under, and what is wrong with it
    expected   what would have been right
    cure       what to do
    """

    def __init__(self, found: str, *, expected: str = "", cure: str = ""):
        parts = [found, f"expected {expected}" if expected else "", cure]
        super().__init__("; ".join(one_line(part) for part in parts if part))


class DataError(UserError):
    """The user's data cannot be used as it is."""


class DataChanged(DataError):
    """A file of the data set is another one than when it was opened. No image that is left out mends that."""


class MissingSplit(DataError):
    """The data set is there but has no such split, as ImageNet's validation images without the others."""


class RunError(UserError):
    """A run that cannot start or go on as asked."""


class Diverged(RunError):
    """A loss, a gradient or a weight that is not finite."""


class CheckpointError(UserError):
    """A checkpoint file that is missing, damaged or of another kind."""


def one_line(text: str) -> str:
    r"""A text for a message: printable, on one line, of bounded length, and without Python's notation for bytes.

    >>> print(one_line("two\nlines, \x1b[31mred\x1b[0m, b'bytes'"))
    two\nlines, \x1b[31mred\x1b[0m, 'bytes'
    >>> len(one_line("a" * 5000)), len(one_line("a " * 5000))
    (250, 800)
    """
    text = shortened(text, 20 * LONGEST_PART)  # so that the rest takes no time
    text = BYTES.sub(lambda quoted: shortened(quoted[1], LONGEST_VALUE), text)
    words = [shortened(word, LONGEST_WORD) for word in escaped(text).split(" ")]
    return shortened(" ".join(words), LONGEST_PART)


def shown(value: Any) -> str:
    r"""A value in a message, as Python writes it, shortened.

    >>> print(shown("a\nb"), shown(3.0), shown(b"bytes"), shown([1, {"a": []}]))
    'a\nb' 3.0 'bytes' [1, {'a': []}]
    >>> shown(10**5000)
    'a number of more than 4000 digits'
    >>> shown("a" * 5000) == "'" + "a" * 39 + "…" + "a" * 39 + "'"
    True
    """
    if isinstance(value, bytes):
        value = value[: 2 * LONGEST_VALUE].decode("latin-1")
    return shortened(escaped(_BOUNDED.repr(value)), LONGEST_VALUE + 1)


class _Bounded(reprlib.Repr):
    """repr() that looks at no more of a value than can be shown."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = 4 * LONGEST_VALUE
        self.maxlist = self.maxtuple = self.maxset = self.maxdict = 10
        self.maxlevel = 3
        self.fillvalue = "…"

    def repr_int(self, x: int, level: int) -> str:
        return repr(x) if x.bit_length() < 13_000 else "a number of more than 4000 digits"


_BOUNDED = _Bounded()


def escaped(text: str) -> str:
    r"""With an escape for each character that a terminal does not show: control characters, turns of direction.

    >>> print(escaped("caf\u00e9\t\u202e"))
    café\t\u202e
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shortened(text: str, longest: int) -> str:
    """The text, or its beginning and its end.

    >>> shortened("a long text", 9)
    'a lo…text'
    """
    if len(text) <= longest:
        return text
    end = (longest - 1) // 2
    return f"{text[: longest - 1 - end]}…{text[-end:]}"
