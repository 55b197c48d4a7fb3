"""What an exported graph computes, in onnxruntime, beside what is computed here."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minidelve import Tensor, data, models
from minidelve.interchange.to_onnx.graph import IR, OPSET, Graph

onnx = pytest.importorskip("onnx", reason="onnx is not installed: nothing to write a graph with")
runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: nothing to run a graph with")

CROP = 32
CLASSES = [f"n0{i}" for i in range(5)]
NAMES = ["goldfish, Carassius auratus", "île", "caf\udce9", "b", "c"]


def meta_of(activation: str = "prelu") -> dict[str, Any]:
    """As much of a run's meta as an export reads."""
    return {"config": {"model": "lab14", "activation": activation}, "classes": CLASSES, "class_names": NAMES}


def network_of(activation: str, **options: Any) -> models.Network:
    """A small lab14 in evaluation mode, sure of answers that differ, whose biases are not 0 and whose slopes differ."""
    rng = np.random.default_rng(7)
    net = models.create("lab14", len(CLASSES), activation, seed=3, **{"width": 0.25, "fc": 32} | options)
    for name, p in net.named_parameters():
        if name.endswith(".bias"):
            p.data += 0.1 * rng.standard_normal(p.shape, np.float32)
        if name.endswith(".a"):
            p.data += rng.uniform(-0.4, 0.4, p.shape).astype(np.float32)
    net.eval()
    x = (images(16).transpose(0, 3, 1, 2).astype(np.float32) - 120) / 60
    logits = net(Tensor(x)).data
    share = 3 / logits.std(axis=0)  # random layers answer nearly alike to all images
    net.fc3.weight.data *= share[:, None]
    net.fc3.bias.data = (net.fc3.bias.data - logits.mean(axis=0)) * share
    return net


@pytest.fixture(scope="session")
def statistics() -> data.Statistics:
    """A mean image with structure, so that a mean that is turned, moved or left out is noticed."""
    mean = np.random.default_rng(8).uniform(60, 180, (CROP, CROP, 3)).astype(np.float32)
    return data.Statistics(mean, 60.0)


def images(count: int, height: int = CROP, width: int = CROP) -> np.ndarray:
    """Blobs, uint8 (count, height, width, 3)."""
    coarse = np.random.default_rng(height).integers(0, 256, (count, height // 4 + 1, width // 4 + 1, 3))
    return np.kron(coarse, np.ones((1, 4, 4, 1)))[:, :height, :width].astype(np.uint8)


def run(model: Any, x: np.ndarray) -> np.ndarray:
    """What onnxruntime makes of the first input: the first output. `model` is a model or the path of one."""
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    content = str(model) if isinstance(model, Path) else model.SerializeToString()
    session = runtime.InferenceSession(content, options)
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def run_nodes(add: Callable[[Graph, str], str], x: np.ndarray) -> np.ndarray:
    """What the nodes that add(graph, "x") makes compute of x."""
    graph = Graph()
    y = add(graph, "x")
    values = [graph.value(name, np.float32, ["N", *["?"] * rest], "") for name, rest in (("x", x.ndim - 1), (y, 0))]
    values[1].type.tensor_type.ClearField("shape")
    made = graph.finished("test", values[:1], values[1:])
    opset = onnx.helper.make_opsetid("", OPSET)
    return run(onnx.helper.make_model(made, opset_imports=[opset], ir_version=IR), x)
