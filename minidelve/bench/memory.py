"""Peak memory of a training or inference run, measured in a process of its own.

Megabytes (2^20 bytes) by kind:

    resident     on the CPU: the peak resident memory of the process
    reserved     on CUDA: what the library's memory pool had taken from the device at most, CuPy's or PyTorch's
    allocated    on CUDA, PyTorch only: what of it was in tensors at the highest moment

Like is compared with like: reserved with reserved. Neither counts the CUDA context, which is the same for both.
PyTorch's does count the workspaces of cuBLAS and cuDNN, which it takes from its pool; CuPy leaves cuBLAS's to cuBLAS.
One step is taken before anything is measured: in it cuDNN tries algorithms that it then does not use.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from minidelve.backend import use
from minidelve.backend.memory import peak_memory, peak_resident
from minidelve.backend.threads import thread_count
from minidelve.bench.networks import Job, our_side, their_side
from minidelve.bench.runtime import load_runtime, runtime_side
from minidelve.bench.timing import Side
from minidelve.bench.twin import load_torch
from minidelve.errors import RunError

STEPS = 3
MEGABYTE = 1 << 20
MINIDELVE, ONNXRUNTIME = "minidelve", "onnxruntime"


def peak_in_own_process(
    side: str, job: Job, steps: int = STEPS, kernels: str = "", file: Path | None = None
) -> dict[str, float]:
    """Peak memory in MB, by kind, of a new process that runs some steps of one side; RunError if it could not.

    side      "minidelve", "onnxruntime", or PyTorch's layout: "NCHW" or "channels_last"
    kernels   the folder that serves our side; empty for the device's usual one
    file      the exported network, for onnxruntime
    """
    work = json.dumps({"side": side, "job": asdict(job), "steps": steps, "kernels": kernels, "file": str(file)})
    command = [sys.executable, "-m", "minidelve.bench.memory", work]
    threads = dict.fromkeys(("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"), str(thread_count()))
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", env=os.environ | threads)
    if done.returncode:
        why = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise RunError(f"{job}: the process that measures the memory of {side} failed ({why})", cure="try --no-memory")
    return json.loads(done.stdout)


def peaks(side: str, job: Job, count: int, file: Path) -> dict[str, float]:
    """The peaks over `count` steps of one side, by kind, in MB."""
    torch = None
    if side == MINIDELVE:
        _, step = our_side(job)
    elif side == ONNXRUNTIME:
        step = runtime_side(load_runtime(), job, file)
    else:
        torch = load_torch(thread_count(), job.device)
        network, _ = our_side(replace(job, device="cpu"))
        _, step = their_side(torch, job, network, side)
        for parameter in network.parameters():
            parameter.data = np.zeros(0, np.float32)  # needed for the copy alone: it is not part of their memory

    def steps() -> None:
        for _ in range(count):
            step()

    if job.device == "cpu":
        steps()
        return {"resident": peak_resident() / MEGABYTE}
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


if __name__ == "__main__":
    work = json.loads(sys.argv[1])
    with use(work["kernels"]) if work["kernels"] else nullcontext():
        print(json.dumps(peaks(work["side"], Job(**work["job"]), work["steps"], Path(work["file"]))))
