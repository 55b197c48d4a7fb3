"""Pages, figures and index made again from results.csv, without computing anything.

    python -m minidelve.experiments.again docs/results [ITEM ...] [--data PATH]

What a page says of how it came about, its section "To repeat it", stays as it is. A figure may show images: they are
read from --data, the data set that the csv names.
"""

from __future__ import annotations

import argparse
import csv
import io
import math
from pathlib import Path
from typing import Any

from minidelve.disk.files import read_file, write_whole
from minidelve.disk.records import MOST_BYTES
from minidelve.errors import RunError, shown
from minidelve.experiments import ITEMS
from minidelve.experiments.frame import write_result
from minidelve.experiments.item import Item
from minidelve.experiments.page import REPEAT, index
from minidelve.experiments.rows import Rows

Facts = list[tuple[str, str]]


def value(text: str) -> Any:
    """A cell of results.csv, as it was before it was written.

    >>> value("ReLU"), value("3"), value("0.25"), value("True"), value("")
    ('ReLU', 3, 0.25, True, None)
    """
    if text in ("", "True", "False"):
        return {"": None, "True": True, "False": False}[text]
    for kind in (int, float):
        try:
            number = kind(text)
            return number if math.isfinite(number) else text
        except (ValueError, OverflowError):
            pass
    return text


def read_rows(path: Path) -> Rows:
    """The rows of a results.csv. Raises RunError for a file that is none."""
    try:
        columns, *lines = csv.reader(io.StringIO(read_file(path, MOST_BYTES).decode("utf-8"), newline=""), strict=True)
        if len(set(columns)) < len(columns) or not {"variant", "seed"} <= set(columns):
            raise ValueError(f"its columns are {shown(columns)}")
        return [dict(zip(columns, map(value, line), strict=True)) for line in lines]
    except OSError as error:
        raise RunError(f"{path} cannot be read ({error.strerror})", cure="check the path") from error
    except (ValueError, csv.Error) as error:
        cure = "run the item again (its finished parts are kept)"
        raise RunError(f"{path} is not a results.csv ({error})", cure=cure) from error


def read_facts(page: str) -> Facts:
    """The lines of a page's section "To repeat it".

    >>> read_facts("# x\\n\\n## To repeat it\\n\\n- time: 1 s\\n- command: `minidelve`\\n")
    [('time', '1 s'), ('command', '`minidelve`')]
    """
    lines = page.partition(REPEAT)[2].split("\n")
    return [(name, text) for name, _, text in (line[2:].partition(": ") for line in lines if line.startswith("- "))]


def located(rows: Rows, name: str, path: str) -> Rows:
    """The rows with the data set's path in place of its name, which is all that the csv tells."""

    def locate(cell: Any) -> Any:
        inside = isinstance(cell, str) and (cell == name or cell.startswith((f"{name}/", f"{name}!")))
        return path + cell.removeprefix(name) if inside else cell

    return [{column: locate(cell) for column, cell in row.items()} for row in rows]


def again(item: Item, results: Path, data: str) -> None:
    """Write page and figure of an item anew."""
    folder = results / item.name
    facts = read_facts((folder / "page.md").read_text(encoding="utf-8"))
    rows = located(read_rows(folder / "results.csv"), Path(data).name, data)
    write_result(item, folder, rows, facts)


def write_index(results: Path) -> None:
    """The index of the items that have a page."""
    lines = []
    for item in ITEMS.values():
        page = results / item.name / "page.md"
        if page.is_file():
            time = dict(read_facts(page.read_text(encoding="utf-8")))["time"].partition(" of computing")[0]
            lines.append((item, item.verdict(item.whole(read_rows(page.with_name("results.csv")))), time))
    write_whole(results / "index.md", index(lines))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="make pages and figures again from results.csv")
    parser.add_argument("results", type=Path)
    parser.add_argument("items", nargs="*", metavar="ITEM", help="those to make again (default all)")
    parser.add_argument("--data", default="toy", help="where images lie that a figure shows")
    args = parser.parse_args()
    for name in args.items or ITEMS:
        again(ITEMS[name], args.results, args.data)
    write_index(args.results)
