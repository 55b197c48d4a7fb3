"""Peak memory of a training or inference run, measured in a process of its own.

    python -m minidelve.bench.memory SIDE MODEL BATCH SIZE MODE STEPS

SIDE is minidelve, NCHW or channels_last.  Prints the peak resident memory in MB.  PyTorch's process holds our
network only while its twin is built, to copy the weights, and lets it go before the first step.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np

from minidelve.bench.networks import Job, our_side, their_side
from minidelve.threads import thread_count

STEPS = 3


def peak_in_own_process(side: str, job: Job, steps: int = STEPS) -> float:
    """Peak resident memory in MB of a new process that runs so many steps of one side."""
    options = [side, job.model, str(job.batch), str(job.size), job.mode, str(steps)]
    command = [sys.executable, "-m", "minidelve.bench.memory", *options]
    threads = dict.fromkeys(("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"), str(thread_count()))
    output = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | threads)
    return float(output.stdout)


def main(side: str, model: str, batch: str, size: str, mode: str, steps: str) -> None:
    """Run the steps, print the peak."""
    job = Job(model, int(batch), int(size), mode)
    network, step = our_side(job)
    if side != "minidelve":
        from minidelve.bench.twin import load_torch
        _, step = their_side(load_torch(thread_count()), job, network, side)
        for parameter in network.parameters():
            parameter.data = np.zeros(0, np.float32)
    for _ in range(int(steps)):
        step()
    print(peak_megabytes())


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
