"""What a run of `minidelve bench` is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from minidelve.bench.networks import Job


@dataclass(frozen=True)
class Options:
    """What to measure, and how.

    cases     names of kernels and ops
    kernels   folders of kernels of the device: the first serves everything, the others are timed beside it
    compiled  also torch.compile
    file      for every figure, as JSON
    """

    device: str
    precision: str
    kernels: Sequence[str]
    cases: Sequence[str] = ()
    jobs: Sequence[Job] = ()
    against: bool = False
    compiled: bool = False
    rounds: int = 7
    memory: bool = True
    profile: bool = False
    file: Path | None = None
