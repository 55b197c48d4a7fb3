"""docs/results is what the items wrote, number by number; and with fewer of those numbers every item still stands."""

import io
from pathlib import Path

import pytest

from minidelve.experiments import ITEMS
from minidelve.experiments.again import read_rows
from minidelve.experiments.claims import Verdict
from minidelve.experiments.page import REPEAT, page
from minidelve.experiments.rows import Rows

RESULTS = Path(__file__).parents[2] / "docs" / "results"


# What one seed can tell, and the numbers that may be missing: those of a part whose loss did not stay finite, say.
TOLD_BY_ONE = {"fig3-right": True, "momentum": True, "per-class": True}
MISSING = {
    "table1": ["mean", "lower_quartile"], "table2": ["top1_error", "top5_error"],
    "table4": ["top1_error", "top5_error"], "tables5-7": ["top1_error", "top5_error"],
    "fig2-responses": ["mean", "rms", "scaled"], "fig3-left": ["lr", "val_error", "train_loss"],
    "fig3-right": ["lr", "gradient_square", "decay_square", "val_error", "train_loss"],
    "fig4": ["lr", "val_error", "train_error"], "fisher": ["measured", "size", "response"],
    "slope-decay": ["mean_abs_a", "top1_error"], "per-class": ["probability", "top1_error"],
}  # fmt: skip


def rows_of(name: str) -> Rows:
    return ITEMS[name].whole(read_rows(RESULTS / name / "results.csv"))


def told(name: str, rows: Rows, drawn: bool = True) -> Verdict:
    """The verdict on rows of which some or all numbers have gone; page and figure must stand it."""
    item = ITEMS[name]
    rows = item.whole(rows)
    (header, lines), verdict = item.table(rows), item.verdict(rows)
    assert lines and {len(line) for line in lines} == {len(header)}
    assert "nan" not in f"{verdict.sentence} {lines}"
    if drawn:
        item.draw(rows).savefig(io.BytesIO(), format="png", dpi=20)
    return verdict


@pytest.mark.parametrize("name", ITEMS)
def test_a_page_says_what_its_csv_holds(name):
    item, rows, text = ITEMS[name], rows_of(name), (RESULTS / name / "page.md").read_text(encoding="utf-8")
    assert text.partition(REPEAT)[0] == page(item, item.table(rows), item.verdict(rows), []).partition(REPEAT)[0]
    assert ("95% interval (Student's t)" in text) is any(mark in text for mark in (" ± ", "(sd "))  # what they mean
    assert "budget: lab" in text and "/work" not in text
    assert (RESULTS / name / "figure.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ITEMS)
def test_one_seed_breaks_nothing_and_tells_no_interval(name):
    rows = read_rows(RESULTS / name / "results.csv")
    found = told(name, [row for row in rows if row["seed"] == 0])
    assert found.holds is TOLD_BY_ONE.get(name) and (found.holds or "one seed" in found.sentence)


@pytest.mark.parametrize("name", MISSING)
@pytest.mark.parametrize("share", ["the last", "all"])
def test_missing_numbers_break_nothing_and_prove_nothing(name, share):
    rows = read_rows(RESULTS / name / "results.csv")
    spoilt = rows
    for column in MISSING[name]:
        having = [i for i, row in enumerate(rows) if row[column] is not None]
        places = having[-1:] if share == "the last" else having
        told(name, [row | {column: None} if i in places else row for i, row in enumerate(rows)], drawn=False)
        spoilt = [row | {column: None} if i in places else row for i, row in enumerate(spoilt)]
    found = told(name, spoilt)
    assert share == "the last" or found.holds is None


def test_the_index_lists_every_item_with_its_verdict():
    index = (RESULTS / "index.md").read_text(encoding="utf-8")
    for name, item in ITEMS.items():
        assert f"[{name}]({name}/page.md) | {item.where} | {item.title} | {item.verdict(rows_of(name)).word} |" in index


def test_nothing_else_lies_there():
    """Least of all images of the data set: the only ones are in the figure of per-class."""
    names = {path.relative_to(RESULTS).as_posix() for path in RESULTS.rglob("*") if path.is_file()}
    unkept = {name for name in names if "/parts/" in name or name.startswith("runs/")}  # which git ignores
    wanted = {f"{item}/{file}" for item in ITEMS for file in ("page.md", "figure.png", "results.csv")}
    assert names - unkept == wanted | {"index.md"}
