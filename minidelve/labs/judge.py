"""The judge: right, a known mistake, or what can be seen.

Everything is decided by what a call gave (calling.Observation). The product's functions are called on the same inputs,
and so is each known mistake. An output that is not the right one is a known mistake's if it is that mistake's in every
case. Outputs are looked at one by one, so two mistakes in one function are two findings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from minidelve.backend import use
from minidelve.labs.calling import LARGE, Case, Observation, observe
from minidelve.labs.course import Lab
from minidelve.labs.differences import alike, manner, where
from minidelve.labs.replacing import replaced
from minidelve.labs.task import Inputs, Mistake, Task

DTYPES = np.dtype(np.float64), np.dtype(np.float32)
TOO_SLOW = 30  # times the product's plain form, from which on it is a loop over numbers
NOTICED = 0.5  # seconds, below which slowness is no matter
GENERIC = "compare the smallest case by hand; nothing that is known gives these numbers"

Observed = Mapping[Case, Observation]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: the three hints, and the mistake's id where it is a known one."""

    where: str
    kind: str
    sentence: str
    id: str | None = None


@dataclass(frozen=True)
class Verdict:
    """What a task is worth. status: "right", "wrong", "blank" or "not called" (see its finding)."""

    task: Task
    points: float
    status: str
    findings: tuple[Finding, ...] = ()


def cases_of(task: Task, seed: Sequence[int]) -> dict[Case, Inputs]:
    """What a task is called with: every case in float64 and in float32, then the large one."""
    cases: dict[Case, Inputs] = {}
    for dtype in DTYPES:
        drawn = task.draw(np.random.default_rng(seed), dtype)
        cases |= {(name, dtype.name): inputs for name, inputs in drawn.items()}
    if task.large:
        cases[LARGE, "float32"] = task.large(np.random.default_rng(seed))
    return cases


def observed(task: Task, cases: Mapping[Case, Inputs]) -> dict[Case, Observation]:
    """What the functions that are loaded here give."""
    with use("reference"):
        return {case: observe(task, inputs) for case, inputs in cases.items()}


