"""The rows of an item: plain dicts of numbers and words, as results.csv holds them."""

from __future__ import annotations

import hashlib
import json
from typing import Any

Row = dict[str, Any]  # column -> number, word or None; the frame adds "variant" and "seed"
Rows = list[Row]


def digest(value: Any) -> str:
    """Eight letters that stand for the value, which JSON can hold: for names of files."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:8]


def select(rows: Rows, **wanted: Any) -> Rows:
    """The rows with these values.

    >>> select([{"a": 0.0, "seed": 1}, {"a": 0.25, "seed": 1}], a=0.25)
    [{'a': 0.25, 'seed': 1}]
    """
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def columns(rows: Rows) -> list[str]:
    """The names of the columns, each once, in the order in which they first occur."""
    return list(dict.fromkeys(name for row in rows for name in row))


def distinct(rows: Rows, column: str) -> list[Any]:
    """The values of a column, each once, in the order in which they first occur."""
    return list(dict.fromkeys(row[column] for row in rows))


def numbers(rows: Rows, column: str, **wanted: Any) -> list[float]:
    """A column's numbers in the rows with these values; a missing one is left out.

    >>> numbers([{"a": 0.0, "seed": 1}, {"a": None, "seed": 2}], "a")
    [0.0]
    """
    return [row[column] for row in select(rows, **wanted) if row[column] is not None]


def by_seed(rows: Rows, column: str, **wanted: Any) -> dict[int, float]:
    """Seed -> the number of the row with these values; a missing number is left out.

    >>> by_seed([{"a": 0.0, "seed": 1}, {"a": None, "seed": 2}], "a")
    {1: 0.0}
    """
    return {row["seed"]: row[column] for row in select(rows, **wanted) if row[column] is not None}
