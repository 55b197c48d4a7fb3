"""The slope-decay item: the derived factor beside the optimizer's, a pair of runs, and the trend of rows by hand."""

import math

import numpy as np
import pytest

from minidelve import nn, optim
from minidelve.experiments import Budget, Setup, slope_decay, table2
from minidelve.experiments.slope_decay import WHOLE, WHOSE, shrinkage
from minidelve.experiments.trained import configured, name_of
from minidelve.training import checkpoint

TINY = {
    "model": "lab14", "width": 0.0625, "fc": 4, "size": 24, "short_side": 24, "epochs": 3, "batch_size": 8, "lr": 0.001,
}  # fmt: skip


@pytest.mark.parametrize("stages", [[(0.01, 40)], [(0.1, 7), (0.01, 30), (0.001, 1)]])
def test_the_derived_factor_is_what_remains_without_a_gradient(stages):
    a = nn.Parameter(np.array([0.25, -3.0]))
    sgd = optim.SGD([a], lr=1.0, momentum=0.8, weight_decay=0.3)
    for rate, steps in stages:
        sgd.lr = rate
        for _ in range(steps):
            a.grad = np.zeros(2)
            sgd.step()
    np.testing.assert_allclose(a.data / [0.25, -3.0], shrinkage(stages, 0.3, 0.8), rtol=1e-12)


def test_over_many_steps_a_slope_fades_as_derived():
    """The factor a step is the larger root of z^2 - (1 + mu - eps decay) z + mu; e in 20,000 steps at the paper's."""
    assert shrinkage([(0.01, 20_000)], 0.0005, 0.9) == pytest.approx(math.exp(-1), rel=2e-3)
    b = 1 + 0.9 - 0.01 * 0.1
    root = (b + math.sqrt(b * b - 4 * 0.9)) / 2
    far, further = (shrinkage([(0.01, steps)], 0.1, 0.9) for steps in (1000, 1001))
    assert further / far == pytest.approx(root, rel=1e-9)


def test_the_lab_runs_keep_what_their_page_says():
    """157 batches of 64 an epoch; the rate falls after epochs 7 and 10 of 12."""
    assert shrinkage([(0.01, 1900)], 0.0005, 0.9) == pytest.approx(0.91, abs=0.005)
    falling = [(0.01, 7 * 157), (0.001, 3 * 157), (0.0001, 2 * 157)]
    assert shrinkage(falling, 0.0005, 0.9) == pytest.approx(0.944, abs=5e-4)


@pytest.mark.parametrize("pulses", [range(500), [0], [499], range(0, 500, 7)])
def test_a_slope_that_grew_keeps_more_than_its_share_one_that_fell_less(pulses):
    """The same gradients with and without decay, at the optimizer."""

    def end(size, decay):
        a = nn.Parameter(np.array([0.25]))
        sgd = optim.SGD([a], lr=0.01, momentum=0.9, weight_decay=decay)
        for t in range(500):
            a.grad = np.array([size / len(pulses) if t in pulses else 0.0])
            sgd.step()
        return a.data[0]

    kept = shrinkage([(0.01, 500)], 0.02, 0.9)
    up, down = (end(size, 0.02) / end(size, 0.0) for size in (-1.0, 1.0))
    assert end(-1.0, 0.0) > 0.25 > end(1.0, 0.0) > 0 and kept < 0.4
    assert down < kept < up


@pytest.fixture(scope="module")
def ran(tiny_data, tmp_path_factory):
    """A pair with a decay that the loss cannot stand up to, and table2's network; the runs' folder and the rows."""
    runs = tmp_path_factory.mktemp("runs")
    budget = Budget(1, TINY | {"decays": (0.0005, 5.0)})
    rows = []
    for variant in slope_decay.variants(budget):
        if variant != "0.0005, slopes too":
            part = slope_decay.run(Setup(budget, str(tiny_data), variant, 0, runs))
            rows += [{"variant": variant, "seed": 0} | row for row in part]
    return Setup(budget, str(tiny_data), "", 0, runs), rows


def test_slopes_fade_by_the_derived_factor_with_decay_and_stay_without(ran):
    """18 steps at three rates; the gradients are small beside a decay of 5."""
    rows = [row for row in ran[1] if row["decay"] == 5 and row["layer"] != WHOLE]
    alone, too = ([row for row in rows if row["whose"] == whose] for whose in WHOSE)
    assert len(alone) == len(too) == 13 and 0.5 < too[0]["derived_factor"] < 0.8
    for row, beside in zip(too, alone, strict=True):
        assert row["layer"] == beside["layer"] and beside["mean_abs_a"] == pytest.approx(0.25, rel=0.02)
        assert row["mean_abs_a"] / beside["mean_abs_a"] == pytest.approx(row["derived_factor"], rel=0.02)


def test_a_row_is_the_mean_of_absolute_slopes_the_last_that_of_layers(ran):
    setup, rows = ran
    name = name_of(configured(setup, {"activation": "prelu", "weight_decay": 5.0, "decay_slopes": True}))
    last = checkpoint.load(setup.runs / name / "last.npz")
    own = {row["layer"]: row for row in rows if row["variant"] == "5, slopes too"}
    assert own["conv3_2"]["mean_abs_a"] == pytest.approx(np.abs(last.parameters["conv3_2_act.a"]).mean())
    means = [row["mean_abs_a"] for layer, row in own.items() if layer != WHOLE]
    assert own[WHOLE]["mean_abs_a"] == pytest.approx(np.mean(means))
    assert own[WHOLE]["top1_error"] == last.meta["history"][-1]["val_top1_error"]
    assert own[WHOLE]["derived_factor"] == pytest.approx(shrinkage([(1e-3, 12), (1e-4, 6)], 5.0, 0.9))