class Judge:
    """Judges the tasks of a lab on the inputs that a seed draws."""

    def __init__(self, lab: Lab, seed: Sequence[int]):
        self.lab = lab
        self.cases = {task.name: cases_of(task, seed) for task in lab.tasks}
        with replaced(lab.right()):
            self.right = {task.name: observed(task, self.cases[task.name]) for task in lab.tasks}
        self._mistakes: dict[str, dict[str, tuple[Mistake, Observed]]] = {}

    def mistakes(self, task: Task) -> dict[str, tuple[Mistake, Observed]]:
        """What each known mistake of a task gives, by its id; computed when it is first asked for."""
        if task.name not in self._mistakes:
            cases = {case: inputs for case, inputs in self.cases[task.name].items() if case[0] != LARGE}
            found: dict[str, tuple[Mistake, Observed]] = {}
            for mistake in self.lab.mistakes():
                if mistake.task == task.name:
                    with replaced({**self.lab.right(), **mistake.bodies}):
                        found[mistake.id] = mistake, observed(task, cases)
            self._mistakes[task.name] = found
        return self._mistakes[task.name]

    def verdict(self, task: Task, got: Observed) -> Verdict:
        """The verdict on what a student's code gave; a case that is missing was never reached."""
        right = self.right[task.name]
        if any(observation.blank for observation in got.values()):
            return Verdict(task, 0, "blank")
        wrong = {case for case in right if case[0] != LARGE and not self.is_right(got.get(case), right[case], case)}
        if wrong:
            return Verdict(task, 0, "wrong", self.findings(task, got, wrong))
        slow = self.slowness(task, got)
        return Verdict(task, task.points / 2 if slow else task.points, "right", slow)

    @staticmethod
    def is_right(got: Observation | None, right: Observation, case: Case) -> bool:
        """Whether a call gave what it should, in the dtype that it should, and nothing else changed."""
        if got is None or got.error or got.modified or got.again:
            return False
        return all(
            name in got.outputs
            and alike(got.outputs[name], expected, np.dtype(case[1]))
            and got.outputs[name].dtype == expected.dtype
            for name, expected in right.outputs.items()
        )

    def findings(self, task: Task, got: Observed, wrong: set[Case]) -> tuple[Finding, ...]:
        """What is wrong with a task: of each output that differs a finding, a known mistake's where there is one."""
        right = self.right[task.name]
        cases = [case for case in right if case in wrong]
        names = [n for n in right[cases[0]].outputs if any(self.differs(n, got.get(c), right[c], c) for c in cases)]
        # First a mistake that is the same in all outputs; else one may be taken for another that does more.
        whole = self.known(task, got, list(right[cases[0]].outputs)) or self.known(task, got, names)
        if whole:
            return (self.finding_of(whole, task, got, names, cases),)
        found: list[Finding] = []
        for name in names:
            mistake = self.known(task, got, [name])
            if mistake and mistake.id not in [f.id for f in found]:
                found.append(self.finding_of(mistake, task, got, [name], cases))
            elif not mistake:
                found.append(self.seen(task, got, name, cases))
        return tuple(found) or (self.seen(task, got, None, cases),)

    def known(self, task: Task, got: Observed, names: Sequence[str]) -> Mistake | None:
        """The known mistake that gives these outputs as they are, in every case."""
        right = self.right[task.name]
        for mistake, gives in self.mistakes(task).values():
            pairs = [(got.get(case), gives[case], right[case], case) for case in gives]
            if all(self.gives_the_same(names, g, m, case) for g, m, _, case in pairs) and any(
                self.differs(name, m, r, case) for name in names for _, m, r, case in pairs
            ):
                return mistake
        return None

    @staticmethod
    def gives_the_same(names: Sequence[str], got: Observation | None, other: Observation, case: Case) -> bool:
        """Whether two calls gave the same outputs of these names, or raised the same kind of error."""
        if got is None or got.modified != other.modified or got.again != other.again:
            return False
        if got.error or other.error:
            return got.error.partition(":")[0] == other.error.partition(":")[0]
        dtype = np.dtype(case[1])
        return all(
            name in got.outputs and name in other.outputs and alike(got.outputs[name], other.outputs[name], dtype)
            for name in names
        )

    @staticmethod
    def differs(name: str, got: Observation | None, right: Observation, case: Case) -> bool:
        """Whether an output is not what it should be; after an error none is."""
        if got is None or got.error or name not in got.outputs:
            return True
        return not alike(got.outputs[name], right.outputs[name], np.dtype(case[1]))

    def finding_of(
        self, mistake: Mistake, task: Task, got: Observed, names: Sequence[str], cases: Sequence[Case]
    ) -> Finding:
        """A known mistake, with the place where it shows first."""
        seen = self.seen(task, got, names[0] if names else None, cases)
        return Finding(seen.where, mistake.kind, mistake.sentence, mistake.id)

    def seen(self, task: Task, got: Observed, name: str | None, cases: Sequence[Case]) -> Finding:
        """What can be said of an output, or of the calls as a whole, without knowing the mistake."""
        right = self.right[task.name]
        differing = [c for c in cases if name is None or self.differs(name, got.get(c), right[c], c)]
        case = (differing or list(cases))[0]
        observation, (label, dtype) = got.get(case), case
        if observation is None:
            return Finding(f"the call did not come to an end (case: {label})", "it never returned", GENERIC)
        if observation.error:
            at = f" in {observation.line}" if observation.line else ""
            return Finding(f"{observation.error}{at} (case: {label}, {dtype})", "it raises an error", GENERIC)
        if name is None:
            return self.beside_the_numbers(observation, right[case], case)
        if name not in observation.outputs:
            return Finding(f"{name} is missing from what came back", "a result is missing", GENERIC)
        one = observation.outputs[name], right[case].outputs[name], np.dtype(dtype)
        kind = manner(*one)
        if {c[1] for c in differing} == {"float32"}:
            kind = "right for float64, wrong for float32"
        elif kind is None:
            rest = len([c for c in right if c[0] != LARGE]) - len(differing)
            kind = f"right in {rest} cases, wrong in {len(differing)}" if rest else "every case differs"
        return Finding(where(name, label, *one), kind, GENERIC)

    @staticmethod
    def beside_the_numbers(got: Observation, right: Observation, case: Case) -> Finding:
        """What is wrong where the numbers are right."""
        label, dtype = case
        if got.modified:
            kind = "an input was modified"
            return Finding(f"{', '.join(got.modified)} is not what it was before the call (case: {label})", kind,
                           "The caller still needs its arrays: write into an array of your own.")  # fmt: skip
        if got.again:
            kind = "a second call differs"
            return Finding(f"{', '.join(got.again)} of a second call on the same inputs differs (case: {label})", kind,
                           "Something is kept from one call to the next.")  # fmt: skip
        name = next(n for n in right.outputs if got.outputs[n].dtype != right.outputs[n].dtype)
        found, expected = got.outputs[name].dtype, right.outputs[name].dtype
        return Finding(f"{name} is {found}, expected {expected} (case: {label}, {dtype})", "the dtype is not kept",
                       "A float64 number, or an array of them, makes float64 of all that it meets.")  # fmt: skip

    def slowness(self, task: Task, got: Observed) -> tuple[Finding, ...]:
        """A finding if the large case took as long as a loop over numbers would."""
        large = LARGE, "float32"
        if large not in self.cases[task.name]:
            return ()
        own, plain = got.get(large), self.right[task.name][large]
        if own is not None and not own.error and own.seconds < max(NOTICED, TOO_SLOW * plain.seconds):
            return ()
        took = f"took {own.seconds:.1f} s" if own is not None and not own.error else "did not come to an end"
        return (
            Finding(f"a call on large arrays {took}, and {plain.seconds:.2g} s in plain NumPy", "it is too slow",
                    "A loop over numbers in Python: say it with whole arrays."),
        )  # fmt: skip
