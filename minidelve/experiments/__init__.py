"""The paper's tables and figures, each an item of `minidelve reproduce`.

Start with item.py, what an item is, and fisher.py, the shortest one.  frame.py runs them.
"""

from minidelve.experiments import fisher, momentum, signal, table2
from minidelve.experiments.item import Budget, Item, Setup, Trend

ITEMS: dict[str, Item] = {item.name: item for item in (table2.ITEM, signal.ITEM, fisher.ITEM, momentum.ITEM)}

__all__ = ["ITEMS", "Budget", "Item", "Setup", "Trend"]
