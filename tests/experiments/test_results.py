"""docs/results is what the items wrote: every page has its numbers, and they are those of its results.csv."""

from pathlib import Path

import pytest

from minidelve.experiments import ITEMS
from minidelve.experiments.again import read_rows
from minidelve.experiments.page import markdown
from minidelve.experiments.rows import Rows

RESULTS = Path(__file__).parents[2] / "docs" / "results"


def rows_of(name: str) -> Rows:
    return ITEMS[name].whole(read_rows(RESULTS / name / "results.csv"))


@pytest.mark.parametrize("name", ITEMS)
def test_a_page_says_what_its_csv_holds(name):
    item, page = ITEMS[name], (RESULTS / name / "page.md").read_text(encoding="utf-8")
    rows = rows_of(name)
    assert page.startswith(f"# {name}: {item.title}\n") and item.paper in page and item.ours in page
    trend = item.verdict(rows)
    assert f"**In the paper.** {item.where}\n" in page and f"**The trend {trend.word}.** {trend.sentence}\n" in page
    assert markdown(item.table(rows)) in page
    assert "budget: lab" in page and "/work" not in page
    assert (RESULTS / name / "figure.png").read_bytes().startswith(b"\x89PNG")


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
