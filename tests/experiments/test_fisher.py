"""The fisher item: the derivatives are the parameters' own, and the figures those of the derivation."""

import numpy as np
import pytest

from minidelve import Tensor
from minidelve.experiments import Budget, Setup, fisher

SMALL = Budget(2, {"inputs": 100, "units": 32, "batches": 5})


def test_the_derivatives_are_those_of_each_image_alone():
    """By hand: d log p / dV_j = e h_j and d log p / db_q = e V_q f'(u_q)."""
    rng = np.random.default_rng(0)
    net = fisher.network(5, 4, 0.25, rng)
    x = rng.standard_normal((7, 5)).astype(np.float32)
    noise = np.random.default_rng(1).standard_normal((7, 1)).astype(np.float32)
    dV, db = fisher.derivatives(net, x, np.random.default_rng(1))
    u = x @ net[0].weight.data.T
    f = np.where(u > 0, u, 0.25 * u)
    np.testing.assert_allclose(dV, noise * f, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(db, noise * net[2].weight.data * np.where(u > 0, 1, 0.25), rtol=1e-4, atol=1e-5)
    assert net(Tensor(x)).shape == (7, 1)


@pytest.mark.parametrize(("variant", "figure"), [("ReLU", 0.399), ("PReLU a=0.25", 0.352), ("PReLU a=0.6", 0.188)])
def test_the_block_is_within_five_percent_of_the_derivation(variant, figure):
    assert fisher.derived(fisher.SLOPES[variant]) == pytest.approx(figure, abs=6e-4)
    rows = [row for seed in range(2) for row in fisher.run(Setup(SMALL, "toy", variant, seed))]
    assert np.mean([row["measured"] for row in rows]) == pytest.approx(figure, rel=0.05)


def test_a_linear_unit_empties_the_block():
    assert abs(fisher.run(Setup(SMALL, "toy", "a=1", 0))[0]["measured"]) < 0.02


def rows_with(factor, spread=0.0):
    return [
        {"variant": v, "seed": seed, "slope": a, "measured": fisher.derived(a) * factor + spread * (-1) ** seed}
        for v, a in fisher.SLOPES.items() for seed in range(4)
    ]  # fmt: skip


def test_the_trend_tells_right_wrong_and_not_to_be_told():
    assert fisher.trend(rows_with(1.04)).holds is True
    assert fisher.trend(rows_with(1.06)).holds is False
    assert fisher.trend(rows_with(1.06, 0.05)).holds is None
    assert "6.0%" in fisher.trend(rows_with(1.06)).sentence
