"""How a training step grows with the batch, the image and the depth.

    python examples/growth.py               five minutes: small14 at 224 pixels; small30 and model_b for the depth
    python examples/growth.py lab14 56 8    the image of lab14, up to 56 pixels, and batches up to 8

Each line is a process of its own: the median time of a step (of 5, after two to warm up), that time per image and
per 10^9 multiply-adds of the conv and fully connected layers (forward), and the peak of resident memory. Where the
work is linear, the time per multiply-add stays the same.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from minidelve import models
from minidelve.analysis.summary import summarize
from minidelve.backend.memory import peak_resident
from minidelve.bench.networks import Job, our_side


def jobs(model: str, size: int, largest: int) -> Iterator[tuple[str, list[Job]]]:
    """(what grows, the steps to take)."""
    yield "batch", [Job(model, batch, size, "training") for batch in (8, 16, 32, 64, 128) if batch <= largest]
    sides = (64, 128, 192, 256, 320) if size == 224 else (size // 2, size)
    yield "image", [Job(model, min(16, largest), side, "training") for side in sides]
    if size == 224:
        yield "depth", [Job(name, 4, size, "training") for name in ("small14", "model_b", "small30")]


def measure(job: Job) -> None:
    """In a process of its own: take the steps and print a line."""
    network, step = our_side(job)
    times = []
    for _ in range(7):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    seconds = statistics.median(times[2:])
    work = job.batch * sum(layer.multiply_adds for layer in summarize(network, job.size)) / 1e9
    layers = sum(layer.kind in ("Conv2d", "Linear") for layer in summarize(network, job.size))
    print(
        f"{job.model:<8}{layers:3d} layers  batch{job.batch:4d}  {job.size:3d} px  {seconds:8.3f} s"
        f"  {1e3 * seconds / job.batch:8.1f} ms an image  {seconds / work:7.4f} s per 10^9"
        f"  {peak_resident() / 2**20:6.0f} MB"
    )


def main(model: str = "small14", size: int = 224, largest: int = 128) -> None:
    """Print the tables."""
    if model not in models.TABLES:
        raise SystemExit(f"model {model!r} is unknown; expected one of: {', '.join(models.TABLES)}")
    for what, steps in jobs(model, size, largest):
        print(f"\n{what}", flush=True)
        for job in steps:
            call = f"import growth; growth.measure(growth.Job({job.model!r}, {job.batch}, {job.size}, 'training'))"
            subprocess.run([sys.executable, "-c", call], check=True, cwd=Path(__file__).resolve().parent)


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:4]))
