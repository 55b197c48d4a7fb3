"""The items of Figure 3: He against Xavier on 22 and on 30 layers."""

import math
from dataclasses import fields, replace
from types import SimpleNamespace

import numpy as np
import pytest

from minidelve import models
from minidelve.experiments import courses, fig3_left, fig3_right
from minidelve.experiments.courses import BATCHES, EPOCH
from minidelve.experiments.fig3_left import HE, XAVIER
from minidelve.experiments.fig3_right import START
from minidelve.experiments.item import Budget, Setup
from minidelve.experiments.rows import select
from minidelve.experiments.trained import trained
from minidelve.training.config import Config

CHANCE = math.log(20)
# 48 images in one batch: the epoch is one step.  Without weight decay it is lr times the gradient.
ONE_STEP = fig3_right.QUICK | {"batch_size": 48, "epochs": 1, "lr": 8.0, "weight_decay": 0.0}


def made(variant, seed, losses, error, decay=4e-8, gradient=None):
    """A run of 20 classes by hand: `losses` are the points of its course, ten an epoch; `error` that of the end."""
    rows = [
        {"what": BATCHES, "epoch": (i + 1) / 10, "train_loss": loss, "train_error": 90.0}
        for i, loss in enumerate(losses)
    ]
    for epoch in range(1, len(losses) // 10 + 1):
        mean = float(np.mean(losses[10 * epoch - 10 : 10 * epoch]))
        rows.append({
            "what": EPOCH, "epoch": float(epoch), "train_loss": mean, "train_error": 90.0, "val_error": error,
            "lr": 0.002, "classes": 20, "val_images": 1000,
        })  # fmt: skip
    if gradient is not None:
        for number in range(1, 28):
            layer = "conv2_1" if number == 2 else f"conv{number}"
            rows.append({
                "what": START, "layer": layer, "number": number, "gradient_square": gradient, "decay_square": decay,
            })  # fmt: skip
    return [{"variant": variant, "seed": seed} | row for row in rows]


def falling(at, epochs):
    """A course on the plateau until the point `at` (in tenths of an epoch), 0.1 below from then on."""
    return [CHANCE - (0.1 if i + 1 >= at else 0.0) for i in range(10 * epochs)]


def left(he, xavier, epochs=6, error=80.0):
    """Rows of fig3-left: the points at which each seed's loss falls."""
    return [
        row for variant, starts in ((HE, he), (XAVIER, xavier)) for seed, at in enumerate(starts)
        for row in made(variant, seed, falling(at, epochs), error)
    ]  # fmt: skip


def right(he, xavier, epochs=8, vanished=1e-10):
    """Rows of fig3-right: each seed's distance from ln C at the end, and Xavier's first mean square gradient."""
    return [
        row for variant, ends, gradient in ((HE, he, 1e-2), (XAVIER, xavier, vanished)) for seed, end in enumerate(ends)
        for row in made(variant, seed, [CHANCE + end] * (10 * epochs), 80.0, gradient=gradient)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def one_step(tiny_data, tmp_path_factory):
    """(the rows of one step with He's initialization, the network after it)."""
    setup = Setup(Budget(1, ONE_STEP), str(tiny_data), HE, 0, tmp_path_factory.mktemp("runs"))
    return fig3_right.run(setup), trained(setup, init="he")


def test_a_course_has_a_row_for_each_point_and_one_for_each_epoch():
    line = {"epoch": 2, "lr": 0.1, "train_loss": 1.7, "train_top1_error": 50.0, "val_top1_error": 40.0,
            "within": [[0.5, 2.0, 60.0], [1.0, 1.5, 45.0]]}  # fmt: skip
    saved = SimpleNamespace(meta={"classes": list("abcd")})
    rows = courses.course(SimpleNamespace(history=[line], saved=saved, config=Config(data="toy")))
    assert [row["epoch"] for row in rows] == [1.5, 2.0, 2.0]
    assert courses.mean_curve(rows, BATCHES, "train_loss") == ([1.5, 2.0], [2.0, 1.5])
    assert courses.mean_curve(rows, BATCHES, "train_error") == ([1.5, 2.0], [60.0, 45.0])
    assert rows[-1] == {"what": EPOCH, "epoch": 2.0, "train_loss": 1.7, "train_error": 50.0, "val_error": 40.0,
                        "lr": 0.1, "classes": 4, "val_images": 1000}  # fmt: skip
    wavers = 100 * math.sqrt(0.25 * 0.75 / 1000)
    assert courses.guessing(rows) == (4, pytest.approx(math.log(4)), 75.0, pytest.approx(wavers))


@pytest.mark.parametrize("item", [fig3_left, fig3_right])
def test_the_two_networks_differ_by_sqrt_2_in_the_conv_layers_alone(item):
    shape = {name: item.LAB[name] for name in ("width", "levels", "fc", "fc_init")}
    he, xavier = (
        models.create(item.LAB["model"], 20, "relu", init, seed=1, **shape).state_dict() for init in item.INITS.values()
    )
    assert sum(name.startswith("conv") and name.endswith("weight") for name in he) in (19, 27)
    for name, w in he.items():
        factor = math.sqrt(2) if name.startswith("conv") and name.endswith("weight") else 1
        np.testing.assert_allclose(w, factor * xavier[name], rtol=1e-6)
    assert he["fc1.weight"].std() == pytest.approx(math.sqrt(2 / he["fc1.weight"].shape[1]), rel=0.01)  # not 0.01


@pytest.mark.parametrize("item", [fig3_left, fig3_right])
def test_every_setting_is_an_option_of_training(item):
    for budget in item.ITEM.budgets.values():
        assert set(budget.settings) <= {field.name for field in fields(Config)}
        assert Config(**budget.settings).milestones == []  # the rate never falls


def test_the_gradient_told_is_that_of_the_first_step(one_step):
    rows, net = one_step
    start = models.from_config(net.saved.meta["config"], 4).state_dict()
    told = select(rows, what=START)
    assert [row["number"] for row in told] == list(range(1, 28))
    for row in told:
        name = f"{row['layer']}.weight"
        step = (start[name].astype(float) - net.saved.parameters[name]) / ONE_STEP["lr"]
        assert row["gradient_square"] == pytest.approx((step**2).mean(), rel=0.02), name
        assert row["decay_square"] == 0


def test_xaviers_gradient_is_the_predicted_one(one_step):
    """Narrow layers and maps of one or two pixels: even He's logits are small, so that dE/dz is the same for both."""
    net = one_step[1]
    xavier = SimpleNamespace(config=replace(net.config, init="xavier", weight_decay=0.5), saved=net.saved)
    rows = [{"variant": HE, "seed": 0} | row for row in one_step[0]]
    rows += [{"variant": XAVIER, "seed": 0} | row for row in fig3_right.first_gradients(xavier)]
    assert fig3_right.predicted(rows) == 2**-26
    for layer in ("conv1", "conv2_1", "conv3_22"):
        he, xavier = (fig3_right.root_mean_square(rows, v, "gradient", layer) ** 2 for v in (HE, XAVIER))
        assert xavier / he == pytest.approx(2**-26, rel=0.1)
    assert fig3_right.ratio(rows) == pytest.approx(2**-26, rel=0.1)
    n = 4 * 8  # numbers that each response of conv2_1 sums up: 2 x 2 x 8 channels
    assert fig3_right.root_mean_square(rows, XAVIER, "decay") ** 2 == pytest.approx(0.5**2 / n, rel=0.15)


def trend(item, rows):
    return item.ITEM.verdict(item.ITEM.whole(rows))


def head_start(rows):
    return fig3_left.CLAIMS[2].numbers(fig3_left.ITEM.whole(rows))


def test_a_start_is_the_first_point_below_the_level():
    rows = fig3_left.ITEM.whole(left(he=[3, 61], xavier=[12, 25]))
    for variant, first in ((HE, [0.3, None]), (XAVIER, [1.2, 2.5])):
        found = select(rows, what=fig3_left.STARTED, variant=variant)
        assert [row["first"] for row in found] == [None if epoch is None else pytest.approx(epoch) for epoch in first]
    # The one that never starts counts as starting at the end, 6.
    assert head_start(rows[: -len(fig3_left.starts(rows))]) == pytest.approx([1.2 - 0.3, 2.5 - 6])
    lines = fig3_left.table(rows)[1]
    assert lines[0][1] == "0.30 (1 of 2 seeds never)" and lines[1][1] == "1.85 (sd 0.92)"
    assert lines[2][2:4] == ["2.996", "95.00"]


def test_a_seed_that_tells_nothing_is_left_out():
    assert head_start(left(he=[3, 61], xavier=[12, 61])) == pytest.approx([0.9])  # neither starts with the second
    assert head_start(left(he=[3], xavier=[12, 25])) == pytest.approx([0.9])  # one of the two has not run
    none = trend(fig3_left, left(he=[61, 61], xavier=[61, 61]))
    assert none.holds is None and "no seed has the numbers" in none.sentence
    assert (
        fig3_left.table(fig3_left.ITEM.whole(left([61, 61], [61, 61])))[1][0][1] == "not within 6 (2 of 2 seeds never)"
    )


@pytest.mark.parametrize(("he", "xavier", "holds"), [
    ([3, 4], [12, 13], True), ([12, 13], [3, 4], False), ([3, 8], [12, 4], None), ([12, 4], [3, 8], None),
    ([3, 4], [12, 15], None),  # 1.00 ± 1.27: of two seeds the interval is 12.7 standard errors to either side
    ([3, 4, 3], [12, 14, 12], True), ([3], [12], None),
    # Two seeds that agree by coincidence need a gap of a point of the course.
    ([3, 8], [4, 9], True), ([4, 9], [3, 8], False), ([3, 8], [3, 8], None),
])  # fmt: skip
def test_the_trend_on_22_layers_tells_right_wrong_and_not_to_be_told(he, xavier, holds):
    assert trend(fig3_left, left(he, xavier)).holds is holds


def test_a_gap_of_less_than_a_point_does_not_count():
    rows = left(he=[3, 8], xavier=[4, 9])
    closer = [row | {"epoch": row["epoch"] / 2} if row["what"] == BATCHES else row for row in rows]
    assert trend(fig3_left, closer).holds is None and head_start(closer) == pytest.approx([0.05, 0.05])


def test_a_network_that_only_guesses_has_not_converged_yet():
    # 1000 images: guessing is 95% give or take 0.69, so 93.7 may be luck and 93.5 is none.
    by_luck, beyond = (left(he=[3, 4], xavier=[12, 13], error=error) for error in (93.7, 93.5))
    assert trend(fig3_left, by_luck).holds is None and trend(fig3_left, beyond).holds is True
    one_stuck = trend(fig3_left, select(beyond, variant=HE) + select(by_luck, variant=XAVIER))
    assert one_stuck.holds is None and "-1.89, -1.89 (claimed, in every seed: at most -2; cannot" in one_stuck.sentence


def test_not_having_started_yet_does_not_contradict_converging_later():
    he, xavier = (left(he=[30, 31], xavier=[61, 61], error=error) for error in (80.0, 95.0))
    late = trend(fig3_left, select(he, variant=HE) + select(xavier, variant=XAVIER))
    assert late.holds is None
    # The other way round it does: Xavier's has started and He's has not.
    he, xavier = (left(he=[61, 61], xavier=[30, 31], error=error) for error in (95.0, 80.0))
    assert trend(fig3_left, select(he, variant=HE) + select(xavier, variant=XAVIER)).holds is False


@pytest.mark.parametrize(("he", "xavier", "epochs", "holds"), [
    ([-0.06, -0.3], [0.004, -0.009], 8, True), ([-0.06], [0.004], 8, True),
    ([-0.06, -0.3], [0.0, -0.011], 8, False), ([-0.06, -0.3], [0.0, -0.011], 1, False),  # Xavier's falls too
    ([-0.04, -0.3], [0.0, 0.0], 8, False),                                               # He's stalls too,
    ([-0.04, -0.3], [0.0, 0.0], 5, None), ([-0.04], [0.004], 1, None),                   # or is only late
])  # fmt: skip
def test_the_trend_on_30_layers_tells_right_wrong_and_not_to_be_told(he, xavier, epochs, holds):
    assert trend(fig3_right, right(he, xavier, epochs)).holds is holds


def test_the_page_on_30_layers_has_losses_and_first_gradients():
    rows = right(he=[-0.06, -0.3], xavier=[0.0, 0.001])
    said = trend(fig3_right, rows).sentence
    assert "He, training loss of the last epoch less ln C: -0.0600, -0.3000 (claimed, in every seed: at most" in said
    assert "dE/dw in the first step over that of λw: 0.050, 0.050 (claimed, in every seed: at most 1; holds)" in said
    assert [line[6:] for line in fig3_right.table(rows)[1]] == [
        ["5.00e+02", "1", "1"], ["5.00e-02", "1.00e-08", "1.49e-08"]]  # fmt: skip


def test_a_flat_loss_is_a_stall_only_where_decay_outweighs_the_gradient():
    for vanished, holds in ((3.9e-8, True), (4.1e-8, False)):  # the decay's mean square is 4e-8
        assert trend(fig3_right, right(he=[-0.3, -0.3], xavier=[0.0, 0.0], vanished=vanished)).holds is holds
    unknown = [row | {"gradient_square": None} if "layer" in row else row for row in right([-0.3], [0.0])]
    assert trend(fig3_right, unknown).holds is None


def test_gradients_of_several_seeds_have_geometric_means_as_printed():
    squares = {HE: (1e-2, 3e-6), XAVIER: (2e-11, 7e-13)}
    rows = [
        row for variant, several in squares.items() for seed, square in enumerate(several)
        for row in made(variant, seed, [CHANCE] * 10, 95.0, gradient=square, decay=(1e-8, 4e-8)[seed])
    ]  # fmt: skip
    printed = {line[0]: line[4:8] for line in fig3_right.table(rows)[1]}
    he, xavier = float(printed[HE][0]), float(printed[XAVIER][0])
    assert he == pytest.approx((1e-2 * 3e-6) ** 0.25, rel=0.01)
    assert xavier == pytest.approx((2e-11 * 7e-13) ** 0.25, rel=0.01)
    assert float(printed[XAVIER][3]) == pytest.approx((xavier / he) ** 2, rel=0.02)
    decay = float(printed[XAVIER][1])
    assert decay == pytest.approx((1e-8 * 4e-8) ** 0.25, rel=0.01)
    assert float(printed[XAVIER][2]) == pytest.approx(xavier / decay, rel=0.02)
