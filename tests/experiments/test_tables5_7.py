"""The tables5-7 item: the ensemble against its best member, from rows made by hand; a tiny run of all networks."""

from dataclasses import replace

import numpy as np
import pytest

from minidelve import data
from minidelve.evaluation.dense import DenseScorer
from minidelve.evaluation.runs import load
from minidelve.experiments import Setup, large, table4, tables5_7, trained
from minidelve.experiments.tables5_7 import ENSEMBLE, MEMBERS

TEN = {large.A_RELU: [60, 62, 61], large.A: [58, 59, 57], large.B: [57, 59, 59], large.C: [55, 56, 57]}
DENSE = {
    large.A_RELU: [58, 60, 59], large.A: [56, 54, 55], large.B: [55, 57, 57], large.C: [53, 55, 54],
    ENSEMBLE: [51.0, 52.5, 52.0],
}  # fmt: skip
DISTRACTING = {large.C: [1, 1, 1]}  # at a single scale


def rows_of(guessing=95.0, **changes):
    dense = DENSE | changes
    return [
        {"variant": v, "seed": seed, "test": test, "scale": scale, "top1_error": e, "guessing": guessing,
         "top5_error": None if e is None else e / 2}
        for test, scale, of in (("ten-view", "", TEN), ("dense", "36", DISTRACTING), ("dense", "all scales", dense))
        for v, by_seed in of.items() for seed, e in enumerate(by_seed)
    ]  # fmt: skip


def with_ensemble(*errors):
    return rows_of(**{ENSEMBLE: list(errors)})


def judged(rows):
    return tables5_7.ITEM.verdict(tables5_7.ITEM.whole(rows))


def test_the_ensemble_is_compared_with_the_best_member_of_its_seed():
    """Best: C's 53, A's 54, C's 54; so -2, -1.5 and -2, a standard error of 0.167 and t = 4.303."""
    sentence = judged(rows_of()).sentence
    assert "top-1 error: -1.83 ± 0.72 points over 3 seeds" in sentence
    assert "Its seeds go from -2.00 to -1.50 (claimed: below 0 in every seed; holds)." in sentence


@pytest.mark.parametrize(
    ("rows", "holds"),
    [
        (rows_of(), True),
        (with_ensemble(51, 54, 52), None),  # as good as the best member in one seed
        (with_ensemble(43, 53.9, 53.9), None),  # below in every seed, but -3.4 by a standard error of 3.3
        (with_ensemble(52, 52, 51), None),  # -1, -2, -3: more than two standard errors, and fewer than 4.3
        (with_ensemble(54, 55.5, 55), False),
        # C 53, A 54, C 54: an image's worth in every seed, whose interval has length 0, and two images' worth
        (with_ensemble(52.9, 53.9, 53.9), None),
        (with_ensemble(52.8, 53.8, 53.8), True),
        (with_ensemble(53.1, 54.1, 54.1), None),
        (with_ensemble(53.2, 54.2, 54.2), False),
        (rows_of(**{ENSEMBLE: [None, None, None]}), None),
        (rows_of(guessing=53), None),  # none below 95% of guessing
    ],
)
def test_it_must_be_better_in_every_seed(rows, holds):
    assert judged(rows).holds is holds


def test_one_seed_without_a_gain_is_enough_to_doubt_it():
    """-2, -2, -2, -2, 0: on average below 0 by four standard errors, of which five seeds ask for 2.8."""
    rows = rows_of(**dict.fromkeys(MEMBERS, [50] * 5), **{ENSEMBLE: [48, 48, 48, 48, 50]})
    found = judged(rows)
    assert "-1.60 ± 1.11" in found.sentence and "above 0" not in found.sentence and found.holds is None


def test_how_a_b_and_c_come_out_is_said():
    """B less A: -1, 3, 2; C less B: -2, -2, -3."""
    sentence = judged(rows_of()).sentence
    assert "B less A: 1.33 ± 5.17 points over 3 seeds, of the opposite sign to the paper's -0.12 (not" in sentence
    assert "C less B: -2.33 ± 1.43 points over 3 seeds, the paper's is -1.26 (not judged)." in sentence
    (_, a), (_, b), (_, c) = (tables5_7.PAPER[member] for member in MEMBERS)
    assert [claim.paper for claim in tables5_7.CLAIMS[-2:]] == pytest.approx([b[0] - a[0], c[0] - b[0]])


