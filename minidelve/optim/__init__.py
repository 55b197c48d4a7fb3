"""What moves the parameters: the paper's momentum rule, its learning-rate schedules, the loss scale of mixed precision.

Code that reads gradients and changes parameters or the rate belongs here. Choosing batches belongs in training/.
"""

from minidelve.optim.loss_scale import LossScale
from minidelve.optim.schedules import MultiStepLR, ReduceLROnPlateau
from minidelve.optim.sgd import SGD

__all__ = ["SGD", "LossScale", "MultiStepLR", "ReduceLROnPlateau"]
