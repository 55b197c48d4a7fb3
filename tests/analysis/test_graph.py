"""The graph as a picture: every op and leaf once, arrows the way the forward pass went."""

import re
import shutil
import subprocess

import numpy as np
import pytest

from minidelve import Tensor, graph
from minidelve.analysis import graph as picture


@pytest.fixture
def loss() -> Tensor:
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    w = Tensor(np.ones((3, 4), np.float32), requires_grad=True)
    hidden = x @ w
    return (hidden * hidden + Tensor(np.ones(4))).sum()


def test_each_op_and_leaf_appears_once_and_arrows_lead_to_results(loss):
    text = graph(loss)
    nodes = re.findall(r'(n\d+) \[shape=(\w+), label="(.*)"', text)
    assert sorted(node[1:] for node in nodes) == sorted([
        ("ellipse", r"Tensor\n2 x 3\nfloat64"), ("ellipse", r"Tensor\n3 x 4\nfloat32"),
        ("box", r"MatMul\n2 x 4\nfloat64"), ("box", r"Multiply\n2 x 4\nfloat64"),
        ("box", r"Add\n2 x 4\nfloat64"),  # the constant beside it wants no gradient: no node
        ("box", r"Sum\nscalar\nfloat64"),
    ])  # fmt: skip
    op = {node: label.split(r"\n")[0] for node, _, label in nodes}
    arrows = [(op[tail], op[head]) for tail, head in re.findall(r"(n\d+) -> (n\d+)", text)]
    assert sorted(arrows) == sorted([
        ("Tensor", "MatMul"), ("Tensor", "MatMul"), ("MatMul", "Multiply"), ("MatMul", "Multiply"),  # used twice
        ("Multiply", "Add"), ("Add", "Sum"),
    ])  # fmt: skip
    assert len({tail for tail, _ in re.findall(r"(n\d+) -> (n\d+)", text)}) == len(nodes) - 1


def test_drawing_changes_nothing_and_works_for_long_chains():
    x = Tensor([1.0], requires_grad=True)
    y = x
    for _ in range(3000):
        y = -y
    assert graph(y).count("Negate") == 3000
    y.backward()
    assert x.grad == 1


def test_a_freed_graph_raises_and_names_the_cure(loss):
    loss.backward()
    with pytest.raises(ValueError, match="freed this graph.*retain_graph=True"):
        graph(loss)


def test_dot_text_is_written_without_graphviz(loss, tmp_path):
    text = graph(loss, tmp_path / "loss.dot")
    assert (tmp_path / "loss.dot").read_text() == text and text.startswith("digraph {") and text.endswith("}")


def test_an_svg_is_drawn_without_graphviz_and_shown_by_a_notebook(loss, tmp_path, monkeypatch):
    monkeypatch.setattr(picture.shutil, "which", lambda program: None)
    drawn = graph(loss, tmp_path / "loss.svg")
    assert (tmp_path / "loss.svg").read_text() == drawn._repr_svg_() == loss.graph().svg()
    assert drawn._repr_svg_().startswith("<svg ") and "MatMul" in drawn.svg()


def test_other_pictures_need_graphviz_and_an_ending(loss, tmp_path, monkeypatch):
    monkeypatch.setattr(picture.shutil, "which", lambda program: None)
    with pytest.raises(RuntimeError, match=r"loss\.png needs the program 'dot'.*use a \.svg path"):
        graph(loss, tmp_path / "loss.png")
    with pytest.raises(ValueError, match=r"loss has no ending .*\.svg"):
        graph(loss, tmp_path / "loss")


def test_dot_is_given_the_text_and_its_complaint_is_passed_on(loss, tmp_path, monkeypatch):
    calls = []

    def run(command, *, input, **options):
        calls.append((command, input))
        return subprocess.CompletedProcess(command, 1, "", "Format: xyz not recognized\n")

    monkeypatch.setattr(picture.shutil, "which", lambda program: "/usr/bin/dot")
    monkeypatch.setattr(picture.subprocess, "run", run)
    with pytest.raises(RuntimeError, match="dot cannot draw .*not recognized"):
        graph(loss, tmp_path / "loss.xyz")
    assert calls == [(["dot", "-Txyz", "-o", str(tmp_path / "loss.xyz")], graph(loss))]


@pytest.mark.skipif(shutil.which("dot") is None, reason="the program 'dot' (Graphviz) is not installed")
def test_graphviz_draws_a_png(loss, tmp_path):
    graph(loss, tmp_path / "loss.png")
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")
