"""The dying-relu item: rates, divergence, and the verdict on rows by hand."""

from dataclasses import replace

import pytest

from minidelve.analysis.dead_units import NotFinite
from minidelve.experiments import Budget, Setup, dying_relu
from minidelve.experiments.dying_relu import CHANNELS, COMPARED, RELU, START
from minidelve.experiments.frame import Work, reproduce

TINY = {"model": "lab14", "width": 0.0625, "fc": 8, "size": 24, "short_side": 24, "epochs": 1, "batch_size": 8,
        "milestones": []}  # fmt: skip


# -- parts ---------------------------------------------------------------------------------------------


def rows_for(data, runs, variant, **changes):
    part = dying_relu.run(Setup(Budget(1, TINY | changes), str(data), variant, 1, runs))
    return [{"variant": variant, "seed": 1} | row for row in part]


def test_rate_0_is_the_network_with_which_training_begins(tiny_data, tmp_path):
    """Training at a rate at which nothing changes ends where it began."""
    begun = rows_for(tiny_data, tmp_path, "ReLU, 0", width=0.25)
    still = rows_for(tiny_data, tmp_path, "ReLU, 1e-30", width=0.25)
    assert len(begun) == 13 and sum(row["dead"] for row in begun) > 0
    for name in ("layer", "units", "dead", "share", "gradient_factor"):
        assert [row[name] for row in begun] == [row[name] for row in still], name
    assert {row["top1_error"] for row in begun} == {None} and 0 <= still[0]["top1_error"] <= 100
    assert begun[0]["units"] == 8 and [row["rate"] for row in (begun[0], still[0])] == [START, 1e-30]


def test_a_run_that_diverged_is_told_kept_and_not_trained_again(tiny_data, tmp_path, monkeypatch):
    item = replace(dying_relu.ITEM, budgets={"quick": Budget(1, TINY | {"rates": (1e30,)})})
    work = Work(item, "quick", str(tiny_data), 1, tmp_path)
    result = reproduce(work)
    assert result.verdict.holds is None and "Too many runs diverged" in result.verdict.sentence
    page = (tmp_path / "dying-relu/page.md").read_text()
    assert all(f"| {activation} | 1e+30 | 1 of 1 |  |  |  |  |  |" in page for activation in COMPARED)
    monkeypatch.setattr(dying_relu, "trained", None)  # nobody may train now
    assert reproduce(work).found == 6


def test_a_network_spoilt_by_its_last_step_has_diverged(tiny_data, tmp_path, monkeypatch):
    def spoilt(*args):
        raise NotFinite

    monkeypatch.setattr(dying_relu, "dead_units", spoilt)
    (row,) = rows_for(tiny_data, tmp_path, "ReLU, 1e-30")
    assert row["diverged"] and row["dead"] is row["top1_error"] is None


def test_each_budget_has_its_own_rates_and_no_other():
    for budget in dying_relu.ITEM.budgets.values():
        assert "lr" not in budget.settings and budget["milestones"] == [] and len(budget["rates"]) >= 2
        names = dying_relu.variants(budget)
        assert len(names) == 3 * (1 + len(budget["rates"])) and names[:3] == [f"{a}, 0" for a in COMPARED]
    assert dying_relu.settings({"lr": 0.01, "epochs": 9}, 2, (0.25, 3)) == {
        "epochs": 2, "milestones": [], "rates": (0.0025, 0.03)}  # fmt: skip


# -- rows by hand --------------------------------------------------------------------------------------

# dead units out of 8 conv channels and 2 units of fc1, for each seed; None: diverged
COUNTS = {
    (RELU, 0.0): [(0, 0), (0, 0)], (RELU, 0.01): [(1, 0), (1, 1)], (RELU, 0.1): [(4, 2), (5, 2)],
    (RELU, 1.0): [(8, 2), (8, 2)],
    (CHANNELS, 0.0): [(0, 0), (0, 0)], (CHANNELS, 0.01): [(0, 0), (0, 0)], (CHANNELS, 0.1): [(0, 1), (0, 1)],
    (CHANNELS, 1.0): [None, None],
}  # fmt: skip


def rows_of(seeds=2, changes=None):
    rows = []
    for (activation, rate), by_seed in (COUNTS | (changes or {})).items():
        for seed, dead in list(enumerate(by_seed))[:seeds]:
            row = {"variant": f"{activation}, {rate:g}", "seed": seed, "activation": activation, "rate": rate,
                   "diverged": dead is None, "top1_error": 40.0 if rate and dead else None}  # fmt: skip
            for layer, n, k in [("conv1", 8, dead[0]), ("fc1", 2, dead[1])] if dead else [(None, None, None)]:
                factor = None if not k else 0.0 if activation == RELU else 0.2
                share = None if n is None else 100 * k / n
                rows.append(row | {"layer": layer, "units": n, "dead": k, "share": share, "gradient_factor": factor})
    return rows


