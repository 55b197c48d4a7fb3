"""Looking at networks: hooks, the table of layers, the graph of a computation, which layer was the first to diverge.

What only looks belongs here; what changes weights is training/, and what measures time is bench/.
"""

from minidelve.analysis.hooks import Observed, Statistics, observe, watch

__all__ = ["Observed", "Statistics", "observe", "watch"]
