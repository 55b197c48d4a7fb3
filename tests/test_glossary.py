"""docs/glossary.md says which operation computes integers how: here its table is read and tried."""

import re

import numpy as np
import pytest

from minidelve import Tensor, ops
from tests.helpers import ROOT

PAGE = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
TRIED = {
    "`+`": lambda x: x + x, "`-`": lambda x: x - x, "`*`": lambda x: x * x, "`@`": lambda x: x @ x,
    "`/`": lambda x: x / x,
    "`**` a whole number from 0 on": lambda x: x**2, "any other `**`": lambda x: x**-1,
    "maximum": lambda x: ops.maximum(x, x), "minimum": lambda x: ops.minimum(x, x), "abs": abs, "sum": ops.sum,
    "exp": ops.exp, "mean": ops.mean, "std": ops.std, "softmax": ops.softmax,
    "conv2d": lambda x: ops.conv2d(x.reshape(1, 1, 2, 2), x.reshape(1, 1, 2, 2)),
    "pooling": lambda x: ops.max_pool2d(x.reshape(1, 1, 2, 2), 2), "reshape": lambda x: x.reshape(4),
    "view": lambda x: x.view(4),
    "transpose": ops.transpose, "permute": lambda x: x.permute(0, 1), "indexing": lambda x: x[0],
    "concat": lambda x: ops.concat([x, x]),
    "max(axis)": lambda x: x.max(axis=0), "min(axis)": lambda x: x.min(axis=0),
}  # fmt: skip


def rows():
    (table,) = re.findall(r"\| operation \|.*\n\|---.*\n((?:\|.*\n)+)", PAGE)
    for line in table.splitlines():
        operations, _, integers = line.strip("| ").split(" | ")
        yield from ((name, integers) for name in operations.split(", ") if name != "all others")


def test_everything_tried_is_on_the_page():
    assert {name for name, _ in rows()} == set(TRIED)


@pytest.mark.parametrize(("name", "integers"), list(rows()))
def test_the_page_says_how_integers_are_computed(name, integers):
    dtype = TRIED[name](Tensor(np.ones((2, 2), np.uint8))).dtype
    assert dtype == {"exact": np.int64, "float32": np.float32, "as": np.uint8}[re.split(r"\W", integers)[0]]
