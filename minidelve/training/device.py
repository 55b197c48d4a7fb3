"""What a user is told when the device that was asked for is missing or full."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from minidelve.backend import cuda_state
from minidelve.backend.memory import LESS, explain_out_of_memory
from minidelve.errors import RunError


def check_device(device: str) -> None:
    """RunError when CUDA is asked for and cannot be used."""
    usable, why = cuda_state() if device == "cuda" else (True, "")
    if not usable:
        raise RunError(f"--device cuda: {why}", cure="use --device cpu, or see `minidelve doctor`")


@contextmanager
def within_device_memory(batch_size: int | None = None, less: str = LESS) -> Iterator[None]:
    """RunError with figures when the device's memory is full; `less` is what may be changed to need less of it."""
    try:
        yield
    except Exception as error:
        line = explain_out_of_memory(error, batch_size, less)
        if line is None:
            raise
        raise RunError(line) from error
