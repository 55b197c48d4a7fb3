"""Sliding windows as a view: what im2col and the poolings of this folder share."""

import numpy as np


def windows(x, kernel, stride, padding, out_size, fill):
    """x (N, H, W, C) -> (N, OH, OW, kh, kw, C): the window of every output position, a view of padded x.

    x is framed by `padding` of `fill`, and by more at the bottom and right if out_size asks for it.
    """
    (kh, kw), (sh, sw), (ph, pw), (OH, OW) = kernel, stride, padding, out_size
    N, H, W, C = x.shape
    axes = zip(out_size, stride, kernel, padding, (H, W))
    bottom, right = (max(p, (O - 1) * s + k - p - L) for O, s, k, p, L in axes)
    framed = np.pad(x, ((0, 0), (ph, bottom), (pw, right), (0, 0)), constant_values=fill)
    view = np.lib.stride_tricks.sliding_window_view(framed, (kh, kw), axis=(1, 2))
    return view[:, : OH * sh : sh, : OW * sw : sw].transpose(0, 1, 2, 4, 5, 3)


def positions(length, kernel, stride, padding, out_length):
    """(out_length, kernel) input coordinate that tap u of window i reads: i s + u - p (may lie outside)."""
    return np.arange(out_length)[:, None] * stride + np.arange(kernel) - padding
