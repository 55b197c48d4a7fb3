"""What is wrong with a task, in three hints: where it shows, of what kind it is, and the sentence that explains it.

Here is what can be seen without knowing the mistake. judge.py knows mistakes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from minidelve.labs.judging.differences import Pair, alike, manner, where
from minidelve.labs.judging.separating import separated_by
from minidelve.labs.task import Inputs, Task
from minidelve.labs.trial.calling import LARGE, Case, Observation
from minidelve.labs.trial.raised import explained

TOO_SLOW = 30  # times the product's plain form, from which on it is a loop over numbers
NOTICED = 0.5  # seconds, below which slowness is no matter
BY_HAND = "Nothing that is known gives these numbers. Compute the case below by hand, or its first number."
WRITE_OUT = "out is where the caller looks for the result: write all of it there, and return out."
READ_THE_PROMISE = "A function promises more than its numbers: the lab's README says what else it is to do."
TWICE = "Two results are the same: one of them came back twice, or an array is kept from one call to the next."
READ_WHAT_IS_KEPT = "The first call has changed what the second needs: what was saved, or an input."
COMPARE = "Take the smallest case that is wrong and the one most like it that is right: what differs between them?"
AGAIN = ", a second time"  # how an output of a second call is named
FLOATS = "A float64 number, or an array of them, makes float64 of all that it meets."
WHOLE = "These are whole numbers: / makes floats of them, and argmax gives int64. Say which dtype it is to be."
SENTENCES = {  # by the end of a kind
    "the shape is not": "Nothing is wrong but the axes: an axis of length 1 too many or too few, or an order of them.",
    "another result": "Look at the order in which you return the results.",
}
MODIFIED = "an input was modified"
ENDINGS = {
    "time": ("it did not come to an end in time", "Look for a loop whose condition never becomes false."),
    "SIGKILL": ("the system ended it", "It wanted more memory or time than there is."),
    "SIGSEGV": ("Python itself crashed", "An endless recursion, or memory that was written by hand, can do that."),
}

Observed = Mapping[Case, Observation]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: the three hints, the mistake's id where it is a known one, and the case told of."""

    where: str
    kind: str
    sentence: str
    id: str | None = None
    case: Case | None = None


def differs(name: str, got: Observation | None, right: Observation, case: Case) -> bool:
    """Whether an output is not what it should be; after an error none is."""
    if name not in right.outputs:
        return False  # a case that has no such output
    if got is None or got.error or name not in got.outputs:
        return True
    return not alike(got.outputs[name], right.outputs[name], np.dtype(case[1]), right.scale)


def is_right(got: Observation | None, right: Observation, case: Case) -> bool:
    """Whether a call gave what it should, in the dtype that it should, and nothing else changed."""
    if got is None or got.error or got.modified or got.again:
        return False
    return all(
        not differs(name, got, right, case) and got.outputs[name].dtype == expected.dtype
        for name, expected in right.outputs.items()
    )


def of_output(
    name: str, got: Observed, right: Observed, inputs: Mapping[Case, Inputs], cases: Sequence[Case], ended: str = ""
) -> Finding:
    """What can be said of an output that differs in these cases."""
    differing = [case for case in cases if differs(name, got.get(case), right[case], case)]
    label, dtype = case = differing[0]
    observation = got.get(case)
    if observation is None:
        return of_ending(ended, label)
    if observation.error:
        at = f" in {observation.line}" if observation.line else ""
        kind, sentence = explained(observation.error, observation.line)
        return Finding(f"{observation.error}{at} (case: {label}, {dtype})", kind, sentence, case=case)
    if name not in observation.outputs:
        return Finding(f"{name} is missing from what came back", "a result is missing", BY_HAND, case=case)
    pairs = [pair_of(name, got[c], right[c], inputs[c], c) for c in differing if name in outputs_of(got.get(c))]
    one = pairs[0]
    at = where(name, label, one.got, one.right, one.dtype, one.scale)
    if one.right.dtype.kind == "b":  # such as "out holds f"
        sentence = WRITE_OUT if name.startswith("out holds") else READ_THE_PROMISE
        return Finding(at, "a promise is not kept", sentence, case=case)
    kind = kind_of(pairs, differing, right)
    other = kind.removeprefix("it is ").removesuffix(", another result")
    if kind.endswith("another result") and not any(differs(other, got.get(c), right[c], c) for c in differing):
        return Finding(at, kind, TWICE, case=case)
    if plain(kind):
        once = name.removesuffix(AGAIN)
        if once != name and not any(differs(once, got.get(c), right[c], c) for c in differing):
            return Finding(at, "right the first time, wrong the second", READ_WHAT_IS_KEPT, case=case)
        shares = {c[0]: share_wrong(pair) for c, pair in zip(differing, pairs)}
        sizes = {label: x.outputs[name].size for (label, _), x in right.items() if label != LARGE and name in x.outputs}
        if len(pairs) == len(differing) and (words := separated_by(inputs, shares, sizes)):
            return Finding(at, words, COMPARE, case=case)
    return Finding(at, kind, next((said for end, said in SENTENCES.items() if kind.endswith(end)), BY_HAND), case=case)