def whole(**how):
    return dying_relu.ITEM.whole(rows_of(**how))


def test_shares_are_of_all_units_not_means_over_layers():
    lines = {tuple(line[:2]): line[2:] for line in dying_relu.table(whole())[1]}
    # 6 and 7 of 10; 4 and 5 of 8; 2 and 2 of 2
    assert lines[RELU, "0.1"] == [
        "0 of 2", "65.0 (sd 7.1)", "56.2 (sd 8.8)", "100.0 (sd 0.0)", "0.000 (sd 0.000)", "40.0 (sd 0.0)"]  # fmt: skip
    assert lines[RELU, "0: as initialized"] == ["0 of 2", "0.0 (sd 0.0)", "0.0 (sd 0.0)", "0.0 (sd 0.0)", "", ""]
    assert lines[CHANNELS, "1"] == ["2 of 2", "", "", "", "", ""]
    assert lines[CHANNELS, "0.1"][1:5] == ["10.0 (sd 0.0)", "0.0 (sd 0.0)", "50.0 (sd 0.0)", "0.200 (sd 0.000)"]
    several = dying_relu.totals(rows_of(changes={(CHANNELS, 0.1): [(3, 2), (0, 2)]}))
    factors = [run["gradient_factor"] for run in several if run["variant"] == f"{CHANNELS}, 0.1"]
    assert factors == pytest.approx([0.2, 0.2])


# Four seeds whose shares waver by 5 points to either side: twice the two above.
GROWS, ABOVE = (
    "at 1 less at 0.01, the largest and smallest rates without divergence",
    "at 0.1, the largest rate at which",
)


@pytest.mark.parametrize(
    ("changes", "holds", "words"),
    [
        # 10, 20 -> 100, 100; and at 0.1 60 - 10, 70 - 10
        ({}, True, [f"{GROWS}: 85.0 ± 9.2 points over 4 seeds", f"{ABOVE} neither diverged: 55.0 ± 9.2 points"]),
        ({(CHANNELS, 0.1): [(3, 2), (0, 2)]}, None, ["neither diverged: 30.0 ± 36.7 points"]),  # 2.6 standard errors
        ({(CHANNELS, 0.1): [(8, 2), (8, 2)]}, False, ["neither diverged: -35.0 ± 9.2 points"]),
        ({(RELU, 1.0): [(1, 0), (1, 1)]}, None, [f"{GROWS}: 0.0 ± 0.0 points"]),  # not at all: no proof of either
        ({(RELU, 1.0): [(0, 0), (1, 0)]}, False, [f"{GROWS}: -10.0 ± 0.0 points"]),
        ({(RELU, 1.0): [None, (8, 2)]}, True, ["at 0.1 less at 0.01, the largest", "divergence: 50.0 ± 0.0 points"]),
        ({(CHANNELS, 0.1): [(0, 0), None]}, True, ["at 0.01, the largest rate at which neither diverged: 15.0"]),
    ],
)  # fmt: skip
def test_the_trend_compares_where_both_stay_finite(changes, holds, words):
    rows = rows_of(changes=changes)
    found = dying_relu.ITEM.verdict(dying_relu.ITEM.whole(rows + [row | {"seed": row["seed"] + 2} for row in rows]))
    assert all(word in found.sentence for word in words), found.sentence
    assert found.holds is holds


def test_no_dead_unit_anywhere_refutes_nothing():
    found = dying_relu.ITEM.verdict(whole(changes=dict.fromkeys(COUNTS, [(0, 0), (0, 0)])))
    assert found.holds is None and f"{GROWS}: 0.0 ± 0.0 points" in found.sentence


def test_the_picture_marks_what_diverged_and_survives_that_everything_did():
    left = dying_relu.draw(whole()).axes[0]
    marks = {line.get_label(): line.get_xdata() for line in left.lines if "diverged" in str(line.get_label())}
    assert [(label, list(x)) for label, x in marks.items()] == [(f"{CHANNELS}: a run diverged", [3])]
    gone = whole(changes={key: [None, None] for key in COUNTS if key[1] != START})
    assert dying_relu.ITEM.verdict(gone).holds is None and dying_relu.draw(gone).axes and dying_relu.table(gone)
