"""The momentum item: three rules through a drop, and the figures of the derivation."""

import numpy as np
import pytest

from minidelve.experiments import momentum
from minidelve.experiments.item import Budget, Setup


@pytest.fixture(scope="module")
def rows():
    budget = momentum.ITEM.budgets["quick"]
    return [
        {"variant": variant, "seed": 0} | row
        for variant in momentum.ITEM.variants(budget)
        for row in momentum.run(Setup(budget, "toy", variant, 0))
    ]


def test_every_figure_is_the_derived_one(rows):
    assert len(momentum.CLAIMS) == len(momentum.table(rows)[1]) == 7
    for claim in momentum.CLAIMS:
        assert claim.measured(rows) == pytest.approx(claim.derived, rel=1e-8, abs=1e-8), claim.words
    found = momentum.ITEM.verdict(rows)
    assert found.holds is True and "after the drop: 8.08544, derived 8.08544, off by" in found.sentence


def test_the_rules_differ_only_after_the_drop(rows):
    paper, pytorch = (momentum.positions(rows, f"drop: {rule}") for rule in ("paper", "pytorch"))
    drop = momentum.DROP
    assert abs(paper - pytorch)[: drop + 1].max() < 1e-12
    assert pytorch[drop + 1] - paper[drop + 1] > 0.5  # down is negative: the paper's ball is further at once
    assert pytorch[-1] - paper[-1] == pytest.approx(8.09, abs=0.01)


@pytest.mark.parametrize(("variant", "broken"), [
    (momentum.OURS, [0]), (momentum.PAPER, [0, 1, 2, 3]), (momentum.PYTORCH, [1, 2, 4]),
])  # fmt: skip
def test_a_wrong_rule_is_seen_in_every_figure_that_it_enters(rows, variant, broken):
    spoilt = [row | {"x": row["x"] * 1.001} if row["variant"] == variant else row for row in rows]
    assert momentum.ITEM.verdict(spoilt).holds is False
    assert [i for i, claim in enumerate(momentum.CLAIMS) if not claim.judge(spoilt).holds] == broken


@pytest.mark.parametrize(("ball", "broken"), [(momentum.BALL, 5), (momentum.PLAIN, 6)])
def test_a_ball_that_shrinks_otherwise_is_seen(rows, ball, broken):
    spoilt = [row | {"x": row["x"] * 0.999 ** row["step"]} if row["variant"] == ball else row for row in rows]
    assert [i for i, claim in enumerate(momentum.CLAIMS) if not claim.judge(spoilt).holds] == [broken]


def test_the_two_rules_written_out_are_minidelves_and_pytorchs():
    torch = pytest.importorskip("torch")
    a = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    sgd = torch.optim.SGD([a], lr=momentum.RATE, momentum=momentum.MU)
    theirs = [0.0]
    for step in range(100):
        sgd.param_groups[0]["lr"] = momentum.rate_at(step)
        a.grad = torch.ones(1, dtype=torch.float64)
        sgd.step()
        theirs.append(a.item())
    ours = momentum.run(Setup(Budget(1, {"steps": 100}), "toy", "drop: pytorch", 0))
    np.testing.assert_allclose([row["x"] for row in ours], theirs, rtol=1e-12)


def test_momentum_shrinks_the_flat_direction_and_the_steep_one_alike(rows):
    for column in "xy":
        ball = momentum.positions(rows, "ball: momentum 0.9", column)
        assert momentum.envelope(ball, 30) == pytest.approx(np.sqrt(0.9), rel=1e-6)
