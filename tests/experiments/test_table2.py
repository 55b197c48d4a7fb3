"""The table2 item: its statistics, from rows made by hand, and one run of each activation."""

from types import SimpleNamespace

import pytest

from minidelve.experiments import Budget, Setup, table2
from minidelve.experiments.table2 import CHANNELS, RELU, RUNS, SHARED
from minidelve.training import checkpoint

ERRORS = {  # top-1, by seed
    RELU: [60.0, 62.0, 64.0], "LReLU a=0.25": [61.0, 61.0, 64.0], "LReLU a=0.01": [60.0, 62.5, 64.0],
    SHARED: [56.0, 58.5, 59.5], CHANNELS: [55.0, 58.0, 59.0],
}  # fmt: skip


def rows_of(**changes):
    errors = ERRORS | changes
    return [
        {"variant": variant, "seed": seed, "top1_error": e, "top5_error": e / 4, "train_loss": 1.0}
        for variant, of in errors.items() for seed, e in enumerate(of)
    ]  # fmt: skip


def test_differences_are_taken_seed_by_seed():
    """-4, -3.5, -4.5: mean -4, standard deviation 0.5, standard error 0.5 / sqrt(3) = 0.289."""
    mean, error = table2.against(rows_of(), SHARED, RELU)
    assert mean == pytest.approx(-4) and error == pytest.approx(0.28868, abs=1e-5)
    lines = {line[0]: line for line in table2.table(rows_of())[1]}
    assert lines[SHARED][1:] == ["58.00 (sd 1.80)", "14.50 (sd 0.45)", "-4.00 ± 0.29", "32.71", "12.87", "-1.11"]
    assert lines[RELU][3:] == ["", "33.82", "13.34", ""] and lines["LReLU a=0.25"][4:] == ["", "", ""]


@pytest.mark.parametrize(
    ("changes", "holds", "words"),
    [
        ({}, True, "not worse than shared"),
        ({SHARED: [60.0, 61.0, 64.5]}, None, "PReLU shared -0.17 ± 0.44"),           # not clearly below ReLU
        ({CHANNELS: [62.0, 64.0, 66.5]}, False, "above shared"),
        ({SHARED: [54.0, 57.5, 58.5]}, False, "is above shared: 0.67 ± 0.17"),       # more than two standard errors
    ],
)  # fmt: skip
def test_the_trend_asks_for_two_standard_errors(changes, holds, words):
    found = table2.trend(rows_of(**changes))
    assert found.holds is holds and words in found.sentence


def test_a_single_seed_tells_nothing_and_breaks_nothing():
    rows = [row for row in rows_of() if row["seed"] == 0]
    found = table2.trend(rows)
    assert found.holds is None and "One seed tells no error" in found.sentence
    assert len(table2.table(rows)[1]) == 5 and table2.draw(rows).axes


def test_every_activation_is_what_it_says(tiny_data, tmp_path):
    settings = {"model": "lab14", "width": 0.0625, "fc": 4, "size": 24, "short_side": 24, "epochs": 1, "batch_size": 4}
    for variant in RUNS:
        setup = Setup(Budget(1, settings), str(tiny_data), variant, 0, tmp_path)
        (row,) = table2.run(setup)
        assert 0 <= row["top5_error"] <= row["top1_error"] <= 100
    configs = [checkpoint.load_meta(run / "last.npz")["config"] for run in tmp_path.iterdir()]
    assert sorted((c["activation"], c["slope"]) for c in configs) == [
        ("lrelu", 0.01), ("lrelu", 0.25), ("prelu", 0.01), ("prelu-shared", 0.01), ("relu", 0.01)]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "holds", "words"),
    [
        ({SHARED: [59.0, 62.0, 63.5]}, None, "PReLU shared -0.50 ± 0.29"),
        ({SHARED: [54.0, 58.0, 58.5]}, True, "not clearly above shared: 0.50 ± 0.29"),
        ({SHARED: [63.0, 65.0, 67.1], CHANNELS: [62.0, 64.0, 66.5]}, False, "not worse than shared"),
    ],
)
def test_two_standard_errors_and_not_one(changes, holds, words):
    found = table2.trend(rows_of(**changes))
    assert found.holds is holds and words in found.sentence


def test_a_row_is_the_last_epochs_network_tested_with_ten_views(monkeypatch):
    asked = []
    errors = SimpleNamespace(top1=40.0, top5=10.0)
    row = SimpleNamespace(tally=SimpleNamespace(errors=lambda: errors))
    net = SimpleNamespace(final={"train_loss": 0.5}, history=[{"train_loss": 2.0}, {"train_loss": 0.5}])
    monkeypatch.setattr(table2, "trained", lambda setup, **options: net)
    monkeypatch.setattr(table2, "tested", lambda nets, **way: asked.append((nets, way)) or SimpleNamespace(rows=[row]))
    rows = table2.run(Setup(Budget(1, {}), "toy", RELU, 0))
    assert rows == [{"top1_error": 40.0, "top5_error": 10.0, "train_loss": 0.5}]
    assert asked == [([net], {"protocol": "ten-view"})]
