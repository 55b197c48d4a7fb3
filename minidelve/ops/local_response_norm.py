"""Local response normalisation, as in AlexNet (Krizhevsky et al. 2012, section 3.3).

AlexNet and GoogLeNet use it; the networks of He et al. do not. Each response is divided by the energy of
`size` neighbouring channels at the same position:

    s_c = k + alpha/size * sum of x_e^2 over the window of c
    y_c = x_c s_c^(-beta)

The window of c is c - size//2 <= e <= c + (size-1)//2, cut at the first and last channel.
AlexNet writes alpha without the division by size: its alpha = 1e-4 at size 5 is 5e-4 here, as in PyTorch and
Caffe.

Backward. x_e acts on y_e directly, and through s_c on every y_c whose window holds e:

    dE/dx_e = df_e s_e^(-beta) - 2 alpha beta / size * x_e * sum_c df_c x_c s_c^(-beta-1)

>>> local_response_norm(Tensor([[3.0, 4.0]]), size=3, alpha=3.0, beta=0.5, k=0.0).data.round(2)
array([[0.6, 0.8]], dtype=float32)
"""

from __future__ import annotations

import numpy as np

from minidelve.backend import PER_NUMBER, kernels_for
from minidelve.ops.arguments import number
from minidelve.ops.calling_kernels import in_kernels_order, over_positions
from minidelve.tensor import Function, Tensor, refuse_bare_arrays

LETTERS = ("alpha", "beta", "k")
WORK = 50 * PER_NUMBER  # a power for every number, which takes far longer than reading it


class LocalResponseNorm(Function):
    def forward(self, x, *, size, alpha, beta, k):
        alpha, beta, k = (number("local_response_norm", name, z) for name, z in zip(LETTERS, (alpha, beta, k)))
        self.constants = size, alpha, beta
        x = in_kernels_order(x)
        kernel = kernels_for(x).local_response_norm_forward
        y, s = over_positions(kernel, [x], *self.constants, k, outs=2, per_number=WORK)
        self.save(x, s)
        return y

    def backward(self, df):
        x, s = self.saved
        kernel = kernels_for(df, x).local_response_norm_backward
        return over_positions(kernel, [df, x, s], *self.constants, per_number=WORK)


def local_response_norm(x: Tensor, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """Normalise x (N, C, *spatial) over windows of `size` channels. The default constants are PyTorch's.

    Raises ValueError for fewer than two axes or size < 1.
    """
    refuse_bare_arrays("local_response_norm", x)
    if x.ndim < 2 or x.shape[1] == 0:
        raise ValueError(f"local_response_norm: x has shape {x.shape}; expected (N, C, ...) with C >= 1")
    if not isinstance(size, (int, np.integer)) or size < 1:
        raise ValueError(f"local_response_norm: size is {size}; expected an integer >= 1")
    return LocalResponseNorm.apply(x, size=int(size), alpha=alpha, beta=beta, k=k)
