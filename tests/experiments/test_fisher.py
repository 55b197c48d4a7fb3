"""The fisher item: the block's figures are those of the derivation, and training goes on from there."""

import numpy as np
import pytest

from minidelve.experiments import Budget, Setup, fisher

SMALL = Budget(2, {"inputs": 100, "units": 32, "batches": 5, "steps": 0})


@pytest.mark.parametrize(("variant", "figure"), [("ReLU", 0.399), ("PReLU a=0.25", 0.352), ("PReLU a=0.6", 0.188)])
def test_the_block_is_within_five_percent_of_the_derivation(variant, figure):
    assert fisher.derived(fisher.SLOPES[variant]) == pytest.approx(figure, abs=6e-4)
    rows = [row for seed in range(2) for row in fisher.run(Setup(SMALL, "toy", variant, seed))]
    assert np.mean([row["measured"] for row in rows]) == pytest.approx(figure, rel=0.05)


def test_a_linear_unit_empties_the_block():
    row = fisher.run(Setup(SMALL, "toy", "a=1", 0))[0]
    assert abs(row["measured"]) < 0.02 and abs(row["response"]) < 0.02 and row["slope"] == 1


def test_the_stated_networks_are_trained_and_the_others_are_not():
    budget = Budget(1, {"inputs": 20, "units": 32, "batches": 1, "steps": 45})
    for variant in fisher.SLOPES:
        rows = fisher.run(Setup(budget, "toy", variant, 0))
        assert [row["step"] for row in rows] == ([0, 10, 30] if variant in fisher.STATED else [0])
        untrained = fisher.run(Setup(Budget(1, {**budget.settings, "steps": 0}), "toy", variant, 0))
        assert rows[0] == untrained[0]  # training changes nothing of what is measured before it
        assert len({row["measured"] for row in rows}) == len(rows)


def test_every_stated_network_learns_the_same_lessons(monkeypatch):
    lessons = []

    def train(net, teacher, steps, rng):
        lessons.append((*(a.tolist() for a in teacher.state_dict().values()), rng.standard_normal(3).tolist()))
        return iter([])

    monkeypatch.setattr(fisher, "train", train)
    for seed in (0, 0, 1):
        for variant in fisher.STATED:
            fisher.run(Setup(Budget(1, {"inputs": 5, "units": 4, "batches": 1, "steps": 1}), "toy", variant, seed))
    assert all(lesson == lessons[0] for lesson in lessons[:6]) and lessons[6] != lessons[0]


def rows_with(factor, spread=0.0, steps=(0, 10)):
    return [
        {"variant": v, "seed": seed, "step": step, "measured": found - step / 100, "size": found - step / 100,
         "slope": a + step / 100, "slope_sd": 0.0, "response": 0.5}
        for v, a in fisher.SLOPES.items() for seed in range(4) for step in (steps if v in fisher.STATED else (0,))
        for found in [fisher.derived(a) * factor + spread * (-1) ** seed]
    ]  # fmt: skip


def judged(*how, **options):
    return fisher.ITEM.verdict(rows_with(*how, **options))


@pytest.mark.parametrize(("factor", "spread", "holds"), [
    (1.04, 0.0, True), (1.06, 0.0, False), (0.94, 0.0, False), (1.06, 0.05, None), (1.04, 0.05, None),
    (1.07, 0.01, None),
    # Of ReLU's element the standard error is 0.8%: the interval of four seeds, 3.2 of them, begins below 5%.
    (1.07, 0.0055, None), (1.07, 0.0025, False),
])  # fmt: skip
def test_the_trend_tells_right_wrong_and_not_to_be_told(factor, spread, holds):
    assert judged(factor, spread).holds is holds


def test_the_sentence_has_the_difference_of_every_stated_slope():
    found = judged(1.06).sentence
    assert "ReLU, before training: 0.423 ± 0.000, derived 0.399, a difference of 6.00 ± 0.00% over 4 seeds" in found
    assert all(f"{variant}, before training: " in found for variant in fisher.STATED)


