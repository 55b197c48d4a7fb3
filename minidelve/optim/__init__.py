"""What moves the parameters: the paper's momentum rule, its learning-rate schedules, the loss scale of mixed precision.

Code that reads gradients and changes parameters or the rate belongs here. Choosing batches belongs in training/.
"""

from minidelve.optim.loss_scale import LossScale
from minidelve.optim.schedules import MultiStepLR, ReduceLROnPlateau
from minidelve.optim.sgd import SGD
from minidelve.pytorch_names import names_of

__all__ = ["SGD", "LossScale", "MultiStepLR", "ReduceLROnPlateau"]

__getattr__ = names_of(__name__)
