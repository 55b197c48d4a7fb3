"""Loss scaling: what is left out, what is divided, and how the scale moves."""

import numpy as np
import pytest

from minidelve import Tensor
from minidelve.nn import Parameter
from minidelve.optim import LossScale, loss_scale


def parameter(*gradient: float) -> Parameter:
    p = Parameter(np.zeros(len(gradient), np.float32))
    p.grad = np.float32(gradient)
    return p


def test_backward_begins_with_the_scale_and_unscale_takes_it_out():
    scale, w = LossScale(8.0), Tensor(np.float32([1.0, -2.0]), requires_grad=True)
    loss = (w * w).sum()
    loss.backward(scale.gradient(loss))
    assert w.grad.tolist() == [16.0, -32.0] and w.grad.dtype == np.float32
    assert scale.unscale([w])
    assert w.grad.tolist() == [2.0, -4.0]


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_a_gradient_not_finite_halves_the_scale_and_forbids_the_step(bad):
    scale = LossScale(8.0)
    assert not scale.unscale([parameter(1.0, 2.0), parameter(1.0, bad)])
    assert scale.scale == 4.0 and scale.good_steps == 0
    assert scale.unscale([parameter(1.0)]) and scale.good_steps == 1
    with pytest.raises(FloatingPointError, match="not finite even with a loss scale of 1"):
        LossScale(1.0).unscale([parameter(bad)])


def test_the_scale_doubles_after_good_steps_in_a_row_up_to_its_bound(monkeypatch):
    monkeypatch.setattr(loss_scale, "GROWTH_STEPS", 3)
    scale = LossScale(loss_scale.MOST / 4)
    seen = []
    for step in range(10):
        scale.unscale([parameter(np.inf if step == 1 else 1.0)])
        seen.append(scale.scale / loss_scale.MOST)
    assert seen == [0.25, 0.125, 0.125, 0.125, 0.25, 0.25, 0.25, 0.5, 0.5, 0.5]
    scale.scale, scale.good_steps = loss_scale.MOST, 2
    assert scale.unscale([parameter(1.0)]) and scale.scale == loss_scale.MOST


def test_parameters_without_a_gradient_are_passed_over():
    p = Parameter(np.zeros(3, np.float32))
    assert LossScale().unscale([p, parameter(1.0)]) and p.grad is None
    assert LossScale().unscale([])


def test_its_state_comes_back():
    scale = LossScale(4.0)
    scale.unscale([parameter(1.0)])
    other = LossScale()
    other.load_state_dict(scale.state_dict())
    assert (other.scale, other.good_steps) == (4.0, 1)
