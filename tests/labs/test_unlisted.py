"""A mistake that nobody has listed is marked wrong, and told by what can be seen of it.

Each row is a wrong body of a function, and the second hint that it gets.
"""

from dataclasses import replace

import numpy as np
import pytest

from kernels import reference
from kernels.reference.into import into
from minidelve.labs import course
from minidelve.labs.judging.judge import Judge, observed
from minidelve.labs.judging.replacing import replaced

KERNEL = "kernels/reference/prelu.py"
right_forward, right_backward = reference.prelu_forward, reference.prelu_backward


@pytest.fixture(scope="module")
def judge():
    return Judge(course.lab(3), [1], [2])


def verdict_on(judge, task_name, **bodies):
    (task,) = (t for t in judge.lab.tasks if t.name == task_name)
    with replaced({f"{KERNEL}:{name}": body for name, body in bodies.items()}):
        return judge.verdict(task, observed(task, judge.cases[task_name]))


def of_da(change):
    """prelu_backward with its da changed."""

    def prelu_backward(df, y, a, out=None):
        dy, da = right_backward(df, y, a, out=out)
        return dy, change(da, df, y, a)

    return prelu_backward


def of_dy(change):
    """prelu_backward with its dy changed."""

    def prelu_backward(df, y, a, out=None):
        dy, da = right_backward(df, y, a)
        return into(out, change(dy, df, y, a)), da

    return prelu_backward


def with_nan(x):
    x = x.copy()
    x.flat[0] = np.nan
    return x


def counting(calls=[0]):  # noqa: B006 (it is the mistake: what is kept from call to call)
    calls[0] += 1
    return calls[0]


# What was written: the function it changes, and what must be said of it.
DA = {
    "every number is 3 times what it should be": lambda da, df, y, a: 3 * da,
    "every number is 1/5 of what it should be": lambda da, df, y, a: da / da.dtype.type(5),
    "every number is 1/5 of what it should be, with the wrong sign": lambda da, df, y, a: da / da.dtype.type(-5),
    "every number is 0": lambda da, df, y, a: np.zeros_like(da),
    "every number is off by 1": lambda da, df, y, a: da + 1,
    "every number is multiplied by the length of axis 0 of df": lambda da, df, y, a: da * len(y),
    "the numbers are right, the shape is not": lambda da, df, y, a: da[:, None],
    "it would be right, summed over its axis 0":
        lambda da, df, y, a: np.concatenate([0.25 * da[None], 0.75 * da[None]]).astype(da.dtype),
    "it is a as it came in": lambda da, df, y, a: a.copy(),
    "only [0] of it is wrong": lambda da, df, y, a: np.where(np.arange(len(da)) == 0, 7 * da + 1, da),
    "the dtype is not kept": lambda da, df, y, a: da.astype(np.float64),
    "a second call differs": lambda da, df, y, a: da * counting(),
    "it raises an error": lambda da, df, y, a: da.no_such_thing,
    "right for float64, wrong for float32":
        lambda da, df, y, a: da if da.dtype == np.float64 else da.astype(np.float16).astype(np.float32),
    "right for float32, wrong for float64: rounded on the way, or a small number was added":
        lambda da, df, y, a: da.astype(np.float32).astype(da.dtype),
}  # fmt: skip
DY = {
    "every number has the wrong sign": lambda dy, df, y, a: -dy,
    "it is y as it came in": lambda dy, df, y, a: y.copy(),
    "it is wrong only where y is above 0": lambda dy, df, y, a: np.where(y > 0, np.sqrt(np.abs(df)) + 2, dy),
    "it is wrong only where y is below 0": lambda dy, df, y, a: np.where(y < 0, df * np.exp(a), dy),
    "it is reversed": lambda dy, df, y, a: np.flip(dy, 0),
    "the numbers are right, and in another order": lambda dy, df, y, a: np.roll(dy, 1, axis=0).T.reshape(dy.shape),
    "the numbers are right but for signs": lambda dy, df, y, a: dy * np.where(np.arange(len(dy)) % 2, 1, -1)[:, None],
    "only [-1] of it is wrong":
        lambda dy, df, y, a: np.concatenate([dy[:-1], 3 * dy[-1:] + df[-1:]]).astype(dy.dtype),
}  # fmt: skip


