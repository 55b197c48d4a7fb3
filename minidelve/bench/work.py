"""The work of one call of a kernel: what no implementation of the same arithmetic can avoid.

    bytes   of all arrays that go in and come out, each once
    flops   products and additions, of matrix products alone

Declared here and nowhere else: cases, the profile of a step and the tables ask `work_of`. A rate is held against the
limit that binds: flops against products, bytes against a copy. A share of 1 is what the same arithmetic cannot pass
(Winograd convolution does other arithmetic, and can).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

COPY = "copy"  # the limit of what computes little; those of products are named by their precision

# Of a matrix product, from its result f and its arguments.
FLOPS: dict[str, Callable[..., float]] = {
    "matmul": lambda f, x, y, *_: 2.0 * x.size * y.shape[-1],
    "products": lambda f, x, y, *_: 2.0 * x.size * y.shape[-1],
    "transposed_products": lambda f, x, y, *_: 2.0 * x.size * y.shape[-1],
    "correlate": lambda f, x, W, *_: 2.0 * f.size * len(W),
    "correlate_weight": lambda f, x, df, kernel, *_: 2.0 * df.size * kernel[0] * kernel[1] * x.shape[-1],
}
UPDATED = {"momentum_step": 2}  # the first arguments of a kernel that are read and also written in place
ROUNDED = ("matmul",)  # the products whose factors are in the precision of the run; the others stay in float32


class Work(NamedTuple):
    """Floating point operations, and bytes read and written."""

    flops: float = 0.0
    bytes: float = 0.0

    @property
    def amount(self) -> float:
        """What binds: a product's flops, the bytes of anything else."""
        return self.flops or self.bytes

    def limit(self, precision: str) -> str:
        """The name of the limit that binds, for products in this precision."""
        return precision if self.flops else COPY

    def rate(self, seconds: float) -> tuple[float, str]:
        """1e9 a second, and the unit."""
        return self.amount / seconds / 1e9, "GFLOP/s" if self.flops else "GB/s"


def work_of(name: str, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> Work:
    """The work of a call of the kernel `name`, or of another function on arrays.

    >>> import numpy as np
    >>> x = np.zeros((2, 3), np.float32)
    >>> work_of("matmul", (x, x.T), {}, np.zeros((2, 2), np.float32))
    Work(flops=24.0, bytes=64.0)
    >>> work_of("prelu_forward", (x, x[0]), {"out": x}, x)
    Work(flops=0.0, bytes=60.0)
    """
    inputs = arrays_in(args, [value for key, value in kwargs.items() if key != "out"])
    outputs = {id(x): x for x in arrays_in(kwargs.get("out"), result, args[: UPDATED.get(name, 0)])}
    flops = FLOPS[name](result, *args) if name in FLOPS else 0.0
    return Work(flops, float(sum(x.nbytes for x in (*inputs, *outputs.values()))))


def precision_of(name: str, precision: str) -> str:
    """The precision of a kernel's products in a run that has this one."""
    return precision if name in ROUNDED else "fp32"


def arrays_in(*values: Any) -> list[Any]:
    """The arrays among these values, and in tuples and lists among them."""
    found = []
    for value in values:
        if isinstance(value, tuple | list):
            found += arrays_in(*value)
        elif hasattr(value, "nbytes") and hasattr(value, "strides"):
            found.append(value)
    return found
