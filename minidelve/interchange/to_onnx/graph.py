"""Nodes and weights under readable names, collected until they are a graph.

Every value in the graph is called after the layer that makes it, and every weight as in state_dict(): whoever opens the
file in a viewer finds the paper's tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidelve.interchange.libraries import library

# The newest ones that an onnxruntime of 2023 reads. The library's own defaults are those of its release.
OPSET, IR = 17, 8
LAST = np.iinfo(np.int64).max  # as the end of a slice: to the end


class Graph:
    """A graph under construction. RunError without the library onnx."""

    def __init__(self) -> None:
        self.onnx = library("onnx", "onnx", "an .onnx file")
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def node(self, kind: str, name: str, *inputs: str, **attributes: Any) -> str:
        """Add a node; its output is called as itself."""
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), [name], name, **attributes))
        return name

    def weight(self, name: str, values: np.ndarray) -> str:
        """Add an array that the graph holds."""
        self.weights.append(self.onnx.numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def integers(self, name: str, values: Sequence[int]) -> str:
        """Add a list of integers, such as a shape."""
        return self.weight(name, np.array(values, np.int64))

    def slice(self, name: str, x: str, axes: Sequence[int], starts: Sequence[int], ends: Sequence[int]) -> str:
        """Add x[starts:ends] along some axes. An end below 0 counts from the end, LAST is the end."""
        parts = {"starts": starts, "ends": ends, "axes": axes}
        return self.node("Slice", name, x, *(self.integers(f"{name}.{part}", parts[part]) for part in parts))

    def value(self, name: str, dtype: Any, shape: Sequence[int | str], words: str) -> Any:
        """An input or output; a text in its shape stands for any size."""
        kind = self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.onnx.helper.make_tensor_value_info(name, kind, list(shape), words)

    def finished(self, name: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> Any:
        """The graph."""
        return self.onnx.helper.make_graph(self.nodes, name, list(inputs), list(outputs), self.weights)