@pytest.mark.parametrize("kind", DA)
def test_a_wrong_da_is_told_by_what_can_be_seen(judge, kind):
    verdict = verdict_on(judge, "prelu_backward", prelu_backward=of_da(DA[kind]))
    assert (verdict.points, verdict.status) == (0, "wrong")
    assert kind in [finding.kind for finding in verdict.findings]


@pytest.mark.parametrize("kind", DY)
def test_a_wrong_dy_is_told_by_what_can_be_seen(judge, kind):
    verdict = verdict_on(judge, "prelu_backward", prelu_backward=of_dy(DY[kind]))
    assert (verdict.points, verdict.status) == (0, "wrong")
    assert kind in [finding.kind for finding in verdict.findings]


def test_a_number_of_any_size_is_no_warning(judge):
    def tiny(dy, df, y, a):
        return np.full_like(dy, np.finfo(dy.dtype).tiny) * np.sign(y) + np.finfo(dy.dtype).max * (y > 1)

    assert verdict_on(judge, "prelu_backward", prelu_backward=of_dy(tiny)).status == "wrong"


@pytest.mark.parametrize("wrong, sentence", [
    (lambda da: da[:, None], "Nothing is wrong but the axes"),
    (lambda da: da + 1, "Nothing that is known"),
])  # fmt: skip
def test_the_third_hint_goes_with_the_second(judge, wrong, sentence):
    verdict = verdict_on(judge, "prelu_backward", prelu_backward=of_da(lambda da, df, y, a: wrong(da)))
    assert verdict.findings[0].sentence.startswith(sentence)


def test_results_in_another_order_are_told_so(judge):
    def prelu_backward(df, y, a, out=None):
        dy, da = right_backward(df, y, a)
        return da, dy

    findings = verdict_on(judge, "prelu_backward", prelu_backward=prelu_backward).findings
    assert "Look at the order in which you return the results." in [finding.sentence for finding in findings]


def test_what_is_infinite_is_counted(judge):
    verdict = verdict_on(judge, "prelu_backward", prelu_backward=of_dy(lambda dy, df, y, a: with_nan(dy)))
    assert any(finding.kind.endswith("are infinite or NaN") for finding in verdict.findings)


def test_a_changed_input_is_told(judge):
    def prelu_forward(y, a, bias=None, out=None):
        f = right_forward(y, a, bias, out)
        y[...] = f
        return f

    verdict = verdict_on(judge, "prelu_forward", prelu_forward=prelu_forward)
    assert "an input was modified" in [finding.kind for finding in verdict.findings]
    assert any(finding.where.startswith("y is not what it was before the call") for finding in verdict.findings)


def test_nothing_returned_is_told(judge):
    verdict = verdict_on(judge, "prelu_forward", prelu_forward=lambda y, a, bias=None, out=None: None)
    assert verdict.status == "wrong" and "TypeError" in verdict.findings[0].where


def found_in(number, task_name, body):
    """The findings on a body in a lab."""
    judge = Judge(course.lab(number), [1])
    (task,) = (t for t in judge.lab.tasks if t.name == task_name)
    with replaced({task.blanks[0]: body}):
        return judge.verdict(task, observed(task, judge.cases[task.name])).findings


def test_a_missing_return_is_told():
    (finding,) = found_in(6, "xavier_std", lambda shape, mode="fan_avg": None)
    assert finding.where.startswith("TypeError: std is None, expected an array of numbers")
    assert finding.kind == "a return is missing"


def test_out_that_is_not_written_is_told():
    right = reference.max_pool_forward
    (finding,) = found_in(5, "max_pool_forward", lambda *args, out=None: right(*args))
    assert finding.where.startswith("out holds y and taps")
    assert finding.sentence.startswith("out is where the caller looks for the result")


@pytest.mark.parametrize("dtype", ["int64", "float64"])
def test_another_dtype_of_whole_numbers_is_told(dtype):
    right = reference.max_pool_forward

    def max_pool_forward(*args, out=None):
        y, taps = right(*args)
        return into(out, (y, taps.astype(dtype)))

    (finding,) = found_in(5, "max_pool_forward", max_pool_forward)
    assert (finding.kind, finding.sentence[:23]) == ("the dtype is not kept", "These are whole numbers")


