"""Peak memory of a training or inference run, measured in a process of its own.

    python -m minidelve.bench.memory SIDE MODEL BATCH SIZE MODE STEPS [DEVICE PRECISION KERNELS]

SIDE is minidelve, NCHW or channels_last.  Prints a JSON object of megabytes (2^20 bytes):

    resident     on the CPU: the peak resident memory of the process
    reserved     on CUDA: what the library's memory pool had taken from the device at most, CuPy's or PyTorch's
    allocated    on CUDA, PyTorch only: what of it was in tensors at the highest moment

Like is compared with like: reserved with reserved.  Neither counts the CUDA context (some hundred MB, the same for
both).  PyTorch's does count the workspaces of cuBLAS and cuDNN, which it takes from its pool; CuPy leaves cuBLAS's to
cuBLAS.  One step is taken before anything is measured: in it cuDNN tries algorithms that it then does not use.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from minidelve.backend import use
from minidelve.backend.memory import peak_memory
from minidelve.backend.threads import thread_count
from minidelve.bench.networks import Job, our_side, their_side
from minidelve.bench.timing import Side
from minidelve.errors import RunError

STEPS = 3
MEGABYTE = 1 << 20


def peak_in_own_process(side: str, job: Job, steps: int = STEPS, kernels: str = "") -> dict[str, float]:
    """Peak memory in MB, by kind, of a new process that runs so many steps of one side; RunError if it could not.

    kernels   the folder that serves our side; empty for the device's usual one
    """
    options = [side, job.model, str(job.batch), str(job.size), job.mode, str(steps), job.device, job.precision, kernels]
    command = [sys.executable, "-m", "minidelve.bench.memory", *options]
    threads = dict.fromkeys(("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"), str(thread_count()))
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | threads)
    if done.returncode:
        why = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise RunError(f"{job}: the process that measures the memory of {side} failed ({why}); try --no-memory")
    return json.loads(done.stdout)


def main(
    side: str,
    model: str,
    batch: str,
    size: str,
    mode: str,
    steps: str,
    device: str = "cpu",
    precision: str = "fp32",
    kernels: str = "",
) -> None:
    """Run the steps, print the peak."""
    job = Job(model, int(batch), int(size), mode, device, precision)
    with use(kernels) if kernels else nullcontext():
        print(json.dumps(peaks(side, job, int(steps))))


def peaks(side: str, job: Job, count: int) -> dict[str, float]:
    """Take so many steps and see."""
    network, step = our_side(job if side == "minidelve" else replace(job, device="cpu"))
    torch = None
    if side != "minidelve":
        from minidelve.bench.twin import load_torch

        torch = load_torch(thread_count(), job.device)
        _, step = their_side(torch, job, network, side)
        for parameter in network.parameters():
            parameter.data = np.zeros(0, np.float32)  # was there to be copied; is none of theirs

    def steps() -> None:
        for _ in range(count):
            step()

    if job.device == "cpu":
        steps()
        return {"resident": peak_megabytes()}
    step()
    return {"reserved": peak_memory(steps) / MEGABYTE} if torch is None else torch_peaks(torch, steps)


def torch_peaks(torch: Any, steps: Side) -> dict[str, float]:
    """What PyTorch's memory pool says of these steps."""
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    steps()
    torch.cuda.synchronize()
    peaks = {"reserved": torch.cuda.max_memory_reserved(), "allocated": torch.cuda.max_memory_allocated()}
    return {name: size / MEGABYTE for name, size in peaks.items()}


def peak_megabytes() -> float:
    """The largest resident memory this process has had.

    Not ru_maxrss where Linux tells better: that one starts at what the *parent* had when it forked.
    """
    try:
        status = Path("/proc/self/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
