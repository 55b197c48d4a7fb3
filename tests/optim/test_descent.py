"""Plain descent: the steps that it takes, and what it leaves alone."""

import numpy as np

from minidelve import Tensor
from minidelve.optim import descend


def test_every_step_starts_from_a_fresh_gradient():
    a = Tensor(np.array([1.0, -2.0]), requires_grad=True)
    losses = descend(lambda: (a * a).sum(), [a], lr=0.1, steps=4)
    np.testing.assert_allclose(losses, [5 * 0.8 ** (2 * i) for i in range(4)])
    np.testing.assert_allclose(a.data, np.array([1.0, -2.0]) * 0.8**4)


def test_arrays_that_were_given_and_parameters_without_a_part_stay():
    given, idle = np.array([1.0]), Tensor(np.array([7.0]), requires_grad=True)
    a = Tensor(given, requires_grad=True)
    descend(lambda: (a * a).sum(), [a, idle], lr=0.1, steps=1)
    assert given == 1.0 and idle.data == 7.0 and idle.grad is None


def test_the_parameters_keep_their_dtype():
    a = Tensor(np.ones(2, np.float32), requires_grad=True)
    descend(lambda: (a * a).sum(), [a], lr=0.1, steps=2)
    assert a.dtype == np.float32
