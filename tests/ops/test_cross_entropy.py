import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidelve import Tensor, cross_entropy
from minidelve.testing import check_gradients
from tests.helpers import agree_with_torch, assert_close, raises, run, zeros


@given(st.integers(1, 5), st.integers(1, 6), st.integers(0, 99))
def test_any_shape_is_the_definition_and_its_derivative(N, classes, seed):
    rng = np.random.default_rng(seed)
    z, targets = rng.standard_normal((N, classes)), rng.integers(0, classes, N)
    probabilities = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    expected = -np.mean([math.log(probabilities[n, t]) for n, t in enumerate(targets)])
    assert_close(cross_entropy(Tensor(z), targets).data, expected)
    check_gradients(lambda z: cross_entropy(z, targets), z)


def test_agrees_with_torch(rng):
    torch = pytest.importorskip("torch")
    targets = np.array([0, 4, 2, 2])

    def theirs(z):
        return torch.nn.functional.cross_entropy(z, torch.tensor(targets))

    agree_with_torch(lambda z: cross_entropy(z, targets), theirs, 3 * rng.standard_normal((4, 5)))
    agree_with_torch(lambda z: cross_entropy(z, targets), theirs, 1e3 * rng.standard_normal((4, 5)))


@pytest.mark.parametrize("classes", [1, 2, 10, 1000])
def test_uniform_logits_cost_ln_classes(classes):
    loss = cross_entropy(Tensor(np.full((3, classes), 7.0)), np.array([0, classes // 2, classes - 1]))
    assert loss.item() == pytest.approx(math.log(classes), abs=1e-12)


def test_a_sure_network_pays_nothing_if_right_and_the_margin_if_wrong():
    assert cross_entropy(Tensor([[1e4, 0.0]]), np.array([0])).item() == 0
    assert cross_entropy(Tensor([[1e4, 0.0]]), np.array([1])).item() == 1e4


def test_the_gradient_is_predicted_minus_true_distribution_over_n(rng):
    z, targets = rng.standard_normal((2, 3)), np.array([2, 0])
    _, (dz,) = run(lambda z: cross_entropy(z, targets), z, cotangent=np.array(1.0))
    probabilities = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    assert_close(dz, (probabilities - np.eye(3)[targets]) / 2)


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8"])
def test_targets_may_be_any_integers_an_array_a_list_or_a_tensor(dtype, rng):
    z, targets = Tensor(rng.standard_normal((3, 5))), np.array([4, 0, 4])
    expected = cross_entropy(z, targets).item()
    assert cross_entropy(z, targets.astype(dtype)).item() == expected
    assert cross_entropy(z, targets.tolist()).item() == expected
    assert cross_entropy(z, Tensor(targets.astype(dtype))).item() == expected


def test_the_caller_may_write_into_the_targets_before_backward():
    z, targets = Tensor(np.zeros((1, 2)), requires_grad=True), np.array([0])
    loss = cross_entropy(z, targets)
    targets[:] = 1
    loss.backward()
    assert z.grad.tolist() == [[-0.5, 0.5]]


def test_nan_stays_nan():
    assert math.isnan(cross_entropy(Tensor([[np.nan, 1.0]]), np.array([1])).item())


def test_wrong_shapes_and_targets_are_named():
    raises(ValueError, lambda: cross_entropy(zeros(2, 3), np.array([0, 3])), "cross_entropy", "target 3", "0 to 2")
    raises(ValueError, lambda: cross_entropy(zeros(2, 3), np.array([-1, 0])), "target -1", "0 to 2")
    raises(ValueError, lambda: cross_entropy(zeros(2, 3), np.array([0])), "(2, 3)", "(1,)")
    raises(ValueError, lambda: cross_entropy(zeros(2, 3), np.array([[0], [1]])), "(2, 3)", "(2, 1)")
    raises(ValueError, lambda: cross_entropy(zeros(3), np.array(1)), "(3,)", "()")
    raises(ValueError, lambda: cross_entropy(zeros(0, 3), np.array([], int)), "(0, 3)", "N >= 1")
    raises(TypeError, lambda: cross_entropy(zeros(2, 3), np.array([0.0, 1.0])), "float64", "integers")
    raises(TypeError, lambda: cross_entropy(zeros(2, 3), np.array([True, False])), "bool")
