"""A lab handed out: its text, a page for the answers, and the product's files with blanks, into a student's folder.

Nothing that is there is written again. Where the product has changed since a file was handed out, start again says so
and keeps the difference, which the student takes over by hand.
"""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from minidelve.errors import UserError
from minidelve.labs.blanks import skeletons
from minidelve.labs.course import Lab, found_in
from minidelve.labs.student.folder import ANSWERS, KEPT, TEXT, Folder, to_be_filled, write_new

QUESTION = re.compile(r"^#+ [^\n]*\bquestion\b[^\n]*\n(.*?)(?=^#|\Z)", re.DOTALL | re.IGNORECASE | re.MULTILINE)


@dataclass
class HandedOut:
    """What `start` did: files written, files kept as they are, and of those the ones that the product has changed.

    changed    by file: how many lines were taken out and how many put in
    changes    where the difference lies, if anything has changed
    """

    written: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    changed: dict[str, tuple[int, int]] = field(default_factory=dict)
    changes: Path | None = None


def hand_out(lab: Lab, path: Path) -> HandedOut:
    """Start a lab in a student's folder, or a new one; UserError where that cannot be."""
    files = {**skeletons(lab), **texts(lab)}
    with to_be_filled(path) as folder:
        check_variant(lab, folder)
        done, difference = HandedOut(), ""
        for file, text in files.items():
            if not os.path.lexists(path / file):
                write_new(folder.handed_out(file), text)
                write_new(path / file, text)
                done.written.append(file)
                continue
            done.kept.append(file)
            if lines := changes_of(folder, file, text):
                out, into = (sum(line.startswith(sign) for line in lines[2:]) for sign in "-+")
                done.changed[file] = out, into
                difference += "\n".join(lines) + "\n"
        if difference:
            done.changes = path / KEPT / "changes" / f"lab{lab.number}.diff"
            write_new(done.changes, difference)
        folder.note(lab)
    return done


def check_variant(lab: Lab, folder: Folder) -> None:
    """UserError if the lab was started here in another variant."""
    started = folder.labs.get(lab.number)
    if started and started.variant != lab.variant:
        raise UserError(
            f"lab {lab.number} was started in {folder.path} {in_words(started.variant)}",
            expected=f"a new folder for it {in_words(lab.variant)}",
            cure="name one",
        )


def in_words(variant: str | None) -> str:
    """A variant in a sentence."""
    return f"as variant {variant}" if variant else "without a variant"


def texts(lab: Lab) -> dict[str, str]:
    """The text of a lab, and the page for the answers in words."""
    path = found_in(lab.folder, "lab.md")
    text = path.read_text(encoding="utf-8") if path.exists() else f"# Lab {lab.number}: {lab.title}\n"
    return {f"lab{lab.number}/{TEXT}": text, f"lab{lab.number}/{ANSWERS}": answers(lab, text)}


def answers(lab: Lab, text: str) -> str:
    """The page to fill in: the name, and the question as the lab's text asks it."""
    asked = QUESTION.search(text)
    question = asked[1].strip() if asked else f"The question is at the end of lab{lab.number}/{TEXT}."
    return f"# Lab {lab.number}: {lab.title}\n\nName:\n\n## The question\n\n{question}\n\n## Your answer\n\n"


def changes_of(folder: Folder, file: str, text: str) -> list[str]:
    """The lines of a diff from a file as it was handed out to what would be handed out today."""
    before = folder.handed_out(file)
    if not before.is_file():
        return []
    old = before.read_text(encoding="utf-8", errors="replace").split("\n")
    return list(difflib.unified_diff(old, text.split("\n"), f"handed out/{file}", f"today/{file}", lineterm=""))
