"""Nodes and weights under readable names, collected until they are a graph.

An ONNX graph is a list of nodes, each of which computes one thing. Nothing is computed while it is written: a value is
known by its name alone, and a node says which names it reads and which one it makes. So what is an array x in ops/ is
the name of a value here, x: str.

    graph = Graph()
    x = graph.node("Relu", "conv1_act", "conv1")      # conv1_act = Relu(conv1); x is now "conv1_act"
    x = graph.node("Flatten", "flat", x, axis=1)      # flat = Flatten(conv1_act)

Every value is called after the layer that makes it, and every weight as in state_dict(): whoever opens the file in a
viewer finds the paper's tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidelve.interchange.libraries import library

# The versions of the list of nodes and of the file. These are the newest that an onnxruntime of 2023 reads; the
# library's own defaults are those of its release. NOTE: in opset 17 the axes of ReduceMax and ReduceMean are
# attributes; in 18 they are inputs.
OPSET, IR = 17, 8
LAST = np.iinfo(np.int64).max  # as the end of a slice: to the end


class Graph:
    """A graph under construction. RunError without the library onnx."""

    def __init__(self) -> None:
        self.onnx = library("onnx", "onnx", "an .onnx file")
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def node(self, kind: str, name: str, *inputs: str, **attributes: Any) -> str:
        """Add a node that reads `inputs`, names of values. The value that it makes has its name, which is returned.

        kind   such as "MaxPool"; https://onnx.ai/onnx/operators lists them and their attributes
        """
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), [name], name, **attributes))
        return name

    def weight(self, name: str, values: np.ndarray) -> str:
        """Add an array that the graph holds; returns its name."""
        self.weights.append(self.onnx.numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def integers(self, name: str, values: Sequence[int]) -> str:
        """Add a list of integers, such as a shape; returns its name."""
        return self.weight(name, np.array(values, np.int64))

    def slice(self, name: str, x: str, axes: Sequence[int], starts: Sequence[int], ends: Sequence[int]) -> str:
        """Add x[starts:ends] along some axes; returns its name. An end below 0 counts from the end, LAST is the end."""
        parts = {"starts": starts, "ends": ends, "axes": axes}
        return self.node("Slice", name, x, *(self.integers(f"{name}.{part}", parts[part]) for part in parts))

    def value(self, name: str, dtype: Any, shape: Sequence[int | str], words: str) -> Any:
        """An input or output; a text in its shape stands for any size."""
        kind = self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.onnx.helper.make_tensor_value_info(name, kind, list(shape), words)

    def finished(self, name: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> Any:
        """The graph."""
        return self.onnx.helper.make_graph(self.nodes, name, list(inputs), list(outputs), self.weights)
