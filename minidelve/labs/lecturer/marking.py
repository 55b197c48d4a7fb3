"""One submission marked: read, looked at, tried, judged. What comes out is plain data, which JSON can hold.

Whatever is wrong with a submission is part of its mark, and stops nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minidelve.disk.files import read_file
from minidelve.errors import UserError, one_line
from minidelve.labs.blanks import handed_out, original
from minidelve.labs.course import Lab, lab, variants
from minidelve.labs.judging.judge import Judge, Verdict
from minidelve.labs.lecturer import again, feedback
from minidelve.labs.lecturer.similarity import of_student
from minidelve.labs.lecturer.submission import unpacked
from minidelve.labs.overlay import ROOT
from minidelve.labs.student.files import MOST_BYTES, student_file
from minidelve.labs.student.folder import ANSWERS, KEPT, labs_of
from minidelve.labs.task import Task
from minidelve.labs.trial.sandbox import Limits
from minidelve.labs.trial.stripped import stripped
from minidelve.labs.trial.trying import WAITS, Trial, tried

NAME = re.compile(r"^name:[ \t]*(\S[^\n]*)$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Order:
    """A submission to mark.

    product    what lies under the student's files (stripped.py)
    whole      the same for the experiment (again.py); "" if that is not to be run
    """

    path: str
    student: str
    lab: int
    variant: str | None
    seed: tuple[int, ...]
    product: str
    confined: bool
    whole: str = ""


@dataclass
class Mark:
    """What a submission is worth, and what a lecturer should know of it.

    mistakes   ids of those that are known, "task?" for one that is not
    ended      how the student's code ended where it was not well: "time (prelu_backward)"
    prints     of long functions (similarity.py)
    results    what the student may read (feedback.py)
    """

    student: str
    points: float = 0
    of: int = 0
    mistakes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    ended: str = ""
    experiment: str = "not run"
    warnings: list[str] = field(default_factory=list)
    prints: dict[str, list[int]] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)


def marked(order: Order, limits: Limits | None = None) -> Mark:
    """The mark of a submission."""
    each = lab(order.lab, order.variant)
    mark = Mark(order.student, of=each.points)
    with ExitStack() as stack:
        made = tempfile.TemporaryDirectory(prefix="minidelve-grade-", ignore_cleanup_errors=True)
        folder = Path(stack.enter_context(made)).resolve()
        try:
            unpacked(Path(order.path), folder)
        except UserError as error:
            return unread(each, mark, str(error).replace(f"{Path(order.path).parent}{os.sep}", ""))
        mark.warnings += [*of_record(each, folder), *of_name(each, folder, order.student)]
        each, product = beside_variants(each, folder), Path(order.product)
        if each.left_out:
            product = stack.enter_context(stripped(each))  # with the product's own files in their place
        remarks = [f"not tried: {task}, as {why}" for task, why in each.not_tried.items()] + completed(each, folder)
        judge = Judge(each, order.seed)
        trial = tried(each, folder, judge.cases, limits=limits, confined=order.confined, product=product)
        verdicts = verdicts_on(judge, trial)
        mark.of, mark.points = each.points, sum(verdict.points for verdict in verdicts)
        mark.warnings += remarks
        note_trial(mark, trial, verdicts)
        if order.whole:
            mark.experiment = again.verdict(each, folder, Path(order.whole), order.confined)
        mark.prints = {name: sorted(found) for name, found in prints_of(each, folder).items()}
    said = [told(verdict.task, verdict.points, said_of(each, judge, trial, verdict)) for verdict in verdicts]
    mark.results = feedback.results(each, said, remarks, trial.seconds)
    return mark


def told(task: Task, points: float, said: str) -> dict[str, Any]:
    """What feedback.results has of a task."""
    return {"name": task.name, "points": points, "of": task.points, "said": said}


def beside_variants(each: Lab, folder: Path) -> Lab:
    """A lab that is tried on those before it, without those that the student did as variants."""
    try:
        labs = labs_of(folder / KEPT / "record.json")
    except UserError:
        return each
    # Those that there are: an invented one would take its lab's tasks away.
    done = {n: started.variant for n, started in labs.items() if started.variant in variants(n)}
    return each.beside(done) if done and not each.blanks else each


def unread(each: Lab, mark: Mark, why: str) -> Mark:
    """The mark of a submission that cannot be read: nothing, and why."""
    mark.ended, mark.warnings = "not read", [why]
    tasks = [told(task, 0, "The submission was not read.") for task in each.tasks]
    mark.results = feedback.results(each, tasks, [f"The submission was not read: {why}"], 0)
    return mark


def completed(each: Lab, folder: Path) -> list[str]:
    """Put the blank file in the place of each that cannot be tried, which costs its own tasks alone; what was wrong."""
    said = []
    for own, file in files_of(each):
        try:
            student_file(own, folder, file)
        except UserError as error:
            said.append(one_line(str(error).replace(f"{folder}/", "").partition("; `minidelve lab start")[0]))
            in_place(folder, file).write_text(handed_out(own, file), encoding="utf-8")
    return said


def in_place(folder: Path, file: str) -> Path:
    """The place of a file, made free: a folder may lie there, or a file where a folder of its path is to be."""
    path = folder / file
    for above in path.relative_to(folder).parents:
        if (folder / above).is_file():
            (folder / above).unlink()
    if path.is_dir():
        shutil.rmtree(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def files_of(each: Lab) -> list[tuple[Lab, str]]:
    """The files that a lab is tried on, each with the lab that hands it out."""
    return [(own, file) for own in each.tried_on for file in own.blanks]


def verdicts_on(judge: Judge, trial: Trial) -> list[Verdict]:
    """The verdict on every task; nothing for one in whose place something else than the student's file was called."""
    verdicts = []
    for verdict in judge.verdicts(trial.observed, trial.ended).values():
        files = {blank.partition(":")[0] for blank in verdict.task.blanks} or set(judge.lab.files)
        replaced = not trial.failed and not files.isdisjoint(trial.others)
        verdicts.append(Verdict(verdict.task, 0, "not called") if replaced else verdict)
    return verdicts


