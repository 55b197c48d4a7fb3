"""Every item, run on a handful of images: what it writes is whole, and a second run finds it finished."""

import csv
from dataclasses import replace

import pytest

from minidelve.experiments import ITEMS, Budget
from minidelve.experiments.frame import Work, reproduce

# What a moment allows, in place of the quick budget's own values.
MOMENT = {
    "width": 0.0625, "fc": 4, "size": 32, "short_side": 32, "epochs": 1, "batch_size": 16, "jitter": [32, 40],
    "networks": 1, "widths": (4, 8), "inputs": 8, "units": 4, "batches": 1, "scales": [32, 36],
}  # fmt: skip
DEEP = {"signal"}  # has a hundred layers; its own tests shorten them


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("results")  # one for all, so that items share trained networks here too


@pytest.mark.parametrize("name", [name for name in ITEMS if name not in DEEP])
def test_an_item_writes_a_whole_page_and_is_then_finished(name, out, tiny_data):
    item = ITEMS[name]
    quick = item.budgets["quick"]
    settings = {key: MOMENT.get(key, value) for key, value in quick.settings.items()}
    small = replace(item, budgets={"quick": Budget(1, settings)})
    work = Work(small, "quick", str(tiny_data), 1, out)
    result = reproduce(work)
    assert result.parts == len(item.variants(small.budgets["quick"])) > 0 and result.verdict.sentence
    page = (out / name / "page.md").read_text()
    for part in (f"# {name}: {item.title}", item.paper, item.ours, f"**The trend {result.verdict.word}.**",
                 "| ", "## To repeat it", work.command):  # fmt: skip
        assert part in page, part
    assert "nan" not in page.lower().split() and "None" not in page
    rows = list(csv.DictReader((out / name / "results.csv").open()))
    assert {row["variant"] for row in rows} == set(item.variants(small.budgets["quick"]))
    assert (out / name / "figure.png").stat().st_size > 5_000
    again = reproduce(work)
    assert again.found == again.parts and again.verdict == result.verdict
    assert (out / name / "page.md").read_text() == page


@pytest.mark.parametrize("name", ITEMS)
def test_an_item_has_its_four_budgets_and_more_seeds_with_more_time(name):
    budgets, minutes = ITEMS[name].budgets, ITEMS[name].minutes
    assert list(budgets) == ["quick", "class", "lab", "full"]
    assert budgets["quick"].seeds <= budgets["lab"].seeds <= budgets["full"].seeds
    assert budgets["quick"].seeds <= budgets["class"].seeds and set(minutes) == {"quick", "class", "lab"}
    assert 0 < minutes["quick"] <= 2 and 0 < minutes["class"] <= 14 and minutes["lab"] > 0
    assert all(ITEMS[name].variants(budget) for budget in budgets.values())
