"""A user's own op, as tensor.Function's docstring promises it, and what is said to one that breaks its promise."""

import numpy as np
import pytest

import minidelve as md
from minidelve import Function, Tensor
from minidelve.testing import check_gradients


class Swish(Function):
    def forward(self, x, w, *, scale):
        self.scale = scale
        s = 1 / (1 + np.exp(-x))
        self.save(x, s, w)
        return scale * x * s if w is None else scale * x * s * w

    def backward(self, df):
        x, s, w = self.saved
        slope = self.scale * (s + x * s * (1 - s))
        if w is None:
            return df * slope, None
        return df * slope * w, (df * self.scale * x * s).sum(axis=0) if self.needs[1] else None


def test_a_users_function_runs_and_its_gradients_are_right(rng):
    x, w = rng.standard_normal((4, 3)), rng.standard_normal(3)
    check_gradients(lambda x, w: Swish.apply(x, w, scale=2.0), x, w)
    check_gradients(lambda x: Swish.apply(x, None, scale=2.0) * 3.0, x)
    check_gradients(lambda x: Swish.apply(x, Tensor(w), scale=2.0), x)


def test_needs_says_which_inputs_want_a_gradient():
    seen = []

    class Look(Function):
        def forward(self, x, y, z):
            seen.append(self.needs)
            return x + y

        def backward(self, df):
            return None, df, None

    x, y = Tensor([1.0]), Tensor([1.0], requires_grad=True)
    Look.apply(x, y, None).sum().backward()
    with md.no_grad():
        Look.apply(x, y, None)
    assert seen == [(False, True, False), (False, False, False)] and y.grad == 1


def answering(answer) -> type[Function]:
    class Careless(Function):
        def forward(self, x, w):
            return x * w

        def backward(self, df):
            return answer

    return Careless


BROKEN_PROMISES = [  # shape of the inputs, what backward returns, what is said of it
    (2, (None, np.ones(2)), r"None for input 0; expected shape \(2,\)"),
    (2, (np.ones(2), None), r"None for input 1; expected shape \(2,\)"),
    (2, (np.ones(2), np.ones((1, 2))), r"shape \(1, 2\) for input 1"),
    (2, (np.ones(2), 1.0), r"shape \(\) for input 1; expected shape \(2,\)"),
    (2, np.ones(2), "1 gradients; expected 2"),
    (2, (np.ones(2),) * 3, "3 gradients; expected 2"),
    ((), (None, np.ones(())), "None for input 0"),
]


@pytest.mark.parametrize(("shape", "answer", "message"), BROKEN_PROMISES)
def test_a_backward_that_breaks_its_promise_is_named(shape, answer, message):
    x, w = (Tensor(np.ones(shape), requires_grad=True) for _ in range(2))
    with pytest.raises(RuntimeError, match=rf"Careless\.backward returned {message}"):
        answering(answer).apply(x, w).backward(np.ones(shape))
    assert x.grad is None and w.grad is None


def test_a_function_without_forward_or_backward_is_named():
    class Empty(Function):
        pass

    class OneWay(Function):
        def forward(self, x):
            return x * 1

    x = Tensor([1.0], requires_grad=True)
    with pytest.raises(NotImplementedError, match="Empty has no forward"):
        Empty.apply(x)
    with pytest.raises(NotImplementedError, match="OneWay has no backward"):
        OneWay.apply(x).sum().backward()


@pytest.mark.parametrize("call", [lambda x: md.relu(x), lambda x: md.conv2d(x, Tensor(np.ones((1, 1, 2, 2))))])
def test_an_op_on_a_bare_array_says_to_wrap_it(call):
    with pytest.raises(TypeError, match=r"works on Tensors; got a ndarray: wrap it, Tensor\(x\)"):
        call(np.ones((1, 1, 3, 3)))