def test_a_loop_over_numbers_is_worth_half():
    judge = Judge(course.lab(3), [1])

    def prelu_forward(y, a, bias=None, out=None):
        f = np.empty_like(y)
        for m in range(y.shape[0]):
            for c in range(y.shape[1]):
                value = y[m, c] if bias is None else y[m, c] + bias[c]
                f[m, c] = value if value > 0 else a[c] * value
        return into(out, f)

    verdict = verdict_on(judge, "prelu_forward", prelu_forward=prelu_forward)
    assert (verdict.status, verdict.points) == ("right", 1)
    assert verdict.findings[0].kind == "it is too slow"


def test_two_mistakes_in_one_function_are_two_findings(judge):
    def prelu_backward(df, y, a, out=None):
        dy = df * (y > 0)  # pb-dyrelu
        return into(out, dy), (df * np.where(y > 0, np.zeros_like(y), y)).mean(axis=0)  # pb-mean

    verdict = verdict_on(judge, "prelu_backward", prelu_backward=prelu_backward)
    assert {finding.id for finding in verdict.findings} >= {"pb-dyrelu", "pb-mean"}


def test_a_known_mistake_and_an_unknown_one_are_both_told(judge):
    def prelu_backward(df, y, a, out=None):
        return into(out, df * (y > 0)), 3 * (df * np.where(y > 0, np.zeros_like(y), y)).sum(axis=0)

    findings = verdict_on(judge, "prelu_backward", prelu_backward=prelu_backward).findings
    assert {(f.id, f.kind) for f in findings if not f.id} == {(None, "every number is 3 times what it should be")}
    assert "pb-dyrelu" in [f.id for f in findings]


def test_a_known_mistake_in_another_style_is_known(judge):
    """Recognised by what it gives, and a float32 sum in another order rounds otherwise."""

    def prelu_backward(df, y, a, out=None):
        dy, da = df.copy(), np.zeros(y.shape[1], np.float32 if y.dtype == np.float32 else np.float64)
        dy[y <= 0] = (df * a)[y <= 0]
        for m in reversed(range(len(y))):
            da += np.where(y[m] > 0, 0, df[m] * y[m]).astype(da.dtype)
        return into(out, dy), da / len(y)

    verdict = verdict_on(judge, "prelu_backward", prelu_backward=prelu_backward)
    assert [finding.id for finding in verdict.findings] == ["pb-mean"]


def test_float32_sums_in_any_order_are_right(judge):
    def prelu_backward(df, y, a, out=None):
        products = np.where(y > 0, np.zeros_like(y), df * y)
        da = np.add.accumulate(products[::-1], axis=0)[-1]
        return into(out, np.where(y > 0, df, df * a)), da

    assert verdict_on(judge, "prelu_backward", prelu_backward=prelu_backward).status == "right"


def findings_on(name, backward):
    """What is said of a backward of lab 1, tried alone."""
    lab = course.lab(1)
    judge = Judge(replace(lab, tasks=tuple(task for task in lab.tasks if task.name == name)), [1])
    (task,) = judge.lab.tasks
    with replaced({task.blanks[0]: backward}):
        return judge.verdict(task, observed(task, judge.cases[name])).findings


def test_what_was_written_is_told_before_the_mistake_it_looks_like():
    def backward(self, df):
        x, y = self.saved
        df *= y
        return self.unbroadcast(df, df * x)

    first, second = findings_on("Multiply.backward", backward)
    assert first.kind == "an input was modified" and second.id is not None


def test_an_error_that_is_known_is_told_once():
    def backward(self, df):
        (x, y), df = self.matrices(), self.as_matrices(df)
        return self.as_given(df @ y.swapaxes(-1, -2), df @ x.swapaxes(-1, -2))

    assert [finding.id for finding in findings_on("MatMul.backward", backward)] == ["mm-order"]


def test_numbers_that_differ_far_down_are_shown_so_far(judge):
    def prelu_backward(df, y, a, out=None):
        dy, da = right_backward(df, y, a, out=out)
        return dy, da * da.dtype.type(1 + 1e-8)

    found, _, expected = (
        verdict_on(judge, "prelu_backward", prelu_backward=prelu_backward).findings[0].where.split()[2:5]
    )
    assert found.strip(",") != expected
