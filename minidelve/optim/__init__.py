"""What moves the parameters: the paper's momentum rule, its learning-rate schedules, the loss scale of mixed precision.

What belongs here reads gradients and changes parameters or the rate. Which batches they come from is training/.
"""

from minidelve.optim.loss_scale import LossScale
from minidelve.optim.schedules import MultiStepLR, ReduceLROnPlateau
from minidelve.optim.sgd import SGD

__all__ = ["SGD", "LossScale", "MultiStepLR", "ReduceLROnPlateau"]
