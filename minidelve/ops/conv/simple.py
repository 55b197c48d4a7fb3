"""2-D convolution from elementary ops: slow, and short enough to be seen to be right.

conv2d's own algorithms have their gradients derived and written by hand. Here the graph finds them: indexing
copies the receptive fields, and its backward adds the copies' gradients up again.

>>> import numpy as np
>>> x, weight = Tensor(np.arange(9.0).reshape(1, 1, 3, 3)), Tensor(np.ones((1, 1, 2, 2)))
>>> conv2d_simple(x, weight).data.tolist()
[[[[8.0, 12.0], [20.0, 24.0]]]]
"""

from __future__ import annotations

import numpy as np

from minidelve.ops.geometry import as_pair, output_size
from minidelve.tensor import Tensor


def conv2d_simple(x: Tensor, weight: Tensor, bias: Tensor | None = None, stride=1, padding=0) -> Tensor:
    """x (N, C, H, W), weight (O, C, kh, kw), bias (O,): (N, O, OH, OW), as ops.conv2d, whose checks it leaves out.

    He et al., arXiv 1502.01852, section 2.2, equation (5). A number outside the image is one inside, times 0: x is
    to be finite.
    """
    (N, C, H, W), (O, _, kh, kw) = x.shape, weight.shape
    (sh, sw), (ph, pw) = as_pair("conv2d", "stride", stride, 1), as_pair("conv2d", "padding", padding, 0)
    OH, OW = output_size((H, W), (kh, kw), (sh, sw), (ph, pw))
    row = sh * np.arange(OH)[:, None, None, None] + np.arange(kh)[:, None] - ph  # i s + u - p, (OH, 1, kh, 1)
    column = sw * np.arange(OW)[:, None, None] + np.arange(kw) - pw  # j s + v - p, (OW, 1, kw)
    inside = (row >= 0) & (row < H) & (column >= 0) & (column < W)  # (OH, OW, kh, kw)
    fields = x[:, :, row.clip(0, H - 1), column.clip(0, W - 1)] * Tensor(inside.astype(x.dtype))
    # A row in the order (c, u, v), as the weight lies; im2col.py has (u, v, c). The sum is the same.
    cols = fields.transpose(0, 2, 3, 1, 4, 5).reshape(N * OH * OW, C * kh * kw)
    y = cols @ weight.reshape(O, C * kh * kw).T  # (5), but for b
    y = y.reshape(N, OH, OW, O).transpose(0, 3, 1, 2)
    return y if bias is None else y + bias.reshape(O, 1, 1)
