"""Local response normalisation, as in AlexNet (Krizhevsky et al. 2012, section 3.3).

The networks of this paper do without; AlexNet and GoogLeNet use it.  Each response is
divided by the energy of `size` neighbouring channels at the same position:

    s_c = k + alpha/size * sum of x_e^2 over the window of c
    y_c = x_c s_c^(-beta)

The window of c is c - size//2 <= e <= c + (size-1)//2, cut at the first and last channel.
AlexNet writes alpha without the division: its alpha = 1e-4 with size 5 is 5e-4 here (as in PyTorch
and Caffe).

Backward.  x_e acts on y_e directly, and through s_c on every y_c whose window holds e:

    dE/dx_e = df_e s_e^(-beta) - 2 alpha beta / size * x_e * sum_c df_c x_c s_c^(-beta-1)

>>> local_response_norm(Tensor([[3.0, 4.0]]), size=3, alpha=3.0, beta=0.5, k=0.0).data.round(2)
array([[0.6, 0.8]], dtype=float32)
"""

from __future__ import annotations

from minidelve.backend import array_module, in_shares, kernels_for
from minidelve.ops.layout import from_rows, rows_of_channels
from minidelve.tensor import Function, Tensor


class LocalResponseNorm(Function):
    def forward(self, x, *, size, alpha, beta, k):
        self.shape_of_x, self.constants = x.shape, (size, alpha, beta)
        x = rows_of_channels(x)
        xp, kernels = array_module(x), kernels_for(x)
        y, s = xp.empty_like(x), xp.empty_like(x)

        def divide(rows):
            kernels.local_response_norm_forward(x[rows], size, alpha, beta, k, out=(y[rows], s[rows]))

        in_shares(divide, len(x), x)
        self.save(x, s)
        return from_rows(y, self.shape_of_x)

    def backward(self, df):
        x, s = self.saved
        kernels, df = kernels_for(df, x), rows_of_channels(df)
        dx = array_module(df).empty_like(df)

        def gradient(rows):
            kernels.local_response_norm_backward(df[rows], x[rows], s[rows], *self.constants, out=dx[rows])

        in_shares(gradient, len(df), df)
        return from_rows(dx, self.shape_of_x)


def local_response_norm(x: Tensor, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """Normalise x (N, C, *spatial) over windows of `size` channels; PyTorch's defaults for the constants.

    Raises ValueError for fewer than two axes or size < 1.
    """
    if x.ndim < 2:
        raise ValueError(f"local_response_norm: x has shape {x.shape}; expected (N, C, ...)")
    if not isinstance(size, int) or size < 1:
        raise ValueError(f"local_response_norm: size is {size}; expected an integer >= 1")
    return LocalResponseNorm.apply(x, size=size, alpha=alpha, beta=beta, k=k)
