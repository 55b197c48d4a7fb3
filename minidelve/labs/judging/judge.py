"""The judge: right, a known mistake, or what can be seen.

Everything is decided by what calls gave (calling.Observation). The product's functions are called on the same inputs,
and so is each known mistake. An output that is not the right one is a known mistake's if it is that mistake's in every
case. Outputs are looked at one by one, so two mistakes in one function are two findings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from minidelve.backend import threads, use
from minidelve.labs.course import Lab
from minidelve.labs.judging.differences import FEW, alike, scale_of
from minidelve.labs.judging.findings import (
    MODIFIED,
    Finding,
    Observed,
    beside_the_numbers,
    differs,
    is_right,
    of_ending,
    of_output,
    of_slowness,
)
from minidelve.labs.judging.replacing import replaced
from minidelve.labs.task import Inputs, Mistake, Task
from minidelve.labs.trial.calling import LARGE, Case, Observation, observe

DTYPES = np.dtype(np.float64), np.dtype(np.float32)
MOST_UNKNOWN = 2  # findings of a task that are no known mistakes: more of them often have one cause


@dataclass(frozen=True)
class Verdict:
    """What a task is worth.

    status    "right"; "wrong"; "blank", not written yet; "waits", for a task that it needs (see its finding)
    """

    task: Task
    points: float
    status: str
    findings: tuple[Finding, ...] = ()


def cases_of(task: Task, *seeds: Sequence[int]) -> dict[Case, Inputs]:
    """What a task is called with: every case in float64 and in float32, drawn by each seed, then the large one."""
    cases: dict[Case, Inputs] = {}
    for number, seed in enumerate(seeds, start=1):
        draw = f", draw {number}" if number > 1 else ""
        for dtype in DTYPES:
            drawn = task.draw(np.random.default_rng(seed), dtype)
            cases |= {(name + draw, dtype.name): inputs for name, inputs in drawn.items()}
    if task.large:
        cases[LARGE, "float32"] = task.large(np.random.default_rng(seeds[0]))
    return cases


def observed(task: Task, cases: Mapping[Case, Inputs]) -> dict[Case, Observation]:
    """What the functions that are loaded here give."""
    with use("reference"), threads.using(1):
        seen = {case: observe(task, inputs, calls=1 if case[0] == LARGE else 2) for case, inputs in cases.items()}
    return {case: replace(each, scale=scale_of(cases[case])) for case, each in seen.items()}


class Judge:
    """Judges the tasks of a lab on the inputs that some seeds draw. A mistake is known if all of them show it."""

    def __init__(self, lab: Lab, *seeds: Sequence[int]):
        self.lab = lab
        self.cases = {task.name: cases_of(task, *seeds) for task in lab.tasks}
        with replaced(lab.right()):
            self.right = {task.name: observed(task, self.cases[task.name]) for task in lab.tasks}
        self._mistakes: dict[str, dict[str, tuple[Mistake, Observed]]] = {}

    def mistakes(self, task: Task) -> dict[str, tuple[Mistake, Observed]]:
        """What each known mistake of a task gives, by its id; computed when it is first asked for."""
        if task.name not in self._mistakes:
            known = [mistake for mistake in self.lab.mistakes() if mistake.task == task.name]
            self._mistakes[task.name] = {m.id: (m, self.with_mistakes([m], task)) for m in known}
        return self._mistakes[task.name]

    def with_mistakes(self, mistakes: Iterable[Mistake], task: Task) -> Observed:
        """What a task gives where these mistakes are made."""
        cases = {case: inputs for case, inputs in self.cases[task.name].items() if case[0] != LARGE}
        bodies = {blank: body for mistake in mistakes for blank, body in mistake.bodies.items()}
        with replaced({**self.lab.right(), **bodies}):
            return observed(task, cases)

    def verdicts(self, observed: Mapping[str, Observed], ended: Mapping[str, str] | None = None) -> dict[str, Verdict]:
        """The verdict on every task, by its name. One that is wrong may wait for another that it needs."""
        found: dict[str, Verdict] = {}
        for task in self.lab.tasks:
            verdict = self.verdict(task, observed.get(task.name, {}), (ended or {}).get(task.name, ""))
            needed = [found[name] for name in task.needs if name in found and found[name].points == 0]
            found[task.name] = self.waiting(verdict, observed.get(task.name, {}), needed) if needed else verdict
        return found

    def verdict(self, task: Task, got: Observed, ended: str = "") -> Verdict:
        """The verdict on what a student's code gave; a case that is missing was never reached."""
        right = self.right[task.name]
        if blanks := [observation.error for observation in got.values() if observation.blank]:
            name = blanks[0].rpartition(": ")[2]
            if name in {blank.partition(":")[2] for blank in task.blanks}:
                return Verdict(task, 0, "blank")
            return Verdict(task, 0, "waits", (first(name, "it is not written yet"),))
        wrong = [case for case in right if case[0] != LARGE and not is_right(got.get(case), right[case], case)]
        if wrong:
            return Verdict(task, 0, "wrong", self.findings(task, got, wrong, ended))
        slow = of_slowness(task, got, right)
        return Verdict(task, task.points / 2 if slow else task.points, "right", slow)

    def waiting(self, verdict: Verdict, got: Observed, needed: Sequence[Verdict]) -> Verdict:
        """The verdict on a task that needs others which are not right."""
        task, name = verdict.task, needed[0].task.name
        if verdict.status != "wrong":
            return verdict
        known = {id: mistake for each in needed for id, (mistake, _) in self.mistakes(each.task).items()}
        made = [known[f.id] for each in needed for f in each.findings if f.id is not None]
        follows = bool(made) and same_in_all(got, self.with_mistakes(made, task), list(self.right[task.name]))
        if follows:
            return Verdict(task, 0, "waits", (first(name, "what is wrong here comes from there"),))
        if any(finding.id for finding in verdict.findings):
            return verdict
        return Verdict(task, 0, "waits", (first(name, "it is used here"),))

    def findings(self, task: Task, got: Observed, wrong: Sequence[Case], ended: str) -> tuple[Finding, ...]:
        """What is wrong with a task: of each output that differs a finding, a known mistake's where there is one."""
        right, inputs = self.right[task.name], self.cases[task.name]
        names = [n for n in right[wrong[0]].outputs if any(differs(n, got.get(c), right[c], c) for c in wrong)]
        if all(got.get(case) is None for case in wrong):
            return (of_ending(ended, wrong[0][0]),)
        # First a mistake that is the same in all that was seen; else one may be taken for another that does more.
        if whole := self.known(task, got, None):
            return (self.finding_of(whole, task, got, names, wrong),)
        found = beside_the_numbers(got, right, wrong)  # first: the numbers may be wrong for this reason
        if whole := self.known(task, got, names):
            written = [f for f in found if f.kind == MODIFIED]
            return (*written, self.finding_of(whole, task, got, names, wrong))
        for name in names:
            tells = right[wrong[0]].outputs[name].dtype.kind != "b"  # a single False is many mistakes'
            if tells and (mistake := self.known(task, got, [name])):
                found.append(self.finding_of(mistake, task, got, [name], wrong))
            else:
                found.append(of_output(name, got, right, inputs, wrong, ended))
        known = list({f.id: f for f in found if f.id}.values())
        told = {f.where for f in known}  # an error takes all outputs along
        unknown = list({f.kind: f for f in reversed(found) if not f.id and f.where not in told}.values())[::-1]
        return (*known, *unknown[: MOST_UNKNOWN if not known else 1])

    def known(self, task: Task, got: Observed, names: Sequence[str] | None) -> Mistake | None:
        """The known mistake that gives these outputs in every case; without names, that gives all that was seen."""
        right = self.right[task.name]
        own = {case: seen for case, seen in right.items() if case[0] != LARGE}
        sizes = [x.size for seen in own.values() for name, x in seen.outputs.items() if name in (names or ())]
        few = bool(sizes) and max(sizes) < FEW  # so few numbers are many mistakes': it may not do more than is seen

        def spoilt(gives: Observed) -> set[str]:
            return {n for case, seen in own.items() for n in seen.outputs if differs(n, gives.get(case), seen, case)}

        fitting = [
            (mistake, gives)
            for mistake, gives in self.mistakes(task).values()
            if names is None or any(differs(n, gives[c], right[c], c) for n in names for c in gives)
            if same_in_all(got, gives, list(gives), names)
            if not few or spoilt(gives) <= spoilt(got)
        ]
        # Several may spoil these alike: the one that is most like what was seen, then the one that spoils least.
        nearest = min(fitting, key=lambda fit: (apart(fit[1], got), apart(fit[1], right)), default=None)
        return nearest[0] if nearest else None

    def finding_of(
        self, mistake: Mistake, task: Task, got: Observed, names: Sequence[str], cases: Sequence[Case]
    ) -> Finding:
        """A known mistake, with the place where it shows first."""
        right, inputs = self.right[task.name], self.cases[task.name]
        seen = [of_output(names[0], got, right, inputs, cases)] if names else beside_the_numbers(got, right, cases)
        return Finding(seen[0].where, mistake.kind, mistake.sentence, mistake.id, seen[0].case)


