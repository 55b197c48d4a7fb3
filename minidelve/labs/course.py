"""The labs of the course, as the folder labs/ declares them.

    labs/labN/lab.md         what is handed out: goals, reading, tasks, experiment, question
    labs/labN/lab.py         TITLE, READING, TASKS (task.py), CUTS: what of the docstrings would give a blank away
    labs/labN/rubric.md      how the answers in words are marked (docs/teaching.md)
    labs/labN/mistakes.py    mistakes (task.Mistakes), the wrong answers that are known
    labs/labN/variants/V/    a variant: the same files, `files/` with the skeletons, and right.py with BODIES, the
                             right ones, which the product does not have. What it lacks of lab.py, lab.md,
                             experiment.py and `files/` is the lab's own

mistakes.py and right.py are never read where a student's code runs.

In a checkout the folder lies beside the package; an installed package has it inside, as minidelve/labs/course.
"""

from __future__ import annotations

import runpy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from minidelve.errors import UserError, shown
from minidelve.labs.task import Mistake, Task

HERE = Path(__file__).resolve().parent
COURSE = HERE / "course" if (HERE / "course").is_dir() else HERE.parents[1] / "labs"
NUMBERS = range(1, 9)


@dataclass(frozen=True)
class Lab:
    """One lab.

    cuts       by file, the lines of its docstrings that give an answer away
    left_out   labs whose files are not tried, where this one is tried on those of all before it
    not_tried  by name, why a task of the lab is not among its tasks here
    """

    number: int
    title: str
    reading: tuple[str, ...]
    tasks: tuple[Task, ...]
    cuts: dict[str, tuple[str, ...]]
    folder: Path
    variant: str | None = None
    left_out: tuple[int, ...] = ()
    not_tried: Mapping[str, str] = field(default_factory=dict)

    @property
    def declared(self) -> Path:
        """The lab.py that declares it."""
        return found_in(self.folder, "lab.py")

    @property
    def files(self) -> list[str]:
        """The student's files that it is tried on: its own, or where it hands out none, those of all labs before."""
        return [file for each in self.tried_on for file in each.blanks]

    @property
    def tried_on(self) -> list[Lab]:
        """The labs whose files these are: itself, or all before it."""
        course = self.folder.parents[2 if self.variant else 0]
        before = [each for each in labs(course) if each.number < self.number and each.number not in self.left_out]
        return [self] if self.blanks else before

    @property
    def blanks(self) -> dict[str, list[str]]:
        """The functions to write, by file."""
        blanks: dict[str, list[str]] = {}
        for task in self.tasks:
            for blank in task.blanks:
                file, _, function = blank.partition(":")
                if function not in blanks.setdefault(file, []):
                    blanks[file].append(function)
        return blanks

    @property
    def points(self) -> int:
        return sum(task.points for task in self.tasks)

    def beside(self, variants: Mapping[int, str]) -> Lab:
        """The lab where others were done as these variants, by their numbers.

        A variant's functions are others than the product's: neither its files nor the tasks that call them are tried.
        """
        why = {
            task.name: f"lab {task.earlier} was done as the variant {variants[task.earlier]}"
            for task in self.tasks
            if task.earlier is not None and task.earlier in variants
        }
        needs = {task.name: tuple(name for name in task.needs if name not in why) for task in self.tasks}
        tasks = tuple(replace(task, needs=needs[task.name]) for task in self.tasks if task.name not in why)
        return replace(self, tasks=tasks, left_out=tuple(variants), not_tried=why)

    def mistakes(self) -> list[Mistake]:
        """The wrong answers that are known to its tasks."""
        path = self.folder / "mistakes.py"
        known = runpy.run_path(str(path))["mistakes"].known if path.exists() else []
        first = {task.name: task.blanks[0] for task in self.tasks if task.blanks}
        own = [mistake for mistake in known if mistake.task in first]
        return [replace(m, bodies={b or first[m.task]: body for b, body in m.bodies.items()}) for m in own]

    def right(self) -> dict[str, Callable[..., Any]]:
        """The right bodies by their blanks, where the product has none: those of a variant."""
        path = self.folder / "right.py"
        return dict(runpy.run_path(str(path))["BODIES"]) if path.exists() else {}


@cache
def lab(number: int, variant: str | None = None, course: Path = COURSE) -> Lab:
    """The lab of a number; UserError if there is none, or no such variant of it."""
    folder = course / f"lab{number}"
    if number not in NUMBERS or not (folder / "lab.py").exists():
        raise UserError(f"there is no lab {shown(number)}", expected=f"1 to {NUMBERS[-1]}")
    if variant is not None and variant not in (known := variants(number, course)):
        expected = f"one of: {', '.join(known)}" if known else "none: this lab has no variants"
        raise UserError(f"lab {number} has no variant {shown(variant)}", expected=expected)
    if variant is not None:
        folder = folder / "variants" / variant
    names = runpy.run_path(str(found_in(folder, "lab.py")))
    cuts = {file: tuple(lines) for file, lines in names.get("CUTS", {}).items()}
    return Lab(number, names["TITLE"], tuple(names["READING"]), tuple(names["TASKS"]), cuts, folder, variant)


def found_in(folder: Path, name: str) -> Path:
    """A file of a lab's folder; of a variant's that lacks it, the lab's own."""
    own = folder / name
    return own if own.exists() or folder.parent.name != "variants" else folder.parents[1] / name


def labs(course: Path = COURSE) -> list[Lab]:
    """All labs there are, without variants."""
    return [lab(number, course=course) for number in NUMBERS if (course / f"lab{number}" / "lab.py").exists()]


def variants(number: int, course: Path = COURSE) -> list[str]:
    """The names of a lab's variants."""
    folder = course / f"lab{number}" / "variants"
    return sorted(path.parent.name for path in folder.glob("*/right.py"))
