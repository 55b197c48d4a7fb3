"""The .onnx file of a run: pixels go in, probabilities come out, and it says what it is.

    rgb_images, uint8 (N, s, s, 3) --(x - mean) / std--> layers --softmax--> probabilities, float32 (N, classes)

What belongs to the network is in the graph, so that nobody has to know how it was trained: the mean image or the
mean colour, the deviation, the layout. Cropping is left outside; the input's description says how the run was tested.
s is the side of a training crop. In a dense graph an image has any height and width, the layers are run as dense.py
says, and the softmax of each window is averaged over all of them.
"""

from __future__ import annotations

import json
from typing import Any, BinaryIO

import numpy as np

from minidelve import __version__, nn
from minidelve.backend.memory import readable
from minidelve.data import Statistics
from minidelve.errors import RunError
from minidelve.interchange.to_onnx.dense import add_dense_layers, add_mean
from minidelve.interchange.to_onnx.graph import IR, OPSET, Graph
from minidelve.interchange.to_onnx.layers import add_layers
from minidelve.models import Network
from minidelve.training.checkpoint import Checkpoint
from minidelve.training.views import testing_scale

IMAGES, PROBABILITIES = "rgb_images", "probabilities"
MOST_BYTES = 2**31 - 2**20  # a file of protobuf ends below 2 GiB; a little of it is for nodes and names


def write_onnx(file: BinaryIO, saved: Checkpoint, network: Network, dense: bool = False) -> str:
    """Write the file; returns a line that says what goes in and out.

    dense   a graph for images of any size that scores all their windows

    RunError for a network that an .onnx file cannot hold.
    """
    size = sum(parameter.data.nbytes for parameter in network.parameters()) + saved.mean.nbytes
    if size > MOST_BYTES:
        raise RunError(
            f"the network has {readable(size, round_up=True)} of weights",
            expected=f"at most {readable(MOST_BYTES)}, where an .onnx file ends",
            cure="export it as .safetensors, or train it with a smaller --fc or --width",
        )
    model = onnx_model(network, saved.statistics, saved.meta, dense)
    file.write(model.SerializeToString())
    images, p = model.graph.input[0], model.graph.output[0]
    return f"{images.name}, uint8 {shape_of(images)} -> {p.name}, float32 {shape_of(p)}"


def shape_of(value: Any) -> str:
    """The shape of an input or output as text, such as (N, 56, 56, 3)."""
    sizes = value.type.tensor_type.shape.dim
    return f"({', '.join(size.dim_param or str(size.dim_value) for size in sizes)})"


def onnx_model(network: nn.Sequential, statistics: Statistics, meta: dict[str, Any], dense: bool = False) -> Any:
    """The model: graph and metadata. RunError without the library onnx.

    meta    of the run's checkpoint: its config, classes and class_names
    dense   as in write_onnx
    """
    graph, crop = Graph(), len(statistics.mean)
    x = add_normalisation(graph, statistics, dense)
    add_network(graph, network, x, crop, dense)
    size = ["height", "width"] if dense else [crop, crop]
    images = graph.value(IMAGES, np.uint8, ["N", *size, 3], described(meta["config"], crop, dense))
    words = "of each class, in the order of class_names in the metadata"
    p = graph.value(PROBABILITIES, np.float32, ["N", len(meta["classes"])], words)
    return with_metadata(graph.onnx, graph.finished(meta["config"]["model"], [images], [p]), meta)


def add_normalisation(graph: Graph, statistics: Statistics, dense: bool) -> str:
    """From the input, uint8 (N, height, width, 3), to (x - mean) / std in float32 (N, 3, height, width); its name."""
    x = graph.node("Transpose", "planes", IMAGES, perm=[0, 3, 1, 2])
    mean = mean_of(statistics)
    mean_name = add_mean(graph, x, mean, len(statistics.mean)) if dense else graph.weight("mean", mean)
    x = graph.node("Cast", "numbers", x, to=graph.onnx.TensorProto.FLOAT)
    x = graph.node("Sub", "less_the_mean", x, mean_name)
    return graph.node("Div", "normalized", x, graph.weight("std", np.array(statistics.std, np.float32)))


def add_network(graph: Graph, network: nn.Sequential, x: str, crop: int, dense: bool) -> None:
    """From x, float32 (N, 3, height, width), to the output, probabilities (N, classes)."""
    layers = network.named_children()
    if not dense:
        graph.node("Softmax", PROBABILITIES, add_layers(graph, layers, x, (3, crop, crop)), axis=1)
        return
    logits = add_dense_layers(graph, layers, x, crop)  # (N, classes, rows of windows, columns of windows)
    p = graph.node("Softmax", "probabilities_of_windows", logits, axis=1)
    graph.node("ReduceMean", PROBABILITIES, p, axes=[2, 3], keepdims=0)


def mean_of(statistics: Statistics) -> np.ndarray:
    """The mean image (3, s, s); where all of its pixels are alike, one of them, which fits any image: (3, 1, 1)."""
    mean = statistics.mean.transpose(2, 0, 1)
    one = mean[:, :1, :1]
    return one if (mean == one).all() else mean


def described(config: dict[str, Any], crop: int, dense: bool) -> str:
    """What a stranger has to know of the input, as the file's description of it."""
    scale = testing_scale(crop, config.get("short_side"))
    if dense:
        return f"RGB pixels, rows from the top; any size of at least {crop} x {crop}"
    side = f"{'resized' if config.get('short_side') else 'shrunk if it is larger'}, bilinearly, to {scale.size}"
    return f"RGB pixels, rows from the top; the central crop of an image whose shorter side was {side} pixels"


def with_metadata(onnx: Any, graph: Any, meta: dict[str, Any]) -> Any:
    """The model of a graph, with what it says about itself."""
    opset = onnx.helper.make_opsetid("", OPSET)
    producer = {"producer_name": "minidelve", "producer_version": __version__}
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=IR, **producer)
    config = meta["config"]
    about = {
        "minidelve_version": __version__,
        "model": config["model"],
        "activation": config["activation"],
        "classes": json.dumps(meta["classes"]),  # ASCII: a folder's name may have bytes that no UTF-8 holds
        "class_names": json.dumps(meta["class_names"]),
    }
    onnx.helper.set_model_props(model, about)
    return model
