"""The table4 item and the large networks' settings: statistics from rows made by hand, and one tiny run."""

from functools import partial

import numpy as np
import pytest

from minidelve import models
from minidelve.analysis.summary import summarize
from minidelve.evaluation.footprint import last_map
from minidelve.experiments import Budget, Setup, large, table4
from minidelve.experiments.table4 import PRELU, RELU
from minidelve.models.network import split_at_first_fc

SCALES = ["36", "48", "64", "all scales"]
ERRORS = {  # top-1 by seed, at each scale
    RELU: [[50, 46, 47, 44], [52, 48, 47, 46], [51, 47, 48, 45]],
    PRELU: [[48, 45, 44, 41], [49, 46, 45, 43.5], [49, 45, 46, 42.5]],
}


def rows_of(errors=ERRORS, guessing=90.0):
    return [
        {"variant": v, "seed": seed, "test": "dense", "scale": scale, "top1_error": e, "guessing": guessing,
         "top5_error": None if e is None else e / 4}
        for v, of in errors.items() for seed, by_scale in enumerate(of)
        for scale, e in zip(SCALES, by_scale, strict=True)
    ]  # fmt: skip


def changed(variant, scale, errors):
    """ERRORS with those of all seeds at one scale replaced."""
    new = {v: [list(of) for of in by_seed] for v, by_seed in ERRORS.items()}
    for of, error in zip(new[variant], errors, strict=True):
        of[SCALES.index(scale)] = error
    return rows_of(new)


def judged(rows):
    return table4.ITEM.verdict(table4.ITEM.whole(rows))


def test_the_table_has_ours_by_scale_beside_the_papers():
    """At 36: -2, -3, -2, mean -2.33, standard error 0.577 / sqrt(3) = 0.33, times t = 4.303 for three seeds."""
    lines = table4.table(table4.ITEM.whole(rows_of()))[1]
    assert lines[0] == [
        "36 pixels", "51.00 (sd 1.00)", "12.75 (sd 0.25)", "48.67 (sd 0.58)", "12.17 (sd 0.14)", "-2.33 ± 1.43",
        "256", "26.25 / 8.25", "25.81 / 8.08", "-0.44",
    ]  # fmt: skip
    assert [line[6:] for line in lines[1:]] == [
        ["384", "24.77 / 7.26", "24.20 / 7.03", "-0.57"], ["480", "25.46 / 7.63", "24.83 / 7.39", "-0.63"],
        ["multi-scale", "24.02 / 6.51", "22.97 / 6.28", "-1.05"]]  # fmt: skip


def test_fewer_scales_than_the_papers_stand_beside_its_first():
    two = [row for row in rows_of() if row["scale"] not in ("48", "64")]
    assert [line[6] for line in table4.table(two)[1]] == ["256", "multi-scale"] and table4.draw(two).axes


def test_all_scales_are_compared_with_each_runs_best_one():
    by_run = [row["top1_error"] for row in table4.gains(rows_of())]
    assert by_run == [-2, -1, -2, -3, -1.5, -2.5]  # ReLU's are best at 48, 64, 48
    sentence = judged(rows_of()).sentence
    assert "ReLU, all scales together less the best single one, top-1 error: -1.67 ± 1.43" in sentence
    assert "PReLU, all scales together less the best single one, top-1 error: -2.33 ± 1.90" in sentence


def test_the_claims_have_the_differences_of_the_papers_table():
    relu, prelu = ([of[variant][0] for of in table4.PAPER.values()] for variant in (RELU, PRELU))
    by_hand = [prelu[-1] - relu[-1], *(errors[-1] - min(errors[:-1]) for errors in (relu, prelu))]
    claims = [claim.paper for claim in table4.CLAIMS if getattr(claim, "paper", None)]
    assert claims == pytest.approx(by_hand)
    sentence = judged(rows_of()).sentence
    assert "At 36 pixels: -2.33 ± 1.43 points over 3 seeds, 5 times the paper's -0.44" in sentence


