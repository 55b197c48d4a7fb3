"""Looking at networks: hooks, the table of layers, the graph of a computation, which layer was the
first to diverge, which units are dead; and the door behind which every figure is drawn (pictures.py).

Code that only looks belongs here. What changes weights belongs in training/, what measures time in bench/.
Importing this room gives Tensor its graph() and Module the table that a notebook shows.
"""

import minidelve.analysis.notebook  # noqa: F401
from minidelve.analysis.hooks import Observed, Statistics, observe, watch

__all__ = ["Observed", "Statistics", "observe", "watch"]
