"""The geometry of windows that slide over a map: arguments as pairs, and output sizes.

A window of k taps (the places in it that read a pixel) and stride s on a map of L with p zeros on each side, the
*frame*, fits

    floor((L + 2p - k) / s) + 1

times. With ceil_mode the division rounds up, so that the last window may hang over the edge. It must still
begin before the map ends: a window that would see only the frame is left out.

>>> output_size((224, 224), (7, 7), (2, 2), (3, 3))
(112, 112)
"""

from __future__ import annotations

import numpy as np

Pair = tuple[int, int]
Shape = tuple[int, ...]


def as_pair(op: str, name: str, value: int | Pair, least: int) -> Pair:
    """3 -> (3, 3); ValueError unless value is one or two ints >= least."""
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2 or not all(isinstance(v, (int, np.integer)) and v >= least for v in pair):
        raise ValueError(f"{op}: {name} is {value!r}; expected an integer >= {least} or two of them")
    return int(pair[0]), int(pair[1])


def output_size(size: Shape, kernel: Shape, stride: Pair, padding: Pair, ceil_mode: bool = False) -> Pair:
    """How many windows fit along each axis; below 1 when the kernel is larger than the framed map."""
    OH, OW = (_along(L, k, s, p, ceil_mode) for L, k, s, p in zip(size, kernel, stride, padding, strict=True))
    return OH, OW


def _along(length: int, kernel: int, stride: int, padding: int, ceil_mode: bool) -> int:
    room = length + 2 * padding - kernel
    count = room // stride + 1
    if ceil_mode and room % stride and count * stride < length + padding:
        count += 1
    return count


def pool_geometry(
    op: str,
    shape: tuple[int, ...],
    kernel_size: int | Pair,
    stride: int | Pair | None,
    padding: int | Pair,
    ceil_mode: bool,
) -> tuple[Pair, Pair, Pair, Pair]:
    """(kernel, stride, padding, output size) for pooling an x of this shape. Raises ValueError if one does not fit."""
    if len(shape) != 4 or 0 in shape[2:]:
        raise ValueError(f"{op}: x has shape {shape}; expected (N, C, H, W) with H, W >= 1")
    kernel = as_pair(op, "kernel_size", kernel_size, 1)
    steps = as_pair(op, "stride", kernel_size if stride is None else stride, 1)
    frame = as_pair(op, "padding", padding, 0)
    if any(2 * p > k for p, k in zip(frame, kernel, strict=True)):
        raise ValueError(f"{op}: padding {frame} is more than half of the kernel {kernel}; some windows would be empty")
    out = output_size(shape[2:], kernel, steps, frame, ceil_mode)
    if min(out) < 1:
        raise ValueError(f"{op}: kernel {kernel} does not fit the map {shape[2:]} with padding {frame}; x is too small")
    return kernel, steps, frame, out
