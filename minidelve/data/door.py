"""The door of a reader: whatever its parser raises about a strange file comes out as one line for the user."""

from collections.abc import Iterator
from contextlib import contextmanager

from minidelve.errors import DataError


@contextmanager
def door(name: str, problem: str, *raised: type[Exception], expected: str = "", cure: str = "") -> Iterator[None]:
    """Inside this block, an exception of `raised` becomes a DataError "name: problem (reason); expected ...; cure".

    A DataError passes as it is, for it says all that; so does a MemoryError, for which the file may not be to blame.
    """
    try:
        yield
    except (DataError, MemoryError):
        raise
    except raised as error:
        raise DataError(f"{name}: {problem} ({reason(error)})", expected=expected, cure=cure) from error


def reason(error: Exception) -> str:
    """What an exception says, on one line and without the path that our own line begins with."""
    said = getattr(error, "strerror", None) or getattr(error, "reason", None) or error
    return " ".join(str(said).split())
