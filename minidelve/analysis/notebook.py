"""What a notebook shows of a network and of a computation.

Importing this file gives Tensor its graph() and Module the table of its layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from minidelve import models, nn
from minidelve.analysis.graph import graph
from minidelve.analysis.summary import HEAD, Layer, cells, summarize, totals
from minidelve.tensor import Tensor

CELL = "text-align:left;vertical-align:top;padding:0.1em 0.8em"
NUMBER = "text-align:right;vertical-align:top;padding:0.1em 0.8em"


def module_html(module: nn.Module) -> str:
    """The table of a network's layers, with what each makes of an image where that is known."""
    if isinstance(module, models.Network) and module.title in models.TABLES:
        size = models.usual_size(module.title)
        try:
            return (
                f"<b>{escape(module.title)}</b>, an image of 3 x {size} x {size}{layers_html(summarize(module, size))}"
            )
        except (ValueError, TypeError):  # a pyramid or a layer that such an image does not fit
            pass
    return parts_html(module)


def layers_html(layers: Sequence[Layer]) -> str:
    """The table of `minidelve summary`."""
    return table_html(HEAD, map(cells, layers)) + f"<pre>{escape(chr(10).join(totals(list(layers))))}</pre>"


def parts_html(module: nn.Module) -> str:
    """The table of a module's parts, of which no input is known: their arguments and their parameters."""
    rows = []
    for name, part in module.named_modules():
        own = {key: p for key, p in vars(part).items() if isinstance(p, nn.Parameter)}
        if own or not any(part.named_children()):
            shapes = [f"{key}: {' x '.join(map(str, p.shape))}" for key, p in own.items()]
            numbers = sum(p.size for p in own.values())
            rows.append((name, f"{type(part).__name__}({part.extra()})", ", ".join(shapes), f"{numbers:,}"))
    head = ("layer", "type", "parameters", "numbers")
    return table_html(head, rows) + f"<pre>{count(module):,} numbers in all</pre>"


def count(module: nn.Module) -> int:
    """The numbers that it learns."""
    return sum(parameter.size for parameter in module.parameters())


def table_html(head: Sequence[str], rows: Any) -> str:
    """An HTML table, figures to the right; every cell is text."""
    lines = [row_html("th", head)] if head else []
    lines += [row_html("td", row) for row in rows]
    return "<table>" + "".join(lines) + "</table>"


def row_html(kind: str, row: Sequence[str]) -> str:
    """A row of such a table, of cells "th" or "td"."""

    def style(cell: str) -> str:
        return NUMBER if cell.replace(",", "").isdigit() else CELL

    return "<tr>" + "".join(f'<{kind} style="{style(cell)}">{escape(cell)}</{kind}>' for cell in row) + "</tr>"


nn.Module._repr_html_ = module_html  # type: ignore[attr-defined]
Tensor.graph = graph