def test_what_is_quoted_is_marked_as_not_ours():
    lines = tables5_7.table(rows_of())[1]
    ours, cited = lines[:5], lines[5:]
    assert {line[0].split(":")[0] for line in ours} == {"ours"}
    assert {line[0].split(":")[0] for line in cited} == {"not ours"}
    assert all(line[1:5] == [""] * 4 for line in cited)
    assert ours[3] == [
        "ours: C, PReLU", "56.00 (sd 1.00)", "28.00 (sd 0.50)", "54.00 (sd 1.00)", "27.00 (sd 0.50)", "24.27 / 7.38",
        "21.59 / 5.71", "",
    ]  # fmt: skip
    assert ours[4][1:] == ["", "", "51.83 (sd 0.76)", "25.92 (sd 0.38)", "", "", ""]
    published = {line[0].removeprefix("not ours: "): line[5:] for line in cited}
    assert published["GoogLeNet"] == ["- / 9.15", "- / 7.89", "6.66"]
    assert published["SPP-net"][1] == "27.86 / 9.08 (test set)" and "(test set)" in published["VGG"][1]
    assert published["the paper: six models"][2] == "4.94"
    assert [line[7] for line in cited if "person" in line[0]] == ["5.1"]


def test_one_seed_and_missing_numbers_break_nothing():
    one = [row for row in rows_of() if row["seed"] == 0]
    missing = rows_of(**{large.A: [None] * 3, ENSEMBLE: [None] * 3})
    for rows in (one, missing, rows_of(**{large.B: [None, 57, 57]})):
        whole = tables5_7.ITEM.whole(rows)
        assert len(tables5_7.table(whole)[1]) == 13 and tables5_7.draw(whole).axes
    assert judged(one).holds is None and "with one seed, which tells no interval" in judged(one).sentence
    assert "No seed has all of A, B and C: a loss did not stay finite." in judged(missing).sentence
    assert "over 2 seeds" in judged(rows_of(**{large.B: [None, 57, 57]})).sentence


def test_both_a_are_those_of_table4(tmp_path):
    for name, budget in tables5_7.ITEM.budgets.items():
        setup = Setup(budget, "toy", "", 1, tmp_path)
        theirs = replace(setup, budget=table4.ITEM.budgets[name])
        for variant, network in table4.VARIANTS.items():
            assert network in tables5_7.ITEM.variants(budget), variant
            ours = trained.name_of(trained.configured(setup, large.NETWORKS[network]))
            assert ours == trained.name_of(trained.configured(theirs, large.NETWORKS[table4.VARIANTS[variant]]))


def test_the_ensemble_is_the_mean_of_networks_that_are_there(tiny_data, tmp_path, monkeypatch):
    settings = large.QUICK | {"width": 0.03, "fc": 8, "short_side": 32, "jitter": [32, 36], "scales": [32, 48]}
    budget = replace(large.BUDGETS["quick"], settings=settings)
    setups = {v: Setup(budget, str(tiny_data), v, 0, tmp_path) for v in (*MEMBERS, ENSEMBLE)}
    rows = {v: tables5_7.run(setups[v]) for v in MEMBERS}
    assert all([r["test"] for r in of] == ["ten-view", "dense", "dense", "dense"] for of in rows.values())

    def nobody(*args, **options):
        raise AssertionError("trained again")

    monkeypatch.setattr(trained, "train", nobody)
    (row,) = tables5_7.run(setups[ENSEMBLE])
    assert setups[ENSEMBLE].earlier == 0 and row["scale"] == "all scales"
    nets = large.networks(setups[ENSEMBLE], MEMBERS)
    assert [net.config.model for net in nets] == ["model_a", "model_b", "model_c"]
    dataset = trained.opened(str(tiny_data))[1]
    images = [dataset.image(i) for i in range(len(dataset))]
    mean = 0.0
    for net in nets:  # one network and scale after the other, without what runs.py does
        network, statistics = load(net.last, "cpu").network, net.saved.statistics
        for scale in (32, 48):
            resized = [data.ResizeShorterSide(scale)(image, np.random.default_rng(0)) for image in images]
            mean = mean + DenseScorer(network, statistics, True, 8, 10**9)(resized) / 6
    wrong = np.asarray(mean).argmax(axis=1) != dataset.labels
    assert row["top1_error"] == pytest.approx(100 * wrong.mean())