@pytest.mark.parametrize(
    ("rows", "holds", "words"),
    [
        (rows_of(), True, "at all scales together, top-1 error: -2.67 ± 0.72 points over 3 seeds"),
        (changed(PRELU, "all scales", [44.5, 45, 44]), None, "together, top-1 error: -0.50 ± 2.15"),
        (changed(PRELU, "all scales", [45, 47.5, 46]), False, "together, top-1 error: 1.17 ± 0.72"),
        # Three standard errors below 0, of which the interval of three seeds has 4.3.
        (changed(PRELU, "all scales", [43, 44, 42]), None, "together, top-1 error: -2.00 ± 2.48"),
        (changed(PRELU, "48", [47, 49, 48.5]), False, "At 48 pixels: 1.17 ± 0.72"),  # better at all, but not at one
        (changed(PRELU, "48", [45, 50, 48]), True, "At 48 pixels: 0.67 ± 3.79"),     # worse at one by chance
        # An image's worth in every seed, with an interval of length 0: no difference; two images' worth is one.
        (changed(PRELU, "all scales", [43.9, 45.9, 44.9]), None, "together, top-1 error: -0.10 ± 0.00"),
        (changed(PRELU, "all scales", [43.8, 45.8, 44.8]), True, "together, top-1 error: -0.20 ± 0.00"),
        (changed(PRELU, "48", [46.1, 48.1, 47.1]), True, "At 48 pixels: 0.10 ± 0.00"),
        (changed(PRELU, "48", [46.2, 48.2, 47.2]), False, "At 48 pixels: 0.20 ± 0.00"),
    ],
)  # fmt: skip
def test_prelu_must_be_better_at_all_scales_and_worse_at_none(rows, holds, words):
    found = judged(rows)
    assert found.holds is holds and words in found.sentence


@pytest.mark.parametrize(("relu", "prelu", "holds"), [
    ([90, 89, 90, 89], [88, 88, 88, 87], None),
    ([80, 89, 90, 89], [88, 88, 88, 87], None),  # learned at one scale, not at all together
    ([89] * 4, [85.6] * 4, None), ([89] * 4, [85.4] * 4, True),  # 95% of 90 is 85.5
])  # fmt: skip
def test_a_network_that_learned_nothing_tells_nothing(relu, prelu, holds):
    found = judged(rows_of({RELU: [relu] * 3, PRELU: [prelu] * 3}))
    assert found.holds is holds
    assert holds or found.sentence == "No network's error is below 95% of guessing's: too early to compare."


def test_a_loss_that_did_not_stay_finite_leaves_the_other_seeds():
    rows = rows_of({RELU: [[None] * 4, *ERRORS[RELU][1:]], PRELU: ERRORS[PRELU]})
    assert "-2.50 ± 0.00 points over 2 seeds" in judged(rows).sentence
    assert table4.table(rows)[1][3][1] == "45.50 (sd 0.71)" and table4.draw(rows).axes
    none = rows_of({RELU: [[None] * 4] * 3, PRELU: ERRORS[PRELU]})
    assert judged(none).holds is None and "no seed has the numbers" in judged(none).sentence
    assert table4.table(none)[1][0][1] == "not finite" and table4.draw(none).axes
    assert judged(rows_of({RELU: [[None] * 4], PRELU: [[None] * 4]})).sentence == "No network's loss stayed finite."


@pytest.mark.parametrize(
    ("budget", "side", "windows"),
    [("quick", 2, [1, 4, 9]), ("class", 3, [1, 4, 9]), ("lab", 3, [1, 4, 9]), ("full", 3, [4, 16, 25])],
)
def test_maps_and_windows_are_those_that_large_tells(budget, side, windows):
    settings = large.BUDGETS[budget]
    for name, layers in ((large.A, 16), (large.B, 19), (large.C, 19)):
        options = large.NETWORKS[name]
        net = models.from_config(settings.settings | options | {"slope": 0.01, "seed": 0, "aux_after": None}, 10)
        summarize(net, settings["size"])
        conv = split_at_first_fc(list(net))[0][:-1]
        assert sum(type(layer).__name__ == "Conv2d" for layer in conv) == layers  # 3 fully connected ones beside
        assert last_map(conv, settings["size"], settings["size"])[1:] == (side, side)
        maps = [last_map(conv, scale, scale)[1] for scale in settings["scales"]]
        assert [(m - side + 1) ** 2 for m in maps] == windows


def test_a_run_gives_a_row_for_each_scale_and_none_where_it_diverges(tiny_data, tmp_path):
    settings = large.QUICK | {"width": 0.03, "fc": 4, "short_side": 32, "jitter": [32, 36], "scales": [32, 40, 48]}
    part = partial(Setup, data=str(tiny_data), variant=PRELU, seed=0, runs=tmp_path)
    rows = table4.run(part(Budget(1, settings)))
    assert [row["scale"] for row in rows] == ["32", "40", "48", "all scales"]
    assert all(row["guessing"] == 75 and 0 <= row["top1_error"] <= 100 for row in rows)
    assert next(tmp_path.iterdir()).name.startswith("model_a-prelu-he-backward-seed0")
    lost = table4.run(part(Budget(1, settings | {"lr": 1e30})))
    assert [row["scale"] for row in lost] == ["32", "40", "48", "all scales"]
    assert {row["top1_error"] for row in lost} == {None} and np.size(lost) == 4