def test_every_stated_slope_decides():
    for variant in fisher.STATED:
        rows = rows_with(1.0)
        for row in rows:
            if row["variant"] == variant:  # 8% off, with a standard error of 0.6%; then of 6%
                row["measured"] *= 1.08 + 0.01 * (-1) ** row["seed"]
        assert fisher.ITEM.verdict(rows).holds is False
        for row in rows:
            if row["variant"] == variant:
                row["measured"] += 0.1 * fisher.derived(fisher.SLOPES[variant]) * (-1) ** row["seed"]
        assert fisher.ITEM.verdict(rows).holds is None


def test_one_certain_difference_is_enough_beside_a_larger_uncertain_one():
    """ReLU's 8% may be chance, the others' 7% are none."""
    by_relu = {True: rows_with(1.08, 0.05), False: rows_with(1.07)}
    rows = [row for relu, of in by_relu.items() for row in of if (row["variant"] == "ReLU") is relu]
    assert fisher.ITEM.verdict(rows).holds is False


def test_the_trend_is_about_the_start_the_sentence_about_the_course_too():
    found = judged(1.0)
    assert found.holds is True
    assert "ReLU after 10 steps of training, mean size of the element: 0.299 ± 0.000 over 4 seeds" in found.sentence
    assert "PReLU a=0.25 after 10 steps of training, mean size of the element: 0.252 ± 0.000" in found.sentence
    assert "PReLU a=0.25 less ReLU after 10 steps of training, mean size of the element: -0.047" in found.sentence
    assert "PReLU a=0.6 less ReLU after 10 steps of training, mean size of the element: -0.211" in found.sentence
    assert " steps of training" not in judged(1.0, steps=(0,)).sentence


def test_in_training_prelu_is_compared_with_the_relu_of_its_seed():
    rows = rows_with(1.0)
    for row in rows:
        if row["step"]:  # another difference than before training; and what a seed does to all cancels
            row["size"] = 2 * row["size"] + row["seed"]
    rows = [row for row in rows if (row["variant"], row["seed"]) != ("ReLU", 3)][::-1]
    sentence = fisher.ITEM.verdict(rows).sentence
    assert "PReLU a=0.25 less ReLU after 10 steps of training, mean size of the element: -0.094 ± 0.000" in sentence
    assert "PReLU a=0.6 less ReLU after 10 steps of training, mean size of the element: -0.422 ± 0.000" in sentence


def test_the_table_has_the_start_first_and_then_the_moments():
    header, lines = fisher.table(rows_with(1.0, steps=(0, 10, 300)))
    assert all(len(line) == len(header) for line in lines)
    starts = [(variant, "0") for variant in fisher.SLOPES]
    assert [tuple(line[:2]) for line in lines] == starts + [(v, s) for v in fisher.STATED for s in ("10", "300")]
    by_hand = (1 - 0.35**2) / (1 + 0.35**2) / np.sqrt(2 * np.pi)  # of the slope that the moment has
    off = f"{100 * (0.25196 / by_hand - 1):+.1f}"
    assert lines[8] == [
        "PReLU a=0.25", "10", "0.2520 ± 0.0000", f"{by_hand:.4f}", off, "0.2520", "0.350", "0.000", "0.500",
    ]  # fmt: skip
    assert lines[5][4] == ""  # a=1: the derived element is 0, and nothing is 3% of that


def test_missing_numbers_stop_nothing():
    rows = [row | {"measured": None, "size": None, "response": None} for row in rows_with(1.0)]
    found = fisher.ITEM.verdict(rows)
    assert found.holds is None and "ReLU: the block could not be measured." in found.sentence
    assert fisher.table(rows)[1][0][2:6] == ["not known", "0.3989", "", ""] and fisher.draw(rows)
