"""The graph of a computation as a picture.

    loss.graph()                       in a notebook: the picture
    print(loss.graph())                its text in Graphviz's language, DOT
    graph(loss, "loss.svg")            the picture as a file; other formats need the program `dot`

Boxes are ops with the shape of their result, round ones are leaves that want a gradient. Arrows point
the way the forward pass went; backward() walks them the other way.

A convolution bears the name of its algorithm, such as Direct2d or Winograd2d (ops/conv/choice.py). The PReLU behind it
is in it where both were computed at once: its slopes then lead into that box. Where the conv layers of a network ran on
shares of the batch (parallel/shares.py), the ops of one share are shown.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from minidelve import nn
from minidelve.analysis.drawing import Box, svg
from minidelve.parallel.shares import InShares
from minidelve.tensor import Node, Tensor, reverse_topological_order, sources_of


class Graph(str):
    """The text of a graph in Graphviz's language; a notebook shows it as a picture."""

    boxes: list[Box]
    sources: list[list[int]]  # the numbers of each box's sources

    def __new__(cls, boxes: list[Box], sources: list[list[int]]) -> Graph:
        self = super().__new__(cls, dot_text(boxes, sources))
        self.boxes, self.sources = boxes, sources
        return self

    def svg(self) -> str:
        """The picture as SVG."""
        return svg(self.boxes, self.sources)

    _repr_svg_ = svg


def graph(tensor: Tensor, path: str | Path | None = None, network: nn.Module | None = None) -> Graph:
    """Everything that `tensor` was computed from: DOT text, which a notebook shows as a picture.

    path      where to write it, too: .svg is drawn here, .dot gets the text; any other ending (.png, .pdf) names the
              format that Graphviz is asked to draw
    network   its parameters get their names, such as conv1.weight

    Raises RuntimeError when `dot` is not installed or does not know the format, and ValueError for a path without an
    ending, or after backward() has freed the graph.
    """
    if tensor.function is not None and tensor.function.freed:
        raise ValueError("graph: backward() has freed this graph; draw it first, or pass retain_graph=True")
    names = {} if network is None else {id(p): name for name, p in network.named_parameters()}
    nodes, sources = nodes_of(tensor)
    drawn = Graph([box(node, names) for node in nodes], sources)
    if path is not None:
        draw(drawn, Path(path))
    return drawn


def nodes_of(tensor: Tensor) -> tuple[list[Node], list[list[int]]]:
    """The nodes, sources first, and the numbers of each one's sources; shares of a batch are opened."""
    nodes: list[Node] = []
    sources: list[list[int]] = []
    number: dict[int, int] = {}
    for node in reverse_topological_order(tensor.node)[::-1]:
        outer = [number.get(id(source)) if source is not None else None for source in sources_of(node)]
        if isinstance(node, InShares) and node.passes:
            *_, start, own, y = node.passes[0]
            number |= {id(leaf): n for leaf, n in zip((start, *own), outer, strict=True) if n is not None}
            for inner in reverse_topological_order(y.node)[::-1]:
                if id(inner) not in number:
                    number[id(inner)] = len(nodes)
                    nodes.append(inner)
                    sources.append([number[id(s)] for s in sources_of(inner) if s is not None])
            outer = [number[id(y.node)]]
        number[id(node)] = len(nodes)
        nodes.append(node)
        sources.append([n for n in outer if n is not None])
    return nodes, sources


def box(node: Node, names: dict[int, str]) -> Box:
    """What is written on a node: its op's or its kind's name, or the name that it has, and its shape."""
    shape = " x ".join(map(str, node.shape)) or "scalar"
    return Box(names.get(id(node), type(node).__name__), shape, str(node.dtype), isinstance(node, Tensor))


def dot_text(boxes: Sequence[Box], sources: Sequence[Sequence[int]]) -> str:
    """The graph in Graphviz's language, sources first."""
    lines = ["digraph {", "  rankdir=TB", '  node [fontname="sans-serif", fontsize=10]']
    for i, (title, shape, dtype, leaf) in enumerate(boxes):
        form = "ellipse" if leaf else "box"
        lines.append(f'  n{i} [shape={form}, label="{title}\\n{shape}\\n{dtype}"]')
        lines += [f"  n{source} -> n{i}" for source in sources[i]]
    return "\n".join([*lines, "}"])


def draw(drawn: Graph, path: Path) -> None:
    """Write the graph to path: its text for .dot, our picture for .svg, one by `dot` for other endings."""
    if not path.suffix:
        raise ValueError(f"graph: {path} has no ending to tell the format; expected one like .svg, .png or .dot")
    if path.suffix in (".dot", ".svg"):
        path.write_text(drawn if path.suffix == ".dot" else drawn.svg(), encoding="utf-8")
        return
    if shutil.which("dot") is None:
        raise RuntimeError(f"graph: drawing {path} needs the program 'dot' (Debian package graphviz); use a .svg path")
    command = ["dot", f"-T{path.suffix[1:]}", "-o", str(path)]
    done = subprocess.run(command, input=drawn, capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode != 0:
        raise RuntimeError(f"graph: dot cannot draw {path}: {done.stderr.strip()}")
