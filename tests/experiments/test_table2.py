"""The table2 item: its statistics, from rows made by hand, and one run of each activation."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from minidelve.experiments import Budget, Setup, fig2_responses, fig4, per_class, table1, table2
from minidelve.experiments.claims import Below, Column, judge
from minidelve.experiments.table2 import CHANNELS, LRELU_01, LRELU_25, RELU, RUNS, SHARED
from minidelve.training import checkpoint

ERRORS = {  # top-1, by seed
    RELU: [60.0, 62.0, 64.0], LRELU_25: [61.0, 61.0, 64.0], LRELU_01: [60.0, 62.5, 64.0],
    SHARED: [56.0, 58.5, 59.5], CHANNELS: [55.0, 58.0, 59.0],
}  # fmt: skip


def rows_of(**changes):
    errors = ERRORS | changes
    return [
        {"variant": variant, "seed": seed, "top1_error": e, "top5_error": e / 4, "train_loss": 1.0}
        for variant, of in errors.items() for seed, e in enumerate(of)
    ]  # fmt: skip


def test_the_table_has_errors_differences_and_the_papers():
    """-4, -3.5, -4.5: mean -4, standard error 0.5 / sqrt(3) = 0.289, times t = 4.303 for three seeds."""
    lines = {line[0]: line for line in table2.ITEM.table(rows_of())[1]}
    assert lines[SHARED][1:] == ["58.00 (sd 1.80)", "14.50 (sd 0.45)", "-4.00 ± 1.24", "32.71", "12.87", "-1.11"]
    assert lines[RELU][3:] == ["", "33.82", "13.34", ""] and lines[LRELU_01][4:] == ["", "", ""]


def test_the_claims_have_the_differences_of_the_papers_table():
    for claim in table2.CLAIMS:
        if claim.paper is not None:
            of, against = table2.PAPER[claim.variant], table2.PAPER[claim.other]
            assert claim.paper == pytest.approx(of[0] - against[0])


def moved(by, waver):
    """ReLU's errors, moved; seeds differ from it by `waver` more or less, a standard error of waver / sqrt(3)."""
    return [e + by + w for e, w in zip(ERRORS[RELU], (-waver, 0.0, waver), strict=True)]


@pytest.mark.parametrize(
    ("changes", "holds", "words"),
    [
        ({}, True, "less PReLU shared, top-1 error: -0.67 ± 0.72"),
        ({SHARED: moved(-0.2, 1)}, None, "PReLU shared less ReLU, top-1 error: -0.20 ± 2.48"),
        # An interval has 4.303 standard errors to either side, and not the two of many seeds.
        ({SHARED: moved(-2.4, 1)}, None, "-2.40 ± 2.48"),
        ({SHARED: moved(-2.6, 1)}, True, "-2.60 ± 2.48"),
        ({CHANNELS: moved(-2.4, 1)}, None, "-2.40 ± 2.48"),
        ({SHARED: moved(2.6, 1)}, False, "PReLU shared less ReLU, top-1 error: 2.60 ± 2.48"),
        ({CHANNELS: moved(2.6, 1)}, False, "2.60 ± 2.48"),
        ({SHARED: moved(-5, 0), CHANNELS: moved(-4, 0.3)}, False, "less PReLU shared, top-1 error: 1.00 ± 0.75"),
        ({SHARED: moved(-5, 0), CHANNELS: moved(-4, 0.5)}, True, "less PReLU shared, top-1 error: 1.00 ± 1.24"),
        ({LRELU_25: moved(-9, 0), LRELU_01: moved(9, 0)}, True, "a=0.25 less ReLU, top-1 error: -9.00 ± 0.00"),
    ],
)
def test_both_prelus_must_be_below_relu_and_channel_wise_not_above(changes, holds, words):
    found = table2.ITEM.verdict(rows_of(**changes))
    assert found.holds is holds and words in found.sentence


def test_a_claim_about_another_column_has_a_panel_of_its_own():
    loss = Below(CHANNELS, RELU, Column("train_loss", "training loss"))
    compared = replace(table2.COMPARED, claims=[*table2.CLAIMS, loss])
    _, errors, losses = compared.draw(rows_of()).axes
    assert [axes.get_title() for axes in (errors, losses)] == [
        "top-1 error, seed by seed",
        "training loss, seed by seed",
    ]
    assert len(errors.get_yticks()) == len(table2.CLAIMS) and len(losses.get_yticks()) == 1
    assert (errors.get_xlabel(), losses.get_xlabel()) == ("difference (points)", "difference")
    assert "training loss: 0.000 ± 0.000 over 3 seeds" in judge(compared.claims, rows_of()).sentence


@pytest.mark.parametrize("item", [table1, fig2_responses, fig4, per_class])
def test_other_items_look_at_the_same_networks(item, monkeypatch):
    asked = []

    def note(setup, **options):
        asked.append((setup, options))
        raise KeyboardInterrupt

    for module in (table2, item):
        monkeypatch.setattr(module, "trained", note)
    longer = {"class"} if item in (fig2_responses, per_class) else set()  # whose claims take more
    for name, budget in item.ITEM.budgets.items():
        if name in longer:
            assert budget["epochs"] > table2.ITEM.budgets[name]["epochs"]
            continue
        for variant in item.ITEM.variants(budget):
            for module, its in ((table2, table2.ITEM.budgets[name]), (item, budget)):
                with pytest.raises(KeyboardInterrupt):
                    module.run(Setup(its, "toy", variant, 1))
            assert asked[-1] == asked[-2]


def test_every_activation_is_what_it_says(tiny_data, tmp_path):
    settings = {"model": "lab14", "width": 0.0625, "fc": 4, "size": 24, "short_side": 24, "epochs": 1, "batch_size": 4}
    for variant in RUNS:
        setup = Setup(Budget(1, settings), str(tiny_data), variant, 0, tmp_path)
        (row,) = table2.run(setup)
        assert 0 <= row["top1_error"] <= 100 and row["top5_error"] is None  # of four classes
    configs = [checkpoint.load_meta(run / "last.npz")["config"] for run in tmp_path.iterdir()]
    assert sorted((c["activation"], c["slope"]) for c in configs) == [
        ("lrelu", 0.01), ("lrelu", 0.25), ("prelu", 0.01), ("prelu-shared", 0.01), ("relu", 0.01)]  # fmt: skip


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
