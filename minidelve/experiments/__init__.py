"""The paper's tables and figures, each an item of `minidelve reproduce`.

What runs, judges, draws or tells one of them belongs here. What would serve a network that no item knows does not:
looking at it belongs in analysis/, testing it in evaluation/, measuring time in bench/.

Start with table2.py, an item as most are, claims.py, how its claims are judged, and item.py, what an item is;
momentum.py is one that trains no network. frame.py runs them, again.py makes their pages from results.csv.
"""

from minidelve.experiments import (
    dying_relu,
    fig2_responses,
    fig3_left,
    fig3_right,
    fig4,
    fisher,
    momentum,
    per_class,
    signal,
    slope_decay,
    table1,
    table2,
    table4,
    tables5_7,
)
from minidelve.experiments.claims import Verdict
from minidelve.experiments.item import Budget, Item, Setup

IN_ORDER = (
    table1, table2, table4, tables5_7, fig2_responses, fig3_left, fig3_right, fig4, signal, fisher, momentum,
    slope_decay, dying_relu, per_class,
)  # fmt: skip
ITEMS: dict[str, Item] = {module.ITEM.name: module.ITEM for module in IN_ORDER}

__all__ = ["ITEMS", "Budget", "Item", "Setup", "Verdict"]
