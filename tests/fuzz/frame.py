"""Fuzzing a reader: thousands of damaged and strange files, and three things that may happen to each.

A mutated file is read as if it were a good one, or refused by one line (a UserError), and nothing else: no other
exception, no hang, no memory without bound. Where a checksum covers the file, what is read is what was written.

To add a reader, write a test in a file of this folder:

    def test_lists_of_labels(fuzz, tmp_path):
        (tmp_path / "val.txt").write_text("a.png n01\n")

        fuzz(
            Reader("val.txt", [tmp_path / "val.txt"], lambda: read_labels(tmp_path / "val.txt"))
        )

A file is mutated in its place and restored afterwards, so a reader may open the folder around it. Case i of a reader
is the same in every run. A case that fails is kept below tmp_path, and the failure says where.

    pytest tests/fuzz                        2,000 cases a reader, fewer where they take more than SECONDS
    pytest tests/fuzz --fuzz-cases 20000     as many as that, however long it takes
"""

import contextlib
import random
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minidelve.errors import UserError
from tests.fuzz.mutations import Mutation, bytes_of

CASES = 2000
SECONDS = 1.0  # of the processor, for a reader's cases by default
HANG = 5.0  # seconds of the processor that one file may take
STUCK = 30.0  # seconds after which a file counts as waited for, on however busy a machine
MEMORY = 2 * 10**9  # bytes that all cases of a reader may add
LONGEST = 1000  # letters of a message, beside the path in it
MOST_CAUSES = 20  # shown of a reader


@dataclass
class Reader:
    """A reader of files and what it is tried on.

    name        as in a message, and what the cases are drawn from
    files       good files; one of them is mutated at a time
    read        what reads them; its value is compared where `checked`
    mutations   how files are changed, each as often as the others
    checked     a checksum tells of every change: what is read is what the untouched files give, by `same`
    """

    name: str
    files: Sequence[Path]
    read: Callable[[], Any]
    mutations: Sequence[Mutation] = (bytes_of,)
    checked: bool = False
    same: Callable[[Any, Any], bool] = lambda one, other: one == other


def fuzz(reader: Reader, cases: int | None, keep: Path) -> int:
    """Try `cases` files (None: as the head of this file says); AssertionError with each cause of a failure once.

    keep   a folder for the files that fail

    Returns how many were tried.
    """
    untouched = {path: path.read_bytes() for path in reader.files}
    right, started, memory = reader.read(), time.process_time(), peak_memory()
    causes: dict[str, list[Path]] = {}
    tried = 0
    while tried < (cases or CASES) and (cases or time.process_time() - started < SECONDS):
        rng = random.Random(f"{reader.name} {tried}")
        path = rng.choice(list(reader.files))
        content = rng.choice(list(reader.mutations))(rng, untouched[path])
        path.write_bytes(content)
        cause = cause_of(reader, right)
        path.write_bytes(untouched[path])
        if cause:
            kept = causes.setdefault(cause, [])
            kept.append(keep / f"{reader.name}-{tried}-{path.name}".replace("/", "-"))
            if len(kept) == 1:
                kept[0].write_bytes(content)
        tried += 1
    grown = peak_memory() - memory
    if grown > MEMORY:
        causes[f"memory grew by {grown / 1e9:.1f} GB"] = [keep]
    shown = [f"{len(kept)} x {cause}\n    {kept[0]}" for cause, kept in list(causes.items())[:MOST_CAUSES]]
    failed = sum(map(len, causes.values()))
    assert not causes, f"{reader.name}: {failed} of {tried} cases, {len(causes)} causes\n" + "\n".join(shown)
    return tried


def cause_of(reader: Reader, right: Any) -> str:
    """What is wrong with the way in which the files, as they are now, are read; nothing if all is well."""
    started = time.process_time()
    cause = ""
    try:
        with no_longer_than(STUCK):
            value = reader.read()
            if reader.checked and not reader.same(value, right):
                cause = "taken silently: something else is read than was written"
    except UserError as error:
        cause = cause_of_message(str(error))
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in frames if "/minidelve/" in frame.filename] or frames
        cause = f"{type(error).__name__} from {Path(ours[-1].filename).name}:{ours[-1].lineno}: {str(error)[:200]!r}"
    took = time.process_time() - started
    return f"it took {took:.0f} s of the processor" if took > HANG else cause


def cause_of_message(message: str) -> str:
    """What is wrong with the line that a user is shown."""
    if not message.isprintable():
        return f"a message that is not one printable line: {message[:300]!r}"
    if len(message) > LONGEST:
        return f"a message of {len(message)} letters: {message[:300]}"
    if "pickle" in message:
        return f"a message that advises to load unsafely: {message[:300]}"
    return ""


@contextlib.contextmanager
def no_longer_than(seconds: float) -> Iterator[None]:
    """TimeoutError inside this block after so long, where the system has such an alarm."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def ring(*_: object) -> None:
        raise TimeoutError(f"it took more than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def peak_memory() -> int:
    """The most bytes that this process has had in memory; 0 where the system does not say."""
    try:
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    except OSError:
        pass
    return 0
