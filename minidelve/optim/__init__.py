"""The paper's momentum rule and its learning-rate schedules."""

from minidelve.optim.schedules import MultiStepLR, ReduceLROnPlateau
from minidelve.optim.sgd import SGD

__all__ = ["SGD", "MultiStepLR", "ReduceLROnPlateau"]
