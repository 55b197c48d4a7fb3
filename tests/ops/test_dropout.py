import numpy as np
import pytest

from minidelve import Tensor, dropout
from tests.helpers import assert_close, raises, run, zeros


def seeded(p, seed=0):
    """Dropout that draws the same mask at each call."""
    return lambda x: dropout(x, p, training=True, rng=np.random.default_rng(seed))


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_silences_a_share_p_and_keeps_the_mean(p):
    f, _ = run(seeded(p), np.ones(100_000))
    values = np.unique(f)
    assert_close(values, np.array([0, 1 / (1 - p)]))
    assert abs((f == 0).mean() - p) < 0.01
    assert abs(f.mean() - 1) < 0.02


def test_backward_uses_the_mask_of_forward(rng):
    x, r = rng.standard_normal((40, 50)), rng.standard_normal((40, 50))
    f, (dx,) = run(seeded(0.5), x, cotangent=r)
    assert_close(dx, r * f / x)


def test_elements_are_dropped_independently():
    kept = run(seeded(0.5), np.ones((400, 400)))[0] > 0
    assert abs((kept[:, 1:] & kept[:, :-1]).mean() - 0.25) < 0.01  # neighbours in a row
    assert abs((kept[1:] & kept[:-1]).mean() - 0.25) < 0.01  # in a column


@pytest.mark.parametrize("p, training", [(0.0, True), (0.5, False), (0.0, False)])
def test_p_0_and_testing_change_nothing(p, training, rng):
    x = rng.standard_normal((3, 4))
    f, (dx,) = run(lambda x: dropout(x, p, training), x, cotangent=np.ones((3, 4)))
    assert_close(f, x)
    assert_close(dx, np.ones((3, 4)))


def test_the_same_seed_draws_the_same_mask(rng):
    x = Tensor(rng.standard_normal((20, 20)))
    assert_close(seeded(0.5, 1)(x).data, seeded(0.5, 1)(x).data)
    assert (seeded(0.5, 1)(x).data != seeded(0.5, 2)(x).data).any()


def test_each_call_draws_another_mask():
    x, rng = Tensor(np.ones((20, 20))), np.random.default_rng(0)
    assert (dropout(x, 0.5, True, rng).data != dropout(x, 0.5, True, rng).data).any()
    assert (dropout(x, 0.5, True).data != dropout(x, 0.5, True).data).any()


def test_wrong_p_is_named():
    for p in (1, 1.5, -0.1, float("nan")):
        raises(ValueError, lambda p=p: dropout(zeros(2), p, True), "dropout", "p", str(p))
        raises(ValueError, lambda p=p: dropout(zeros(2), p, False), str(p))
