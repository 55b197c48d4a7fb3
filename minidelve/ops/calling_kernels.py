"""How an op calls a kernel: arrays as the kernel wants them, room for its results, a share for every core.

A kernel (kernels/README.md) runs on one core and sees C-contiguous arrays. An op has all cores, and arrays
(N, C, *spatial) with any strides. Three functions stand between the two. They differ in what the kernel
finds along its first axis, which is also what the cores divide among themselves:

    over_numbers      (n,)                every number alike, in the order of memory
    over_positions    (N * spatial, C)    every position of every image alike, its channels side by side
    over_images       (N, *spatial, C)    image by image, channels last

All are called alike:

    f = over_positions(kernels_for(y).prelu_forward, [y], a)       prelu_forward(share of y, a, out=share of f)

The arrays in brackets and the results are cut into shares; everything else goes to every core as it is. On a GPU
there is one share.

Results lie in memory as the kernel wrote them, so the next op reads them without a copy. An input that lies
otherwise is copied. What backward will read again is therefore saved as `in_kernels_order` gives it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from minidelve.backend import PER_NUMBER, array_module, empty_like, in_shares, inverse, memory_order
from minidelve.ops.layout import channels_first, channels_last, from_rows, rows_of_channels
from minidelve.ops.pieces import total

Kernel = Callable[..., Any]


def over_numbers(kernel: Kernel, arrays: Sequence[Any], *rest: Any) -> Any:
    """The kernel's result, of the last array's shape (any), dtype and order in memory."""
    order = memory_order(arrays[-1])
    # Not ascontiguousarray, which would give a scalar an axis.
    ordered = [array_module(x).asarray(x.transpose(order), order="C") for x in arrays]
    out = array_module(*ordered).empty_like(ordered[-1])
    _on_all_cores(kernel, [x.reshape(-1) for x in ordered], rest, out.reshape(-1), PER_NUMBER * out.size)
    return out.transpose(inverse(order))


def over_positions(
    kernel: Kernel, arrays: Sequence[Any], *rest: Any, outs: int = 1, per_number: float = PER_NUMBER
) -> Any:
    """The kernel's result, of the last array's shape and dtype; a list if there are several.

    outs         how many such results the kernel writes. If it writes one and returns a sum over its rows beside
                 it, as prelu_backward does, that sum over all rows is the second result
    per_number   the work for one number, in multiply-adds: a little work stays on one core
    """
    rows = [rows_of_channels(x) for x in arrays]
    room = [empty_like(rows[-1]) for _ in range(outs)]
    returned = _on_all_cores(kernel, rows, rest, room[0] if outs == 1 else tuple(room), per_number * room[0].size)
    results = [from_rows(x, arrays[-1].shape) for x in room]
    if outs == 1 and isinstance(returned[0], tuple):
        results.append(total([sums for _, sums in returned]))
    return results[0] if len(results) == 1 else results


def over_images(kernel: Kernel, arrays: Sequence[Any], *rest: Any, out: Any) -> Any:
    """out, an array or a tuple of several, after the kernel has written it; `empty_map` makes one."""
    room = tuple(channels_last(x) for x in out) if isinstance(out, tuple) else channels_last(out)
    _on_all_cores(kernel, [channels_last(x) for x in arrays], rest, room, math.inf)
    return out


def _on_all_cores(kernel: Kernel, arrays: list[Any], rest: tuple[Any, ...], out: Any, work: float) -> list[Any]:
    """What the kernel returned for each share; out, one array or a tuple, is cut like the arrays."""

    def run(share: slice) -> Any:
        room = tuple(x[share] for x in out) if isinstance(out, tuple) else out[share]
        return kernel(*[x[share] for x in arrays], *rest, out=room)

    return in_shares(run, len(arrays[0]), arrays[0], work=work)


def empty_map(x: Any, size: tuple[int, ...], dtype: Any = None) -> Any:
    """Room for (N, C, *size), channels last in memory; N, C and (if none is given) the dtype are x's."""
    N, C = x.shape[:2]
    return channels_first(array_module(x).empty((N, *size, C), dtype or x.dtype))


def in_kernels_order(x: Any) -> Any:
    """x (N, C, *spatial), channels last in memory; a view if x is so already."""
    return channels_first(channels_last(x))


def per_channel(a: Any, y: Any) -> Any:
    """Parameters a, (C,) or (1,) for all of y's channels together, as C numbers side by side of y's dtype."""
    C = y.shape[1]
    return array_module(a).ascontiguousarray(a if len(a) == C else a.repeat(C), y.dtype)
