"""A student's folder of the course: which labs were started in it, and what was handed out.

DIR/kernels/..., DIR/minidelve/...    the student's files, at their places in the product
DIR/lab3/                             a lab's text, the answers in words, what the experiment gave
DIR/.course/record.json               the labs that were started, with version and variant
DIR/.course/handed_out/               every file as it was handed out
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from minidelve import __version__
from minidelve.disk.files import disk_errors, read_file, remove_unfinished, write_whole
from minidelve.disk.owning import own_name
from minidelve.disk.records import MOST_BYTES, check, map_of, maybe, record, sealed, text, unsealed
from minidelve.errors import UserError, shown
from minidelve.labs.course import NUMBERS, Lab, lab

KEPT = ".course"
TEXT, ANSWERS, NUMBERS_FILE = "README.md", "answers.md", "numbers.json"
RECORD = record({"labs": map_of(record({"version": text, "variant": maybe(text)}))})
MADE_BY = "a folder that `minidelve lab start` has made"


@dataclass(frozen=True)
class Started:
    """A lab that was handed out: by which version of the product, and in which variant."""

    version: str
    variant: str | None


@dataclass
class Folder:
    """A student's folder, and the labs that were started in it, by their numbers."""

    path: Path
    labs: dict[int, Started] = field(default_factory=dict)

    @property
    def record(self) -> Path:
        return self.path / KEPT / "record.json"

    def handed_out(self, file: str) -> Path:
        """Where a file lies as it was handed out."""
        return self.path / KEPT / "handed_out" / file

    def of_lab(self, number: int) -> Path:
        """The folder of a lab's text, answers and numbers."""
        return self.path / f"lab{number}"

    def numbers(self, number: int, quick: bool = False) -> Path:
        """Where the numbers of a lab's experiment are kept; a quick one has pictures and numbers of its own."""
        return self.of_lab(number) / ("quick" if quick else "") / NUMBERS_FILE

    @property
    def variants(self) -> dict[int, str]:
        """The variants of the labs that were done as one."""
        return {number: each.variant for number, each in self.labs.items() if each.variant}

    def started(self, number: int) -> Lab:
        """A lab that was started here; UserError for another."""
        any_lab = lab(number)
        if number not in self.labs:
            there = ", ".join(map(str, sorted(self.labs))) or "none"
            raise UserError(
                f"lab {number} was not started in {self.path}",
                expected=f"one that was: {there}",
                cure=f"minidelve lab start {number} {self.path}",
            )
        variant = self.labs[number].variant
        return lab(number, variant) if variant else any_lab.beside(self.variants)

    def note(self, each: Lab) -> None:
        """Record that a lab was started. Raises OSError."""
        self.labs.setdefault(each.number, Started(__version__, each.variant))
        labs = {str(number): vars(started) for number, started in sorted(self.labs.items())}
        write_whole(self.record, sealed({"labs": labs}, indent=2) + "\n")


def opened(path: Path) -> Folder:
    """A student's folder; UserError for any other."""
    if not (path / KEPT).is_dir():
        missing = "is no folder of the course" if path.is_dir() else "is no folder"
        raise UserError(f"{path} {missing}", expected=MADE_BY, cure="name it, or go into it")
    return Folder(path, labs_of(path / KEPT / "record.json"))


def labs_of(path: Path) -> dict[int, Started]:
    """What a record says; none where there is none yet. UserError for one that cannot be read."""
    try:
        content = unsealed(read_file(path, MOST_BYTES))
        check(content, RECORD)
        found = {int(number): Started(each["version"], each["variant"]) for number, each in content["labs"].items()}
        return {number: started for number, started in found.items() if number in NUMBERS}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        cure = "remove it and start the labs again: that writes no file that is there"
        raise UserError(f"{path} cannot be read ({error})", cure=cure) from None


@contextmanager
def to_be_filled(path: Path) -> Iterator[Folder]:
    """A student's folder, or a new one, which inside this block no other process changes. UserError for any other."""
    if path.exists() and not path.is_dir():
        raise UserError(f"{path} is a file", expected="a folder, or a new name")
    if path.is_dir() and not (path / KEPT).is_dir() and (names := strangers(path)):
        raise UserError(f"{path} is not empty: it holds {shown(names[0])}", expected=MADE_BY, cure="name a new folder")
    with disk_errors(f"{path}"):
        (path / KEPT).mkdir(parents=True, exist_ok=True)
        with own_name(path / KEPT / "record.json", f"{path}"):
            yield opened(path)


def strangers(path: Path) -> list[str]:
    """What lies in a folder, but for hidden files, such as those of git or of an editor."""
    return sorted(item.name for item in path.iterdir() if not item.name.startswith("."))


def write_new(path: Path, content: str) -> None:
    """Write a file of which nothing was there. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_unfinished(path.parent, of=path.name)
    write_whole(path, content)