def test_the_usual_decay_on_the_weights_alone_is_the_network_of_table2(ran):
    setup, rows = ran
    assert (setup.runs / name_of(configured(setup, table2.RUNS[table2.CHANNELS]))).is_dir()
    assert len(list(setup.runs.iterdir())) == len({row["variant"] for row in rows}) == 3


def test_signs_do_not_cancel(monkeypatch):
    class Net:
        saved = checkpoint.Checkpoint({"c_act.a": np.array([-0.5, 0.5]), "c.weight": np.ones(1)}, [], np.zeros(1), {})
        final = {"val_top1_error": 50.0}
        config = type("Config", (), {"momentum": 0.9})

    monkeypatch.setattr(slope_decay, "trained", lambda setup, **options: Net())
    monkeypatch.setattr(slope_decay, "stages", lambda net: [(0.01, 1)])
    rows = slope_decay.run(Setup(Budget(1, {}), "toy", "0.0005, slopes too", 0))
    assert [(row["layer"], row["mean_abs_a"]) for row in rows] == [("c", 0.5), (WHOLE, 0.5)]
    assert rows[0]["derived_factor"] == pytest.approx(1 - 5e-6)


# mean |a| of each seed, for a decay on the weights alone and on the slopes too
MEANS = {(0.0005, 0): [0.20, 0.22, 0.24], (0.0005, 1): [0.21, 0.215, 0.235],
         (0.005, 0): [0.20, 0.22, 0.24], (0.005, 1): [0.11, 0.11, 0.13]}  # fmt: skip


def rows_of(seeds=3, **changes):
    names = {(0.0005, 1): "weak", (0.005, 1): "strong"}
    means = MEANS | {key: changes[name] for key, name in names.items() if name in changes}
    return [
        {"variant": f"{decay:g}, {WHOSE[too]}", "seed": seed, "decay": decay, "whose": WHOSE[too], "layer": layer,
         "mean_abs_a": mean and mean * scale, "derived_factor": 0.95 if decay < 0.001 else 0.55,
         "top1_error": mean and 60.0 - 10 * too + seed}
        for seed in range(seeds) for (decay, too), of in MEANS.items() for mean in [means[decay, too][seed]]
        for layer, scale in (("conv1", 1.5), ("fc1", 0.5), (WHOLE, 1.0)) if mean or layer == WHOLE
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "holds", "words"),
    [
        ({}, True, "Decay 0.005 on the slopes too less on the weights alone, mean absolute slope: -0.1033 ± 0.0287"),
        ({"strong": [0.19, 0.22, 0.235]}, None, "mean absolute slope: -0.0050 ± 0.0124"),       # 1.7 standard errors
        ({"strong": [0.30, 0.32, 0.35]}, False, "mean absolute slope: 0.1033 ± 0.0143"),
        ({"weak": [0.21, 0.23, 0.255]}, False, "mean absolute slope: 0.0117 ± 0.0072"),         # the weak one grew
    ],
)  # fmt: skip
def test_the_trend_asks_the_larger_decay_and_lets_no_pair_grow(changes, holds, words):
    found = slope_decay.ITEM.verdict(rows_of(**changes))
    assert found.holds is holds and words in found.sentence
    assert found.sentence.count("top-1 error: -10.00 ± 0.00 points over 3 seeds (not judged)") == 2


def test_the_table_has_each_layer_and_the_derivation_below():
    header, lines = slope_decay.table(rows_of())
    assert [line[0] for line in lines] == [
        "conv1", "fc1", WHOLE, slope_decay.DERIVED, "top-1 error %", "runs that diverged"]  # fmt: skip
    assert len(header) == 7 and all(len(line) == 7 for line in lines)
    assert lines[0][4:] == ["0.3300", "0.1750", "0.530"]  # 1.5 times the means .22 and .11667
    assert lines[3][3] == "0.950" and lines[3][6] == "0.550"
    assert lines[4][4:] == ["61.00 ± 2.48", "51.00 ± 2.48", "difference -10.00 ± 0.00"]


def test_a_pair_of_which_a_run_diverged_is_left_out_and_told(ran):
    (row,) = slope_decay.run(Setup(Budget(1, TINY | {"lr": 1e30}), ran[0].data, "0.005, slopes too", 0, ran[0].runs))
    assert (row["layer"], row["mean_abs_a"], row["top1_error"]) == (WHOLE, None, None)
    rows = rows_of(strong=[0.11, 0.129, None])
    found = slope_decay.ITEM.verdict(rows)
    assert found.holds is True and "-0.0905 ± 0.0064 over 2 seeds" in found.sentence
    lines = slope_decay.table(rows)[1]
    assert lines[2][4] == "0.2100" and lines[5][1:6] == ["0", "0", "", "0", "1"] and slope_decay.draw(rows).axes
    gone = rows_of(strong=[None] * 3, weak=[None] * 3)
    assert slope_decay.ITEM.verdict(gone).holds is None and slope_decay.table(gone) and slope_decay.draw(gone).axes
    assert slope_decay.ITEM.verdict(rows_of(strong=[None] * 3)).holds is None  # the weak one alone decides nothing
