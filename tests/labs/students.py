"""Folders as students have them."""

import json
from pathlib import Path

from minidelve.labs import course
from minidelve.labs.blanks import original
from minidelve.labs.student.experimenting import digest
from minidelve.labs.student.folder import opened
from minidelve.labs.student.handing_out import hand_out
from minidelve.labs.student.submitting import packed, to_hand_in

KERNEL, OP = "kernels/reference/prelu.py", "minidelve/ops/prelu.py"


def started(path: Path, *numbers: int) -> Path:
    """A folder in which these labs were just started."""
    for number in numbers:
        hand_out(course.lab(number), path)
    return path


def solved(path: Path, *numbers: int) -> Path:
    """The same with the product's own bodies written into it."""
    started(path, *numbers)
    for number in numbers:
        for file in course.lab(number).blanks:
            (path / file).write_text(original(file), encoding="utf-8")
    return path


def done(path: Path, number: int) -> Path:
    """The same with answers and numbers, as it is handed in."""
    solved(path, number)
    (path / f"lab{number}/answers.md").write_text("# Lab\n\nName: Zoë Ode\n\nBecause.\n", encoding="utf-8")
    files = {file: digest(original(file)) for file in course.lab(number).blanks}
    numbers = {"lab": number, "seed": 0, "quick": False, "numbers": {"a": 1.0}, "files": files}
    (path / f"lab{number}/numbers.json").write_text(json.dumps(numbers), encoding="utf-8")
    return path


def handed_in(path: Path, number: int, file: Path) -> Path:
    """The zip of a student's folder."""
    contents, _ = to_hand_in(course.lab(number), opened(path), incomplete=True)
    file.write_bytes(packed(contents))
    return file
