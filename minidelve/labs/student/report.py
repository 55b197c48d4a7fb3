"""What a student is told: a line for each task, with its points, and of what is wrong as many hints as were asked for.

The first hint says where it shows, the second of what kind the mistake is and with which inputs it shows, the third is
the sentence that explains it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minidelve.errors import escaped, shown
from minidelve.labs.course import Lab
from minidelve.labs.judging.findings import Finding
from minidelve.labs.judging.judge import Verdict, cases_of
from minidelve.labs.student.checking import SEEDS

MOST_HINTS = 3
PRINTED_LINES = 12
MOST_NUMBERS = 24  # of an input, to compute with by hand
UNTOUCHED = "nothing is written yet: begin with {function} in {file}"
UNTOUCHED_BEFORE = "nothing is written yet: this lab tries what the labs before it hand out"


def report(lab: Lab, verdicts: Collection[Verdict], hints: int, folder: Path) -> list[str]:
    """The lines on a lab's tasks, and the sum of their points."""
    total = sum(verdict.points for verdict in verdicts)
    widest = max(len(name) for name in [*(verdict.task.name for verdict in verdicts), *lab.not_tried])
    lines = []
    for verdict in verdicts:
        lines.append(f"{verdict.task.name:<{widest}}  {points(verdict):>7}  {in_a_word(verdict)}")
        for finding in verdict.findings:
            lines += [f"    {line}" for line in of_finding(finding, 1 if verdict.status == "waits" else hints)]
        if hints > 1:
            lines += [f"    {line}" for line in of_inputs(verdict)]
    lines += [f"{name:<{widest}}  {'':>7}  not tried: {why}" for name, why in lab.not_tried.items()]
    lines.append(f"{'lab ' + str(lab.number):<{widest}}  {f'{total:g} of {sum(v.task.points for v in verdicts):g}':>7}")
    if untouched(verdicts):
        task = next(iter(verdicts)).task
        function = task.blanks[0].partition(":")[2] if task.blanks else ""
        begin = UNTOUCHED if function else UNTOUCHED_BEFORE
        lines.append(begin.format(function=function, file=task.file))
    elif any(verdict.findings for verdict in verdicts if verdict.status != "waits") and hints < MOST_HINTS:
        more = "--hint" if hints == 1 else "--hint --hint"
        where = f"{lab.number} {folder}" if folder != Path(".") else f"{lab.number}"
        lines.append(f"`minidelve lab check {where} {more}` says more")
    return lines


def points(verdict: Verdict) -> str:
    """Such as "2 of 5"."""
    return f"{verdict.points:g} of {verdict.task.points:g}"


def in_a_word(verdict: Verdict) -> str:
    """How a task stands."""
    if verdict.status == "right":
        return "right, but slow" if verdict.findings else "right"
    return {"blank": "not written yet", "waits": "waits for another task"}.get(verdict.status, "wrong")


def untouched(verdicts: Iterable[Verdict]) -> bool:
    """Whether nothing at all is written."""
    return all(verdict.status == "blank" or verdict.status == "waits" for verdict in verdicts)


def of_finding(finding: Finding, hints: int) -> Sequence[str]:
    """As many of a finding's hints as were asked for."""
    return [finding.where, finding.kind, finding.sentence][:hints]


def of_inputs(verdict: Verdict) -> list[str]:
    """What the task was called with in the first case that was told of: a student who checks may see it."""
    case = next((finding.case for finding in verdict.findings if finding.case), None)
    if case is None:
        return []
    inputs = cases_of(verdict.task, *SEEDS)[case]
    return [f"in the case {case[0]}:", *(f"    {name} = {in_short(x)}" for name, x in inputs.items())]


def in_short(x: Any) -> str:
    """An input on one line: its numbers, or where they are many its shape."""
    if not isinstance(x, np.ndarray):
        return shown(x)
    if x.size > MOST_NUMBERS:
        return f"an array of shape {x.shape}"
    written = np.array2string(x, separator=", ", formatter={"float_kind": lambda number: f"{number:.4g}"})
    return " ".join(written.split())


def of_printed(printed: str) -> list[str]:
    """What the student's code printed, its first lines."""
    if not printed.strip():
        return []
    lines = printed.strip().splitlines()
    more = [f"  ({len(lines) - PRINTED_LINES} more lines)"] if len(lines) > PRINTED_LINES else []
    return ["", "your code printed:", *(f"  {escaped(line)[:200]}" for line in lines[:PRINTED_LINES]), *more]
