"""The mean over rectangular bins of a map: the inner loop of a spatial pyramid that averages.

    f[n, b, c] = mean over top_b <= r < bottom_b, left_b <= w < right_b of x[n, r, w, c]

bins is (B, 4) int64: top, bottom, left, right of each bin; bins may overlap.

The functions keep the names and the signatures of the kernels that take maxima, and stand in their place. Backward is
given no bins. It has what forward left in the array that otherwise holds argmax: the bin itself, for every n and c the
same, as one number. With first = r W + w the place of a bin's first pixel (top left) and last that of its last one
(bottom right, still inside), on a map of H x W pixels,

    corners[n, b, c] = first H W + last

which an int32 holds for maps of up to 215 x 215. `size` is (H, W).
"""

import numpy as np

from kernels.reference.into import into


def bin_max_forward(x, bins, out=None):
    raise NotImplementedError("lab 5: bin_max_forward")


def bin_max_backward(df, corners, size, out=None):
    raise NotImplementedError("lab 5: bin_max_backward")
