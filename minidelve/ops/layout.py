"""NCHW outside, channels last inside: the layout that all spatial ops share.

Users see images as (N, C, H, W), as in PyTorch. In memory the channels of a pixel lie side by side:
(N, H, W, C). Three things follow:

    im2col copies whole runs of kw * C numbers instead of single ones (conv/im2col.py),
    pooling and PReLU have the channel as innermost loop: one SIMD lane a channel,
    the product  cols W^T  comes out in the layout that the next layer reads.

An array of shape NCHW whose memory is channels last is an ordinary strided NumPy array, so no one outside needs
to know. `channels_last` copies only what lies otherwise, such as the first image of a user.
"""

from __future__ import annotations

from typing import Any

from minidelve.backend import array_module


def channels_last(x: Any) -> Any:
    """(N, C, *spatial) of any strides -> C-contiguous (N, *spatial, C); a view if memory is so already."""
    return array_module(x).ascontiguousarray(x.transpose(0, *range(2, x.ndim), 1))


def channels_first(x: Any) -> Any:
    """(N, *spatial, C) -> (N, C, *spatial), always a view."""
    return x.transpose(0, x.ndim - 1, *range(1, x.ndim - 1))


def rows_of_channels(x: Any) -> Any:
    """(N, C, *spatial) -> C-contiguous (N * spatial, C), for ops that treat every position alike."""
    return channels_last(x).reshape(-1, x.shape[1])


def from_rows(rows: Any, shape: tuple[int, ...]) -> Any:
    """Undo rows_of_channels: (N * spatial, C) -> (N, C, *spatial), a view."""
    return channels_first(rows.reshape(shape[0], *shape[2:], shape[1]))
