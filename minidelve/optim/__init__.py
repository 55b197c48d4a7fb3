"""The paper's momentum rule, its learning-rate schedules, and the scale of the loss in mixed precision."""

from minidelve.optim.loss_scale import LossScale
from minidelve.optim.schedules import MultiStepLR, ReduceLROnPlateau
from minidelve.optim.sgd import SGD

__all__ = ["SGD", "LossScale", "MultiStepLR", "ReduceLROnPlateau"]
