"""What computes: `--kernels` and `--algorithm`, checked and put into effect.

By default each device has its fastest kernels and each conv layer its fastest algorithm. A reader who wants to see the
plain ones at work, or to break a line and watch, asks for them by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from minidelve.backend import DEVICE_OF, chosen, use
from minidelve.errors import RunError
from minidelve.ops.conv.choice import asked, using_algorithm

_asked_for: dict[str, Any] = {}


@contextmanager
def computing_with(kernels: str | None = None, algorithm: str = "auto", device: str = "cpu") -> Iterator[None]:
    """Inside this block these kernels serve the device, and conv layers that can be computed so are by this algorithm.

    None and "auto" leave what is in effect. RunError for kernels of another device, or that cannot run here.
    """
    if kernels is not None and DEVICE_OF[kernels] != device:
        others = " or ".join(name for name, home in DEVICE_OF.items() if home == device)
        found = f"--kernels {kernels} compute on {DEVICE_OF[kernels]}, and --device is {device}"
        raise RunError(found, expected=others)
    try:
        kernels_used = use(kernels) if kernels is not None else nullcontext()
    except (ImportError, RuntimeError) as error:
        raise RunError(f"--kernels {kernels}: {error}") from error
    before = dict(_asked_for)
    _asked_for.update({"kernels": kernels} if kernels else {})
    _asked_for.update({"algorithm": algorithm} if algorithm != "auto" else {})
    try:
        with kernels_used, using_algorithm(asked() if algorithm == "auto" else algorithm):
            yield
    finally:
        _asked_for.clear()
        _asked_for.update(before)


def asked_for() -> dict[str, Any]:
    """The kernels and the algorithm that were asked for by name: what must not be mixed up with the usual ones."""
    return dict(_asked_for)


def described(device: str) -> str:
    """Such as: kernels/numba_cpu, conv layers by im2col."""
    return f"kernels/{chosen(device)}, conv layers by {'their fastest algorithm' if asked() == 'auto' else asked()}"
