"""One run of `minidelve bench`: what it measures against, and every figure it has found."""

from __future__ import annotations

import gc
import json
import os
import time
from typing import Any

from minidelve.backend import cupy_module
from minidelve.backend.threads import thread_count
from minidelve.bench.inference import inference_table
from minidelve.bench.machine import cpu_meter, gpu_meter
from minidelve.bench.runtime import load_runtime
from minidelve.bench.same_work import DifferentWork
from minidelve.bench.tables import Options, kernel_table, op_table, time_steps, trace_memory
from minidelve.bench.twin import load_torch
from minidelve.disk.files import disk_errors, write_whole
from minidelve.progress import say
from minidelve.training.versions import versions


class Report:
    """The run. RunError where PyTorch or onnxruntime is asked for and cannot be used."""

    def __init__(self, options: Options):
        self.options = options
        self.refused: list[str] = []  # why there is no ratio where there should be one
        self.torch = load_torch(thread_count(), options.device) if options.against else None
        self.runtime = load_runtime() if options.runtime else None
        self.meter = cpu_meter() if options.device == "cpu" else gpu_meter()
        sides = {"torch": self.torch, "onnxruntime": self.runtime}
        described = versions() | {name: side.__version__ for name, side in sides.items() if side}
        where = self.meter.name
        if options.device == "cuda":
            described["cupy"] = cupy_module().__version__
            where += f"\nkernels {options.kernels[0]}, precision {options.precision}"
        say(
            f"{where}, "
            + ", ".join(f"{name} {version}" for name, version in described.items())
            + f"\nlimits: {self.meter.summary}"
            + "\n'of limit' is against the limit in the same round: above 100% where an algorithm needs fewer"
            + "\noperations than are counted (Winograd), or where the caches hold it all"
            + ("\nratios are their time over ours: above 1 minidelve is faster" if any(sides.values()) else "")
        )
        self.figures: dict[str, Any] = {
            "device": "cpu" if options.device == "cpu" else self.meter.name,
            "kernels": options.kernels[0],
            "precision": options.precision,
            "threads": thread_count(),
            "versions": described,
            "limits": self.meter.figures,
            "started": time.strftime("%Y-%m-%d %H:%M"),
            "cores": os.cpu_count(),
            "cases": [],
            "networks": [],
            "inference": [],
        }

    def kernels(self) -> None:
        """Every kernel, alone."""
        self._keep("cases", kernel_table(self.options, self.meter))

    def ops(self) -> None:
        """Every op, beside PyTorch's if asked."""
        self._keep("cases", op_table(self.options, self.meter, self.torch, self.refused))

    def networks(self) -> None:
        """Whole steps of each network."""
        for job in self.options.jobs:
            try:
                figures = time_steps(job, self.options, self.meter, self.torch)
            except DifferentWork as error:
                self.refused.append(str(error))
                continue
            self._release()
            if job.mode == "training" and self.options.memory:
                trace_memory(job, self.options, figures)
            self._keep("networks", [figures])

    def inference(self) -> None:
        """Forward passes alone, on one thread and on all."""
        self._keep("inference", inference_table(self.options, self.torch, self.runtime, self.refused))

    def _keep(self, kind: str, found: Any) -> None:
        """Keep each figure as it is found, and free its arrays."""
        for figures in found:
            self.figures[kind].append(figures)
            self.save()
        self._release()

    def _release(self) -> None:
        """Give the device what neither library needs any more: each keeps what it freed, and the other lacks it."""
        self.meter.release()
        if self.options.device == "cuda":
            gc.collect()
            cupy_module().get_default_memory_pool().free_all_blocks()
            if self.torch:
                self.torch.cuda.empty_cache()

    def save(self) -> None:
        """Write every figure so far to the file, so that an interruption loses none."""
        if self.options.file:
            with disk_errors(f"--json {self.options.file}", "name another file"):
                write_whole(self.options.file, json.dumps(self.figures, indent=2) + "\n")
