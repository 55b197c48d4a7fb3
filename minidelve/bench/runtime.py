"""onnxruntime on the file that `minidelve export` writes: another way to run a network trained here.

The file starts from pixels and takes the mean and the deviation itself, which the other sides find done.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from minidelve.backend.threads import thread_count
from minidelve.bench.networks import CLASSES, Job
from minidelve.bench.same_work import BOUNDS, DifferentWork
from minidelve.bench.timing import Side
from minidelve.bench.twin import relative_difference
from minidelve.data import Statistics
from minidelve.errors import RunError
from minidelve.evaluation.crops import probabilities
from minidelve.interchange.to_onnx.model import IMAGES, onnx_model
from minidelve.models import Network
from minidelve.tensor import Tensor, no_grad

FEW = 4  # images on which both sides are compared


def load_runtime() -> Any:
    """The module; RunError if there is none."""
    try:
        import onnxruntime
    except ImportError as error:
        cure = "pip install onnxruntime 'minidelve[onnx]', or leave it out"
        raise RunError("--against onnxruntime: it is not installed", cure=cure) from error
    return onnxruntime


def statistics_of(job: Job) -> Statistics:
    """A mean image and a deviation such as a run has."""
    mean = np.random.default_rng(1).uniform(100, 140, (job.size, job.size, 3)).astype(np.float32)
    return Statistics(mean, 60.0)


def pixels_of(job: Job) -> np.ndarray:
    """Seeded images, uint8 (N, size, size, 3)."""
    return np.random.default_rng(0).integers(0, 256, (job.batch, job.size, job.size, 3), np.uint8)


def export(job: Job, network: Network, path: Path) -> None:
    """Write the network as `minidelve export` does."""
    names = [str(i) for i in range(CLASSES)]
    meta = {"config": {"model": job.model, "activation": "prelu"}, "classes": names, "class_names": names}
    path.write_bytes(onnx_model(network, statistics_of(job), meta).SerializeToString())


def runtime_side(runtime: Any, job: Job, path: Path) -> Side:
    """One forward pass of the exported file on the job's batch, on as many threads as ours takes now."""
    options = runtime.SessionOptions()
    options.intra_op_num_threads = thread_count()
    session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    pixels = pixels_of(job)
    return lambda: session.run(None, {IMAGES: pixels})[0]


def check_runtime(job: Job, network: Network, theirs: Side) -> float:
    """The relative difference of probabilities; DifferentWork above the bound of logits."""
    x = statistics_of(job).normalize(pixels_of(job)[:FEW]).transpose(0, 3, 1, 2)
    with no_grad():
        difference = relative_difference(probabilities(network(Tensor(x)).data), theirs()[:FEW])
    if not difference <= BOUNDS["fp32"].logits:
        raise DifferentWork(f"{job}: onnxruntime's probabilities differ by {difference:.2g} of their size")
    return difference
