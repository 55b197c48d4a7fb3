"""A lab graded: every submission of a folder, by what it does with inputs that nobody has seen.

    OUT/marks.csv            a line a student, for the lecturer
    OUT/STUDENT.json         what the student may read (feedback.py)
    OUT/.grading/            what is graded, and the finished marks: work that was interrupted goes on where it was

The source of the product is looked at before and after each mark. If it has changed, the grading stops: a submission
may have rewritten what judges the next.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from minidelve import __version__
from minidelve.disk.files import disk_errors, read_file, remove_unfinished, write_whole
from minidelve.disk.owning import OwnFolder
from minidelve.disk.records import MOST_BYTES, sealed, unsealed
from minidelve.errors import RunError, UserError, one_line, shown
from minidelve.labs import course
from minidelve.labs.lecturer import again, marks_table
from minidelve.labs.lecturer.marking import Mark, Order
from minidelve.labs.lecturer.secret import fingerprint, seed_of
from minidelve.labs.lecturer.submission import JUNK, student_of
from minidelve.labs.lecturer.workers import Workers
from minidelve.labs.overlay import ROOT
from minidelve.labs.trial import sandbox
from minidelve.labs.trial.stripped import stripped
from minidelve.progress import note, progress

STATE, PLAN, MARKS = ".grading", "plan.json", "marks"
TABLE = "marks.csv"
LABELS = {
    "lab": "lab", "variant": "variant", "secret": "secret", "folder": "folder of submissions",
    "experiments": "use of --experiments", "version": "version of minidelve", "product": "state of the source",
    "confined": "use of bubblewrap",
}  # fmt: skip
UNCONFINED = """\
============================================================
WARNING: bubblewrap does not work here. Students' code runs with your own rights: it can read your files and the
network, and change what is not write-protected. Its time, memory and processes are bounded, no more.
Install bubblewrap (Debian: apt install bubblewrap), or grade as a user and on a machine that hold nothing of worth.
============================================================"""


@dataclass(frozen=True)
class Task:
    """What is to be graded. secret: the bytes of it; jobs: submissions at one time."""

    lab: course.Lab
    folder: Path
    secret: bytes
    out: Path
    jobs: int
    experiments: bool = False


class Results(OwnFolder):
    """The folder of a grading."""

    def __init__(self, path: Path, students: Sequence[str], plan: dict[str, Any]):
        self.plan = plan
        names = {TABLE, *(f"{student}.json" for student in students)}
        super().__init__(path, names, f"--out: {path}", folders={STATE})

    @property
    def state(self) -> Path:
        return self.path / STATE

    def guard(self) -> None:
        """RunError where something else lies there, another grading, or one that is finished."""
        present = self.present()
        if STATE not in present:
            if present:
                found = f"{self.what} is not empty: it holds {shown(present[0])}"
                raise RunError(found, expected="a new folder, or a grading that was stopped", cure="name a new folder")
            return
        earlier = self.earlier()
        if earlier is None:  # it was stopped before it began
            return
        if different := [name for name in LABELS if earlier.get(name) != self.plan.get(name)]:
            found = f"{self.what} holds a grading with another {LABELS[different[0]]}"
            raise RunError(found, cure="name a new folder")
        if earlier.get("finished"):
            raise RunError(f"{self.what} holds this grading, and it is finished", cure="read it, or name a new folder")
        if strangers := self.strangers():
            found = f"{self.what} holds {shown(strangers[0])}, which is not of this grading"
            raise RunError(found, cure="name a new folder, or move that away")

    def earlier(self) -> dict[str, Any] | None:
        """The plan that lies there."""
        try:
            return unsealed(read_file(self.state / PLAN, MOST_BYTES))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            found = f"{self.what}: {STATE}/{PLAN} cannot be read ({error})"
            raise RunError(found, cure="name a new folder") from error

    def clean(self) -> None:
        """Remove what a killed process left unfinished. Raises OSError."""
        super().clean()
        for folder in (self.state, self.state / MARKS):
            remove_unfinished(folder)

    def begin(self) -> None:
        """Write the plan, where there is none. Raises OSError."""
        (self.state / MARKS).mkdir(parents=True, exist_ok=True)
        if self.earlier() is None:
            write_whole(self.state / PLAN, sealed(self.plan) + "\n")

    def finish(self, marks: Sequence[Mark]) -> None:
        """Write the table, and that all is done. Raises OSError."""
        for mark in marks:
            self.tell(mark)
        write_whole(self.path / TABLE, marks_table.text(marks))
        write_whole(self.state / PLAN, sealed({**self.plan, "finished": True}) + "\n")

    def keep(self, mark: Mark, digest: str) -> None:
        """Write a mark. Raises OSError."""
        self.tell(mark)
        write_whole(
            self.state / MARKS / f"{mark.student}.json", sealed({"digest": digest, "mark": asdict(mark)}) + "\n"
        )

    def tell(self, mark: Mark) -> None:
        """Write what the student may read. Raises OSError."""
        write_whole(self.path / f"{mark.student}.json", json.dumps(mark.results, indent=2, ensure_ascii=False) + "\n")

    def kept(self, student: str, digest: str) -> Mark | None:
        """A mark that was finished, of this very submission; None if it is to be made (again)."""
        path = self.state / MARKS / f"{student}.json"
        try:
            found = unsealed(read_file(path, MOST_BYTES))
            return Mark(**found["mark"]) if found["digest"] == digest else None
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as error:
            note(one_line(f"{path} is damaged ({error}): {student} is marked again"))
            return None


def submissions(folder: Path, lab: int) -> dict[str, Path]:
    """What lies in a folder, by student; UserError if nothing does, or for two of one student."""
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise UserError(
            f"{folder} cannot be read ({error.strerror})", expected="the folder of the submissions"
        ) from error
    found: dict[str, Path] = {}
    taken: dict[str, Path] = {}
    for name in names:
        if name.startswith(".") or name in JUNK:
            continue
        student = student_of(name, lab)
        if other := taken.get(student.casefold()):
            two = f"{folder} holds two submissions of {student}: {other.name} and {name}"
            raise UserError(two, expected="one of each student", cure="move one of them away")
        found[student] = taken[student.casefold()] = folder / name
    if not found:
        raise UserError(f"{folder} holds no submissions", expected="zips as `minidelve lab submit` makes them")
    return found


def graded(task: Task) -> list[Mark]:
    """Grade what is not graded yet, and write everything; the marks by student."""
    found = submissions(task.folder, task.lab.number)
    inside, out = task.folder.resolve(), task.out.resolve()
    if out.is_relative_to(inside) or inside.is_relative_to(out):
        found_ = f"--out: {task.out} lies among the submissions, or they in it"
        raise RunError(found_, cure="name a folder beside theirs")
    confined, product = sandbox.how() is not None, digest_of_product()
    plan = {
        "lab": task.lab.number, "variant": task.lab.variant, "secret": fingerprint(task.secret), "version": __version__,
        "folder": str(task.folder.resolve()), "product": product, "experiments": task.experiments, "confined": confined,
    }  # fmt: skip
    with ExitStack() as stack:
        results = stack.enter_context(Results(task.out, list(found), plan))
        if not confined:
            note(UNCONFINED)
        with disk_errors(results.what):
            results.begin()
            digests = {student: digest_of(path) for student, path in found.items()}
            marks = {student: mark for student in found if (mark := results.kept(student, digests[student]))}
            if marks:
                note(f"{len(marks)} of {len(found)} submissions are graded already")
            base = stack.enter_context(stripped(task.lab))
            whole = stack.enter_context(again.whole_product()) if task.experiments else None
            left = [student for student in found if student not in marks]
            orders = [order_of(task, found[student], student, base, whole, confined) for student in left]
            try:
                for mark in marked(orders, task, product):
                    results.keep(mark, digests[mark.student])
                    marks[mark.student] = mark
            except KeyboardInterrupt as stop:
                kept = f"{len(marks)} of {len(found)} are graded and kept: the same command goes on from there"
                raise KeyboardInterrupt(kept if marks else "nothing was graded yet") from stop
            ordered = [marks[student] for student in found]
            results.finish(ordered)
    return ordered


def order_of(task: Task, path: Path, student: str, product: Path, whole: Path | None, confined: bool) -> Order:
    """The order to mark a submission."""
    seed = tuple(seed_of(task.secret, task.lab.number, student, task.lab.variant))
    where, lab = str(path.absolute()), task.lab
    return Order(where, student, lab.number, lab.variant, seed, str(product), confined, str(whole or ""))


def marked(orders: Sequence[Order], task: Task, product: str) -> Iterator[Mark]:
    """The marks as they come, shown on the way; RunError if the product's source changes meanwhile."""
    with Workers(task.jobs) as workers:
        label = f"grading lab {task.lab.number}"
        for order, mark in progress(workers.marks(orders), len(orders), label, unit="submission"):
            if digest_of_product() != product:
                found = f"the source of minidelve has changed while {order.student} or one beside it was graded"
                raise RunError(
                    f"{found}: a submission may have rewritten it, or you have",
                    cure="look at what has changed, bring it back, and grade into a new folder",
                )
            yield mark


def digest_of_product(root: Path = ROOT, labs: Path = course.COURSE) -> str:
    """A digest of all source that judges: the two packages and the labs."""
    total = hashlib.sha256()
    for folder in (root / "minidelve", root / "kernels", labs):
        for path in sorted(folder.rglob("*")):
            if "__pycache__" not in path.parts and path.is_file():
                total.update(f"{path.relative_to(folder.parent).as_posix()}\0".encode())
                total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def digest_of(path: Path) -> str:
    """By which a submission that has changed is known; of a folder, by the names, sizes and times of its files."""
    total = hashlib.sha256()
    try:
        if path.is_file():
            with open(path, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        for inside in sorted(path.rglob("*")) if path.is_dir() else ():
            status = inside.lstat()
            total.update(
                f"{inside.relative_to(path)}\0{status.st_size}\0{status.st_mtime_ns}\0".encode("utf-8", "replace")
            )
    except OSError:
        pass  # it cannot be read, and is marked so
    return total.hexdigest()
