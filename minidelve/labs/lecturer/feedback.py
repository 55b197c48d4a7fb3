"""What a student may read of a grading, in the form of Gradescope's results.json.

The inputs of a grading are hidden, and a student's code has seen them: it could put them into its results, its errors
or what it prints. So nothing that it has sent is repeated here: neither its numbers nor its messages. What is said is
made of names of the lab's own tasks, outputs and cases, of kinds of errors that Python has, and of line numbers.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from minidelve.labs.course import Lab
from minidelve.labs.judging.findings import Observed, differs, is_right
from minidelve.labs.judging.judge import Judge, Verdict
from minidelve.labs.task import Task
from minidelve.labs.trial.calling import LARGE, Case, Observation

FORM = {"output_format": "text", "stdout_visibility": "hidden", "visibility": "visible"}


def results(lab: Lab, tasks: Sequence[dict[str, Any]], remarks: Sequence[str], seconds: float) -> dict[str, Any]:
    """The content of results.json. tasks: name, points, of and said (the words below) of each."""
    tests = [
        {
            "name": f"lab {lab.number}: {task['name']}",
            "score": task["points"],
            "max_score": task["of"],
            "status": "passed" if task["points"] == task["of"] else "failed",
            "output": task["said"],
            "output_format": "text",
            "visibility": "visible",
        }
        for task in tasks
    ]
    points, of = sum(task["points"] for task in tasks), sum(task["of"] for task in tasks)
    output = "\n".join([f"Lab {lab.number}, {lab.title}: {points:g} of {of} points for the code.", *remarks])
    return {
        "score": points,
        "max_score": of,
        "execution_time": round(seconds),
        "output": output,
        **FORM,
        "tests": tests,
    }


def words(task: Task, judge: Judge, got: Observed, verdict: Verdict, ended: str, files: Collection[str]) -> str:
    """What a student may know of one task: the first hint, as far as it tells nothing of the inputs."""
    if verdict.status == "right" and not verdict.findings:
        return "Right."
    if verdict.status == "right":
        return "Right, and too slow for half of the points: a loop over numbers in Python. Say it with whole arrays."
    if verdict.status == "blank":
        return "Still to be written."
    if verdict.status == "waits":
        return f"It waits for what it uses{': ' if task.needs else ''}{', '.join(task.needs)}."
    if verdict.status != "wrong":
        return "It was not your file that was called, but another in its place."
    cases = [case for case in judge.right[task.name] if case[0] != LARGE]
    wrong = [case for case in cases if not is_right(got.get(case), judge.right[task.name][case], case)]
    first = wrong[0]
    said = of_call(task, judge, got.get(first), first, ended, files)
    return f"{said} (case: {first[0]}, {first[1]}; {len(wrong)} of {len(cases)} cases are wrong.)"


def of_call(task: Task, judge: Judge, got: Observation | None, case: Case, ended: str, files: Collection[str]) -> str:
    """What may be said of one call that was not right."""
    right = judge.right[task.name][case]
    if got is None:
        return f"It did not come to an end{of_ending(ended)}."
    if got.error:
        return f"It raises {kind_of(got.error)}{of_line(got.line, files)}."
    if got.modified:
        inputs = [name for name in judge.cases[task.name][case] if name in got.modified]
        return f"It changes what it was given: {', '.join(inputs)}."
    if got.again:
        return f"A second call on the same inputs differs: {', '.join(n for n in right.outputs if n in got.again)}."
    dtype = np.dtype(case[1])
    differing = [name for name in right.outputs if differs(name, got, right, case)]
    missing = [name for name in right.outputs if name not in got.outputs]
    if missing:
        return f"A result is missing: {', '.join(missing)}."
    if differing:
        shapes = [name for name in differing if got.outputs[name].shape != right.outputs[name].shape]
        expected = "".join(f"; {name} should have shape {right.outputs[name].shape}" for name in shapes)
        return f"Another result than expected: {', '.join(differing)}{expected}."
    kept = [name for name in right.outputs if got.outputs[name].dtype != right.outputs[name].dtype]
    return f"The dtype is not kept: {', '.join(kept)} of {dtype.name} inputs."


def kind_of(error: str) -> str:
    """The kind of an error, if it is one of Python's.

    >>> kind_of("TypeError: f() takes 2"), kind_of("y is 0.1234: oh"), kind_of("int: 5")
    ('TypeError', 'an error', 'an error')
    """
    name = error.partition(":")[0]
    known = getattr(builtins, name, None)
    return name if isinstance(known, type) and issubclass(known, Exception) else "an error"


def of_line(line: str, files: Collection[str]) -> str:
    """Where in the student's files, if that is what it says.

    >>> of_line("kernels/reference/prelu.py:14", ["kernels/reference/prelu.py"]), of_line("0.1234", [])
    (' in kernels/reference/prelu.py, line 14', '')
    """
    file, _, number = line.rpartition(":")
    return f" in {file}, line {number}" if file in files and re.fullmatch(r"\d{1,4}", number) else ""


def of_ending(ended: str) -> str:
    """How it was ended, if that is one of the ways that we know.

    >>> of_ending("time"), of_ending("exit 3"), of_ending("SIGSEGV"), of_ending("")
    (' in time', ' (exit 3)', ' (SIGSEGV)', '')
    """
    if ended == "time":
        return " in time"
    return f" ({ended})" if re.fullmatch(r"exit \d{1,3}|SIG[A-Z]{2,6}|memory|crash|too much output", ended) else ""
