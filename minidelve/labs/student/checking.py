"""A lab checked for the student who writes it: tried in a process of its own, judged on inputs that all can draw."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from minidelve.errors import UserError, shown
from minidelve.labs.course import Lab
from minidelve.labs.judging.judge import Judge, Verdict
from minidelve.labs.student.files import student_files
from minidelve.labs.trial.sandbox import Limits
from minidelve.labs.trial.trying import Trial, tried

SEEDS = ((2015, 1), (2015, 2), (2015, 3), (2015, 4))  # public: whoever wants to can draw the same numbers


def checked(lab: Lab, folder: Path, limits: Limits | None = None) -> tuple[list[Verdict], Trial]:
    """The verdicts on a student's files, and the trial that they rest on.

    UserError where a file is missing, is no Python or cannot be called, or where another one was run in its place.
    """
    for each in lab.tried_on:
        student_files(each, folder)
    judge = Judge(lab, *SEEDS)
    trial = tried(lab, folder, judge.cases, limits=limits)
    if trial.failed:
        at = f" in {folder / trial.line}" if trial.line else ""
        raise UserError(f"your files cannot be loaded: {trial.failed}{at}", cure="mend that first")
    if not trial.modules:
        raise UserError(
            f"your files cannot be loaded ({trial.ended[lab.tasks[0].name]})",
            cure="look at what stands outside of the functions: it runs when a file is loaded",
        )
    if trial.others:
        file = trial.others[0]
        raise UserError(
            f"{folder / file} was not run, but {trial.modules[file]}", cure="let nothing change Python's path"
        )
    return list(judge.verdicts(trial.observed, trial.ended).values()), trial


def with_task(lab: Lab, name: str) -> Lab:
    """The lab with one of its tasks, and those that it needs; UserError for a name that none has."""
    tasks = {task.name: task for task in lab.tasks}
    if name in lab.not_tried:
        raise UserError(f"{shown(name)} is not tried: {lab.not_tried[name]}", cure="check the others")
    if name not in tasks:
        raise UserError(f"lab {lab.number} has no task {shown(name)}", expected=f"one of: {', '.join(tasks)}")
    wanted = [name]
    for each in wanted:
        wanted += [needed for needed in tasks[each].needs if needed not in wanted and needed in tasks]
    return replace(lab, tasks=tuple(task for task in lab.tasks if task.name in wanted))
