"""Numba's settings: the variables NUMBA_* of the environment, read as Numba reads them, nonsense among them set aside.

Numba answers a value that it cannot read with a page of warnings, and a few with an error in every later call or with
the end of the process. None of them is needed: a value that makes no sense is left out and named in one line.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path

from minidelve.disk.files import try_room
from minidelve.progress import note

ignored: dict[str, str] = {}  # variables that were left out, and their values


def is_on(variable: str) -> bool:
    """Whether a switch of Numba's is on: a whole number other than 0."""
    try:
        return int(os.environ.get(variable, "0")) != 0
    except ValueError:
        return False


def is_count(value: str) -> bool:
    """Whether a number of threads can be that: whole, at least 1, and of a size that the C library can count.

    >>> is_count("2"), is_count("0"), is_count("two"), is_count("9" * 20)
    (True, False, False, False)
    """
    return value.isdecimal() and len(value) < 7 and int(value) > 0


def is_features(value: str) -> bool:
    """Whether a list of a processor's features is one: LLVM ends the process where one has no sign.

    >>> is_features("+avx2,-avx512f"), is_features("avx2")
    (True, False)
    """
    return all(re.fullmatch(r"[+-][\w.-]+", name) for name in value.split(","))


def is_folder(value: str) -> bool:
    """Whether compiled kernels can be kept there; the folder need not be there yet."""
    try:
        folder = Path(value).absolute()
        try_room(next(place for place in [folder, *folder.parents] if os.path.lexists(place)), 1)
    except OSError:  # or a name that is too long to be looked for
        return False
    return True


def is_new_file(value: str) -> bool:
    """Whether a file can be made or replaced there."""
    path = Path(value).absolute()
    return path.parent.is_dir() and not path.is_dir()


def are_flags(value: str) -> bool:
    """Whether a list names passes that clear up references."""
    return set(value.split(",")) <= {"per_bb", "diamond", "fanout", "fanout_raise", "all"}


# What Numba takes without a look, and then fails on or passes over.
CHECKS: dict[str, Callable[[str], bool]] = {
    "NUMBA_NUM_THREADS": is_count,
    "NUMBA_FUNCTION_CACHE_SIZE": is_count,
    "NUMBA_CPU_FEATURES": is_features,
    "NUMBA_CACHE_DIR": is_folder,
    "NUMBA_CHROME_TRACE": is_new_file,
    "NUMBA_LLVM_REFPRUNE_FLAGS": are_flags,
}


def numba_ready() -> None:
    """Import Numba with settings that make sense; ImportError when it cannot serve, as when it is switched off."""
    if is_on("NUMBA_DISABLE_JIT"):
        raise ImportError("NUMBA_DISABLE_JIT is set, so nothing is compiled; unset it")
    for variable in [name for name, value in os.environ.items() if name.startswith("NUMBA_") and not value]:
        del os.environ[variable]  # set and empty, which for other programs is as good as not set
    for variable, makes_sense in CHECKS.items():
        if variable in os.environ and not makes_sense(os.environ[variable]):
            leave_out(variable)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        import numba  # noqa: F401
    for warning in caught:
        if unread := re.match(r"Environment variable '(\w+)' is defined but", str(warning.message)):
            leave_out(unread[1])
    if ignored:
        names = ", ".join(f"{name}={value[:40]!r}" for name, value in ignored.items())
        note(f"note: {names} cannot be used and is left out; unset it, or see `minidelve doctor`")


def leave_out(variable: str) -> None:
    """Take a variable out of this process's environment, where Numba looks again and again."""
    ignored[variable] = os.environ.pop(variable)


def reason(error: BaseException) -> str:
    """What an error says, in one short line; its kind, where that is all there is."""
    lines = str(error).strip().splitlines()
    said = lines[0][:200] if lines else ""
    return said if isinstance(error, ImportError) and said else f"{type(error).__name__}: {said}".rstrip(": ")
