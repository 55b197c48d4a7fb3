"""backward(): gradients add up over all paths, each graph is walked once, and errors come before any harm."""

import numpy as np
import pytest

import minidelve as md
from minidelve import Tensor
from tests.helpers import raises


def leaf(*numbers: float) -> Tensor:
    return Tensor(np.array(numbers), requires_grad=True)


# -- paths -----------------------------------------------------------------------------------------


PATHS = {  # y of x, dy/dx
    "several uses": (lambda x: x * x * x + 5.0 * x, lambda x: 3 * x**2 + 5),
    "a diamond": (lambda x: (top := x * 2.0).exp() * (top * top), lambda x: 8 * np.exp(2 * x) * (x * x + x)),
    "a shortcut": (lambda x: (a := x * 2.0) * 5.0 * 7.0 + a, lambda x: np.full_like(x, 2 * (5 * 7 + 1))),
}


@pytest.mark.parametrize(("y", "expected"), PATHS.values(), ids=PATHS)
def test_gradients_of_all_paths_arrive_before_a_node_is_walked(y, expected):
    x = leaf(0.5, -1.0, 3.0)
    y(x).sum().backward()
    np.testing.assert_allclose(x.grad, expected(x.data), rtol=1e-12)


def test_a_ladder_of_diamonds_is_walked_once_per_node_not_once_per_path():
    x = leaf(1.0)
    y = x
    for _ in range(60):  # 2^60 paths
        y = y + y
    y.backward(retain_graph=True)
    assert x.grad == 2.0**60


def test_only_tensors_that_ask_for_a_gradient_get_one():
    x, frozen = leaf(2.0), Tensor(np.array([7.0]))
    y = x * frozen
    y.sum().backward()
    assert x.grad == 7 and frozen.grad is None and y.grad is None


def test_gradients_of_broadcast_inputs_are_summed_back_to_their_shapes(rng):
    shapes = [(4, 3, 2), (3, 1), (1, 1, 2), ()]
    x, y, z, s = tensors = [Tensor(rng.standard_normal(shape), requires_grad=True) for shape in shapes]
    df = rng.standard_normal(shapes[0])
    (x * y + z - s).backward(df)
    expected = df * y.data, (df * x.data).sum((0, 2))[:, None], df.sum((0, 1))[None, None], -df.sum()
    for tensor, gradient in zip(tensors, expected, strict=True):
        np.testing.assert_allclose(tensor.grad, gradient, rtol=1e-12)
        assert tensor.grad.shape == tensor.shape


# -- the gradient that backward() starts from ------------------------------------------------------


def test_backward_multiplies_by_the_gradient_it_is_given(rng):
    x, r = Tensor(rng.standard_normal((2, 3)), requires_grad=True), rng.standard_normal((2, 3))
    (x * x).backward(r)
    np.testing.assert_allclose(x.grad, 2 * r * x.data)
    x.grad = None
    (x * x).backward(Tensor(r))
    np.testing.assert_allclose(x.grad, 2 * r * x.data)


@pytest.mark.parametrize("wrong", [np.ones(3), np.ones((2, 1)), 1.0, [[1.0]]])
def test_a_gradient_of_another_shape_raises(wrong):
    x = Tensor(np.ones((1, 2)), requires_grad=True)
    with pytest.raises(ValueError, match=r"gradient has shape .*; expected \(1, 2\)"):
        (x * 2.0).backward(wrong)
    assert x.grad is None


def test_backward_without_a_gradient_or_a_graph_says_what_it_lacks():
    raises(ValueError, (leaf(1.0, 2.0) * 2.0).backward, "shape (2,) needs a gradient")
    raises(RuntimeError, (Tensor([1.0]) * 2.0).sum().backward, "requires_grad=True")


# -- a graph is walked once ------------------------------------------------------------------------


def test_a_second_backward_raises_and_names_the_cure():
    x = leaf(2.0)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match=r"retain_graph=True"):
        y.backward()
    assert x.grad == 4


def test_retain_graph_accumulates_in_leaves_only():
    x = leaf(2.0)
    inner = x * x
    y = (inner * 3.0).sum()
    for times in (1, 2, 3):
        y.backward(retain_graph=times < 3)
        assert x.grad == 12 * times
    assert inner.grad is None and y.grad is None
    with pytest.raises(RuntimeError, match="retain_graph"):
        y.backward()


def test_a_freed_part_of_two_losses_raises_before_anything_is_added():
    x, w = leaf(2.0), leaf(5.0)
    shared = x * x
    first, second = shared.sum(), (shared * w).sum()
    first.backward()
    with pytest.raises(RuntimeError, match=r"backward\(\) needs Multiply a second time"):
        second.backward()
    assert w.grad is None and x.grad == 4


def test_two_losses_over_one_retained_part_add_up():
    x = leaf(3.0)
    shared = x * x
    shared.sum().backward(retain_graph=True)
    (shared * 10.0).sum().backward()
    assert x.grad == 6 + 60


# -- in-place writes -------------------------------------------------------------------------------

WRITES = ["t += 1", "t -= 1", "t *= 2", "t /= 2", "t **= 2", "t @= t", "t[0] = 1"]


@pytest.mark.parametrize("statement", WRITES)
def test_a_write_in_place_raises_and_says_what_to_write(statement):
    t = leaf(1.0, 2.0)
    with pytest.raises(TypeError, match=r"t = t \+ x .*t\.data"):
        exec(statement, {"t": t})
    assert t.data.tolist() == [1, 2]


def test_data_may_be_assigned_outside_the_graph():
    t = leaf(1.0, 2.0)
    t.data -= 1
    t.data = t.data * 3
    assert t.data.tolist() == [0, 3]
    (t * t).sum().backward()
    assert t.grad.tolist() == [0, 6]


def test_the_public_names_of_the_package_exist():
    assert all(hasattr(md, name) for name in md.__all__)
