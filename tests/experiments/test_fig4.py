"""The item of Figure 4: ReLU and PReLU, epoch by epoch."""

import math

import pytest

from minidelve.experiments import courses, fig4
from minidelve.experiments.courses import BATCHES, EPOCH
from minidelve.experiments.fig4 import CHANNELS, RELU
from minidelve.experiments.statistics import Estimate

LUCK = (1.0, -1.0, 0.5, -0.5)  # of the seeds, in points: the same for both activations


def made(train_gaps, val_gaps, waver=0.1, seeds=4):
    """Runs by hand: PReLU's errors less ReLU's, epoch by epoch; a seed's difference is off by `waver` up or down."""
    rows = []
    for variant in (RELU, CHANNELS):
        for seed in range(seeds):
            for epoch, gaps in enumerate(zip(train_gaps, val_gaps, strict=True), 1):
                off = waver * (-1) ** seed
                train, val = (80 + LUCK[seed] - epoch + (gap + off if variant == CHANNELS else 0) for gap in gaps)
                known = {"variant": variant, "seed": seed}
                for tenth in range(1, 11):
                    point = {"what": BATCHES, "epoch": epoch - 1 + tenth / 10, "train_loss": 2.0, "train_error": train}
                    rows.append(known | point)
                rows.append(known | {
                    "what": EPOCH, "epoch": float(epoch), "train_loss": 2.0, "train_error": train, "val_error": val,
                    "lr": 0.01 if epoch <= 3 else 0.001, "classes": 20, "val_images": 1000,
                })  # fmt: skip
    return rows


LOWER = [-1.0] * 20


def test_a_gap_is_the_mean_of_the_seeds_differences():
    rows = made([-1.0, -2.0], [0.5, -3.0], waver=0.3)
    error = math.sqrt(4 * 0.3**2 / 3) / 2  # s / sqrt(n) of +0.3, -0.3, +0.3, -0.3
    for column, means in (("train_error", (-1.0, -2.0)), ("val_error", (0.5, -3.0))):
        found = fig4.gaps(rows, column)
        assert list(found) == [1.0, 2.0]
        assert [gap.mean for gap in found.values()] == pytest.approx(means)
        assert [gap.error for gap in found.values()] == pytest.approx([error, error])
    assert fig4.lower(fig4.gaps(rows, "val_error")) == 0.5


def test_each_seed_is_compared_with_itself():
    """The same rows in another order, and a seed that only one of the two has."""
    rows = made([-1.0], [-1.0])[::-1]
    rows.append(next(r for r in rows if r["what"] == EPOCH and r["variant"] == RELU) | {"seed": 9, "val_error": 0.0})
    assert fig4.gaps(rows, "val_error")[1.0].mean == pytest.approx(-1.0)
    assert fig4.gaps([row | {"val_error": None} for row in rows], "val_error") == {}


def test_the_learning_rate_falls_where_the_epochs_say():
    assert courses.drops(made(LOWER[:5], LOWER[:5])) == [3.0]
    assert courses.drops(made(LOWER[:3], LOWER[:3])) == []


def test_the_trend_tells_right_wrong_and_not_to_be_told():
    holds = fig4.ITEM.verdict(made(LOWER, LOWER))
    assert (
        holds.holds is True
        and "training error in 100% of 20 epochs" in holds.sentence
        and "by 1.00 ± 0.18 points" in holds.sentence
    )
    assert fig4.ITEM.verdict(made(LOWER, [-1.0] * 19 + [1.0])).holds is False  # higher in the end
    crossed = fig4.ITEM.verdict(made([1.0] * 2 + LOWER[2:], LOWER))  # higher at first, by far more than the seeds waver
    assert crossed.holds is False and "higher: 1, 2." in crossed.sentence
    assert fig4.ITEM.verdict(made(LOWER, [-1.0] * 19 + [-0.05])).holds is None  # no lower in the end
    assert fig4.ITEM.verdict(made([0.1] * 2 + LOWER[2:], LOWER)).holds is True  # in 90% lower, else within the errors
    assert fig4.ITEM.verdict(made([0.1] * 3 + LOWER[3:], LOWER)).holds is None  # in 85%
    assert fig4.ITEM.verdict(made(LOWER, LOWER, waver=3.0)).holds is None


def test_two_epochs_on_end_contradict_and_so_does_the_last():
    def verdict(*gaps):
        """Of four seeds: the interval is 3.182 standard errors to either side."""
        return fig4.lower_throughout({float(e): Estimate(mean, 0.1, 4) for e, mean in enumerate(gaps, 1)})

    fine, luck, off = -1.0, 0.31, 0.32
    assert verdict(luck, luck, *[fine] * 18) is True
    assert verdict(off, luck, *[fine] * 18) is True
    assert verdict(off, fine, off, *[fine] * 17) is True
    assert verdict(off, off, *[fine] * 18) is False
    assert verdict(*[fine] * 9, off, off, *[fine] * 9) is False
    assert verdict(*[fine] * 9, off) is False
    assert verdict(*[fine] * 9, luck) is None
    assert fig4.clearly_higher({1.0: Estimate(1, 0.1, 4)}) == []


def test_the_table_has_both_errors():
    lines = fig4.table(made([-1.0, -2.0], [0.5, -3.0], waver=0.0))[1]
    # 80 - 2 at the end of two epochs, the seeds' luck adding up to 0.
    assert [line[0] for line in lines] == ["training", "validation"]
    assert lines[0][1].startswith("78.00 ±") and lines[0][3] == "-2.00 ± 0.00" and lines[0][4] == "100%"
    assert lines[1][2].startswith("75.00 ±") and lines[1][3] == "-3.00 ± 0.00" and lines[1][4] == "50%"