def share_wrong(pair: Pair) -> float:
    """Which part of the numbers is wrong: all, if the shape is."""
    return float(pair.wrong.mean()) if pair.got.shape == pair.right.shape else 1.0


def plain(kind: str) -> bool:
    """Whether a kind says no more than in which cases an output differs."""
    return kind == "every case differs" or kind.startswith("right in ")


def outputs_of(observation: Observation | None) -> Mapping[str, np.ndarray]:
    """What a call gave by name; nothing for one that was never reached."""
    return observation.outputs if observation is not None else {}


def pair_of(name: str, got: Observation, right: Observation, inputs: Inputs, case: Case) -> Pair:
    """An output beside what it should be."""
    others = {other: x for other, x in right.outputs.items() if other != name}
    return Pair(got.outputs[name], right.outputs[name], np.dtype(case[1]), inputs, others, right.scale)


def kind_of(pairs: Sequence[Pair], differing: Sequence[Case], right: Observed) -> str:
    """The second hint of an output: in what way it is wrong, or in which cases."""
    dtypes = {dtype for _, dtype in differing}
    if dtypes == {"float32"}:
        return "right for float64, wrong for float32"
    if dtypes == {"float64"}:
        short = all(alike(pair.got, pair.right, np.dtype("float32"), pair.scale) for pair in pairs)
        return "right for float32, wrong for float64" + (
            ": rounded on the way, or a small number was added" if short else ""
        )
    if words := manner(pairs):
        return words
    names = list(dict.fromkeys(label for label, _ in right if label != LARGE))
    wrong = list(dict.fromkeys(label for label, _ in differing))
    fine = [name for name in names if name not in wrong]
    return f"right in {len(fine)} cases of {len(names)}, such as: {fine[0]}" if fine else "every case differs"


def of_ending(ended: str, label: str) -> Finding:
    """What to say of a call that never returned."""
    kind, sentence = ENDINGS.get(ended, (f"the process was ended ({ended})" if ended else "it never returned", ""))
    if ended.startswith("exit"):
        kind, sentence = f"Python was left ({ended})", "A function returns; sys.exit and os._exit end the program."
    return Finding(f"the call did not come back (case: {label})", kind, sentence or "Look at what this task calls.")


def beside_the_numbers(got: Observed, right: Observed, cases: Sequence[Case]) -> list[Finding]:
    """What is wrong where the numbers are right: an input changed, a second call that differs, another dtype."""
    found: list[Finding] = []
    for case in cases:
        seen, (label, dtype) = got.get(case), case
        if seen is None or seen.error:
            continue
        if seen.modified:
            found.append(
                Finding(f"{', '.join(seen.modified)} is not what it was before the call (case: {label})",
                        MODIFIED, "The caller still needs its arrays: write into an array of your own.",
                        case=case)
            )  # fmt: skip
        if seen.again:
            found.append(
                Finding(f"{', '.join(seen.again)} of a second call on the same inputs differs (case: {label})",
                        "a second call differs",
                        "Something is kept from one call to the next, drawn at random, or was never written: "
                        "np.empty holds what lay there before.", case=case)
            )  # fmt: skip
        for name, expected in right[case].outputs.items():
            x = seen.outputs.get(name)
            if x is not None and x.dtype != expected.dtype and not differs(name, seen, right[case], case):
                found.append(
                    Finding(f"{name} is {x.dtype}, expected {expected.dtype} (case: {label}, {dtype})",
                            "the dtype is not kept", WHOLE if expected.dtype.kind in "iu" else FLOATS, case=case)
                )  # fmt: skip
    return list({finding.kind: finding for finding in reversed(found)}.values())[::-1]


def of_slowness(task: Task, got: Observed, right: Observed) -> tuple[Finding, ...]:
    """A finding if the large case took as long as a loop over numbers would."""
    case = LARGE, "float32"
    if task.large is None or case not in right:
        return ()
    own, plain = got.get(case), right[case]
    came_back = own is not None and not own.error
    if own is not None and came_back and own.seconds < max(NOTICED, TOO_SLOW * plain.seconds):
        return ()
    took = f"took {own.seconds:.1f} s" if own is not None and came_back else "did not come back"
    return (
        Finding(f"a call on large arrays {took}, and {plain.seconds:.2g} s in plain NumPy", "it is too slow",
                "A loop over numbers in Python: say it with whole arrays."),
    )  # fmt: skip
