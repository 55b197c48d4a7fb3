"""What moves the parameters: plain descent, the paper's momentum rule, its schedules, mixed precision's loss scale.

Code that reads gradients and changes parameters or the rate belongs here. Choosing batches belongs in training/.
"""

from minidelve.optim.descent import descend
from minidelve.optim.loss_scale import LossScale
from minidelve.optim.schedules import MultiStepLR, ReduceLROnPlateau
from minidelve.optim.sgd import SGD
from minidelve.pytorch_names import names_of

__all__ = ["SGD", "LossScale", "MultiStepLR", "ReduceLROnPlateau", "descend"]

__getattr__ = names_of(__name__)