def note_trial(mark: Mark, trial: Trial, verdicts: Sequence[Verdict]) -> None:
    """What the trial says of a submission as a whole."""
    mark.seconds = round(trial.seconds, 2)
    right = {verdict.task.name for verdict in verdicts if verdict.status == "right"}
    for verdict in verdicts:
        own = right.issuperset(verdict.task.needs) and not trial.failed and not trial.ended[verdict.task.name]
        unknown = verdict.status == "wrong" and own  # else it may follow from something else
        for finding in verdict.findings:
            mistake = finding.id or (f"{verdict.task.name}?" if unknown else "")
            if mistake and mistake not in mark.mistakes:
                mark.mistakes.append(mistake)
        if verdict.status == "not called":
            mark.warnings.append(f"{verdict.task.name}: not the student's file was called, but another in its place")
    mark.ended = ended(trial)
    if trial.failed:
        where = f" in {trial.line}" if trial.line else ""
        mark.warnings.append(one_line(f"could not be loaded: {trial.failed}{where}"))


def ended(trial: Trial) -> str:
    """How the student's code ended, where it was not well.

    >>> ended(Trial(ended={"f": "", "g": "time", "h": "waits"})), ended(Trial(ended={"f": "exit 3", "g": "exit 3"}))
    ('time (g)', 'exit 3 (f and 1 more)')
    """
    ways: dict[str, list[str]] = {}
    for name, how in trial.ended.items():
        if how not in ("", WAITS):
            ways.setdefault(how, []).append(name)
    if trial.failed:
        return ", ".join(ways)
    more = {how: f" and {len(names) - 1} more" if names[1:] else "" for how, names in ways.items()}
    return ", ".join(f"{how} ({names[0]}{more[how]})" for how, names in ways.items())


def said_of(each: Lab, judge: Judge, trial: Trial, verdict: Verdict) -> str:
    """What the student may read of a task."""
    if trial.failed and verdict.status == "wrong":
        kind, line = feedback.kind_of(trial.failed), feedback.of_line(trial.line, each.files)
        return f"Your files could not be loaded: {kind}{line}."
    task = verdict.task
    return feedback.words(task, judge, trial.observed[task.name], verdict, trial.ended[task.name], each.files)


def prints_of(each: Lab, folder: Path) -> dict[str, frozenset[int]]:
    """The prints of the student's long functions that are not handed out and do not resemble the right ones."""
    texts, known = {}, {}
    for own, file in files_of(each):
        texts[file] = (folder / file).read_bytes().decode("utf-8-sig", "replace")
        known[file] = handed_out(own, file)
        if (ROOT / file).is_file():
            known[file] += "\n" + original(file)
    right = each.folder / "right.py"
    extra = right.read_text(encoding="utf-8") if each.variant and right.is_file() else ""
    return of_student(texts, {file: f"{text}\n{extra}" for file, text in known.items()})


def of_record(each: Lab, folder: Path) -> list[str]:
    """What the record of the student's folder says otherwise than this grading."""
    if not (folder / KEPT).is_dir():
        return ["it has no record of what was handed out"]
    try:
        labs = labs_of(folder / KEPT / "record.json")
    except UserError:
        return ["its record cannot be read"]
    if each.number not in labs:
        return [f"its record does not know lab {each.number}"]
    if (variant := labs[each.number].variant) != each.variant:
        return [f"it was started {f'as variant {one_line(variant)}' if variant else 'without a variant'}"]
    return []


def of_name(each: Lab, folder: Path, student: str) -> list[str]:
    """Whether the name in the answers is another than that of the file."""
    try:
        text = read_file(folder / f"lab{each.number}" / ANSWERS, MOST_BYTES).decode("utf-8-sig", "replace")
    except OSError:
        return [f"it has no lab{each.number}/{ANSWERS}"]
    said = NAME.search(text)
    if said is None:
        return [f"there is no name in lab{each.number}/{ANSWERS}"]
    own = plain(student)
    if any(part in own for part in re.findall(r"\w+", plain(said[1])) if len(part) > 1) or own in plain(said[1]):
        return []
    return [one_line(f"the file says {student}, its answers say {said[1].strip()[:60]}")]


def plain(name: str) -> str:
    """A name without accents and capitals.

    >>> plain("José Núñez")
    'jose nunez'
    """
    return "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c)).casefold()
