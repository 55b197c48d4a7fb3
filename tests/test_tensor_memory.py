"""Who owns an array and how long it lives: .grad is the leaf's own, nothing unneeded is kept, long chains die."""

import gc
import weakref

import numpy as np
import pytest

from minidelve import Function, Tensor


def leaf(shape=(3,)) -> Tensor:
    return Tensor(np.arange(1.0, 1 + np.prod(shape)).reshape(shape), requires_grad=True)


# -- a leaf owns its .grad -------------------------------------------------------------------------

SAME_GRADIENT_FOR_BOTH = {
    "add": lambda x, w: x + w,
    "subtract": lambda x, w: x - w,
    "add to itself": lambda x, w: x + x + w + w,
    "reshape and transpose": lambda x, w: x.reshape(3, 1).T.reshape(3) + w,
    "sum": lambda x, w: (x.sum() + w.sum()) * 1.0,
    "index": lambda x, w: x[:] + w[::-1],
    "none": lambda x, w: x.reshape(3),
    "the leaf itself": lambda x, w: x,
}


@pytest.mark.parametrize("make", SAME_GRADIENT_FOR_BOTH.values(), ids=SAME_GRADIENT_FOR_BOTH)
def test_scaling_one_leafs_grad_changes_no_other_and_not_the_seed(make):
    x, w = leaf(), leaf()
    y = make(x, w)
    seed = np.full(y.shape, 2.0)
    y.backward(seed)
    before = None if w.grad is None else w.grad.copy()
    x.grad *= 100
    assert np.all(seed == 2)
    assert before is None or np.array_equal(w.grad, before)


class ScaledSum(Function):
    """sum(x * w) whose backward hands out w itself, after it saved that very array or a view of it."""

    def forward(self, x, *, w, view):
        self.w = w
        self.save(w[:] if view else w)
        return (x * w).sum()

    def backward(self, df):
        return self.w


@pytest.mark.parametrize("view", [False, True])
def test_scaling_a_grad_changes_nothing_that_backward_saved(view):
    x, w = leaf(), np.array([5.0, 6.0, 7.0])
    y = ScaledSum.apply(x, w=w, view=view)
    y.backward(retain_graph=True)
    x.grad *= 100
    x.grad = None
    y.backward()
    assert x.grad.tolist() == [5, 6, 7] == w.tolist()


def test_an_accumulated_grad_is_a_new_array_each_time():
    x = leaf()
    (x * 2.0).sum().backward()
    kept = x.grad
    (x * 2.0).sum().backward()
    assert kept.tolist() == [2, 2, 2] and x.grad.tolist() == [4, 4, 4]


# -- what is kept ----------------------------------------------------------------------------------


def test_an_array_that_no_backward_needs_is_freed_during_forward():
    x = leaf((100,))
    inner = x + 1.0  # Add saves nothing, and neither does the next one
    gone = weakref.ref(inner.data)
    y = inner + 2.0
    del inner
    assert gone() is None
    y.sum().backward()
    assert np.all(x.grad == 1)


def test_an_array_that_a_backward_needs_is_kept_until_then_as_is_the_graph():
    x = leaf((100,))
    inner = x + 1.0
    saved, node = weakref.ref(inner.data), weakref.ref(inner.function)
    y = (inner * inner).sum()
    del inner
    assert saved() is not None and node() is not None
    y.backward()
    assert saved() is None and node() is None  # although y is still alive


def test_without_a_wish_for_gradients_nothing_is_kept():
    x = Tensor(np.ones(100))
    y = x * x
    assert y.function is None and not y.requires_grad
    array = weakref.ref(x.data)
    del x
    assert array() is None


def test_a_graph_without_backward_leaves_no_cycle_behind():
    gc.collect()
    gc.disable()
    try:
        x = leaf()
        y = (x * x).exp().sum()
        node = weakref.ref(y.function)
        del y
        assert node() is None
    finally:
        gc.enable()


# -- long chains -----------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [10_000, 100_000])
@pytest.mark.parametrize("walk", [True, False], ids=["walked back", "thrown away"])
def test_a_long_chain_is_built_walked_and_collected_without_recursion(length, walk):
    x = Tensor(np.array(1.0), requires_grad=True)
    y = x
    for _ in range(length):
        y = -y
    node = weakref.ref(y.function)
    if walk:
        y.backward()
        assert x.grad == 1  # length is even
    del y
    gc.collect()
    assert node() is None
