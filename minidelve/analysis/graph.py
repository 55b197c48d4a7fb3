"""The graph of a computation as a picture (Graphviz).

    from minidelve import graph
    print(graph(loss))                 DOT text
    graph(loss, "loss.svg")            drawn, when the program `dot` is installed

Boxes are ops with the shape of their result, ellipses are leaves that want a gradient. Arrows point
the way the forward pass went; backward() walks them the other way.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from minidelve.tensor import Node, Tensor, reverse_topological_order, sources_of


def graph(tensor: Tensor, path: str | Path | None = None) -> str:
    """DOT text of everything `tensor` was computed from; with `path` also written there.

    A path that ends in .dot gets the text; any other ending (.svg, .png, .pdf) names the format that
    Graphviz is asked to draw. Raises RuntimeError when `dot` is not installed or does not know the format,
    and ValueError for a path without an ending, or after backward() has freed the graph.
    """
    if tensor.function is not None and tensor.function.freed:
        raise ValueError("graph: backward() has freed this graph; draw it first, or pass retain_graph=True")
    text = dot_text(tensor)
    if path is not None:
        draw(text, Path(path))
    return text


def dot_text(tensor: Tensor) -> str:
    """The graph in Graphviz's language, sources first."""
    nodes = reverse_topological_order(tensor.node)[::-1]
    name = {id(node): f"n{i}" for i, node in enumerate(nodes)}
    lines = ["digraph {", "  rankdir=TB", '  node [fontname="sans-serif", fontsize=10]']
    for node in nodes:
        lines.append(f"  {name[id(node)]} [{describe(node)}]")
        lines += [f"  {name[id(s)]} -> {name[id(node)]}" for s in sources_of(node) if s is not None]
    return "\n".join([*lines, "}"])


def describe(node: Node) -> str:
    """A node's label and form: an ellipse with a leaf's shape, a box with an op's name and output shape."""
    shape = " x ".join(map(str, node.shape)) or "scalar"
    title, form = (type(node).__name__, "ellipse" if isinstance(node, Tensor) else "box")
    return f'shape={form}, label="{title}\\n{shape}\\n{node.dtype}"'


def draw(text: str, path: Path) -> None:
    """Write DOT text to path, drawn by `dot` unless the ending is .dot."""
    if not path.suffix:
        raise ValueError(f"graph: {path} has no ending to tell the format; expected one like .svg, .png or .dot")
    if path.suffix == ".dot":
        path.write_text(text, encoding="utf-8")
        return
    if shutil.which("dot") is None:
        raise RuntimeError(f"graph: drawing {path} needs the program 'dot' (Debian package graphviz); use a .dot path")
    command = ["dot", f"-T{path.suffix[1:]}", "-o", str(path)]
    done = subprocess.run(command, input=text, capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode != 0:
        raise RuntimeError(f"graph: dot cannot draw {path}: {done.stderr.strip()}")