def first(name: str, why: str) -> Finding:
    """What to say of a task that waits for another."""
    return Finding(
        f"mend {name} first: {why}", "it waits for another task", f"Check this one again when {name} is right."
    )


def same_in_all(got: Observed, other: Observed, cases: Sequence[Case], names: Sequence[str] | None = None) -> bool:
    """Whether two codes gave the same in these cases, but for rounding: these outputs, or all that was seen."""
    return all(same(got.get(case), other[case], case, names) for case in cases if case in other)


def apart(gives: Observed, other: Observed) -> int:
    """In how many outputs, over all cases, what a mistake gives is not what is given there."""
    return sum(not same(other.get(case), seen, case, [name]) for case, seen in gives.items() for name in seen.outputs)


def same(got: Observation | None, other: Observation, case: Case, names: Sequence[str] | None) -> bool:
    """Whether two calls gave the same, but for rounding, or raised the same kind of error."""
    if got is None:
        return False
    if got.error or other.error:
        return got.error.partition(":")[0] == other.error.partition(":")[0]
    if names is None and (got.modified, set(got.again)) != (other.modified, set(other.again)):
        return False
    mine, its, dtype = got.outputs, other.outputs, np.dtype(case[1])
    names = list(its) if names is None else names
    return all(n in mine and n in its and alike(mine[n], its[n], dtype, other.scale) for n in names)
