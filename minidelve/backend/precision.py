"""What the factors of a matrix product are rounded to: `--precision fp32 | tf32 | mixed`.

Nearly all of a step's arithmetic is in the products of conv and fully connected layers. A GPU has units for them
(tensor cores) that are many times as fast as its ordinary ones, if the factors are shorter than float32:

    format     bits: exponent, behind the point    largest    least normal    1 + the next step
    float32          8             23              3.4e38     1.2e-38         1 + 1.2e-7
    tf32             8             10              3.4e38     1.2e-38         1 + 9.8e-4
    float16          5             10              65504      6.1e-5          1 + 9.8e-4

    fp32    strict: nothing is rounded; the default, and what every figure of this project uses unless it says so
    tf32    float32 in memory, factors rounded to tf32 on their way into the product
    mixed   factors are float16, also in memory where they are kept for backward: half the bytes. Weights, their
            gradients, activations and the momentum rule stay float32 ("master weights"): a step eps dE/da is often less
            than a 4000th of a, and in float16 a + eps dE/da would be a again

In all three, sums are float32; float64 arrays are never rounded. Only conv2d and linear round: softmax, the loss,
pooling and PReLU move memory and gain nothing. Convolution is im2col then, as Winograd's sums of large terms that
cancel (ops/conv/winograd.py) would lose most of ten bits, and its saving in products is not needed.

Short exponents are a second problem. Gradients of the loss by activations are small, a mean over the batch spread
over all positions of a map, and what is below 3e-8 is 0 in float16. So the loss is multiplied by a large number
before backward, and the gradients of the weights, in float32, divided by it: optim/loss_scale.py.

The idea of all this: Micikevicius et al., "Mixed Precision Training", arXiv 1710.03740.

On the CPU the same is computed by rounding first: what a GPU would give, but for the order of sums and how its units
round a tie, and at no gain in speed.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from minidelve.backend.implementations import kernels_for
from minidelve.backend.setting import Setting

FACTORS = {"fp32": "fp32", "tf32": "tf32", "mixed": "fp16"}  # the kernels' name for what factors are rounded to
PRECISIONS = tuple(FACTORS)


_precision = Setting("fp32")


def using_precision(name: str) -> AbstractContextManager[None]:
    """Inside this block, conv2d and linear round their factors like this, forward and backward.

    Raises ValueError for another name.

    Not for several threads at once: the setting is the process's.
    """
    if name not in PRECISIONS:
        raise ValueError(f"precision {name!r} is unknown; expected one of {', '.join(PRECISIONS)}")
    return _precision.using(name)


def factors() -> str:
    """What factors are rounded to at present, in the kernels' words: "fp32", "tf32" or "fp16"."""
    return FACTORS[_precision.value]


def is_strict() -> bool:
    """Whether nothing is rounded."""
    return _precision.value == "fp32"


def as_factor(x: Any) -> Any:
    """x as it is kept to be a factor: in float16 when float32 factors are rounded to that, else x itself.

    What is beyond float16's range becomes infinite; the loss or a gradient then is not finite, which is looked for.
    """
    if factors() != "fp16" or x.dtype != np.float32:
        return x
    with np.errstate(over="ignore"):
        return x.astype(np.float16)


def matmul(x: Any, y: Any, out: Any = None) -> Any:
    """x (n, k) @ y (k, m), the factors rounded as said above: the products of conv2d and linear.

    On the CPU it stays on the core that calls it: callers share out the work.
    """
    if is_strict() and type(x) is np.ndarray:
        return np.matmul(x, y, out=out)
    return kernels_for(x, y).matmul(x, y, factors(), out=out)
