"""Is a backward the derivative of its forward? The gradient checker, and the cases that hold every op to it.

What users need to test ops of their own belongs here. The tests of this project are in tests/.
"""

from minidelve.testing.gradients import check_gradients

__all__ = ["check_gradients"]
