"""The graph as a picture: every op and leaf once, arrows the way the forward pass went."""

import re
import shutil
import subprocess

import numpy as np
import pytest

from minidelve import Tensor, graph
from minidelve.analysis import graph as picture


def small_graph() -> Tensor:
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    w = Tensor(np.ones((3, 4), np.float32), requires_grad=True)
    hidden = x @ w
    return (hidden * hidden + Tensor(np.ones(4))).sum()


def test_each_op_and_leaf_appears_once_with_shape_and_dtype():
    labels = re.findall(r'shape=(\w+), label="(.*)"', graph(small_graph()))
    assert sorted(labels) == sorted([
        ("ellipse", r"Tensor\n2 x 3\nfloat64"),
        ("ellipse", r"Tensor\n3 x 4\nfloat32"),
        ("box", r"MatMul\n2 x 4\nfloat64"),
        ("box", r"Multiply\n2 x 4\nfloat64"),
        ("box", r"Add\n2 x 4\nfloat64"),  # the constant beside it wants no gradient: no node
        ("box", r"Sum\nscalar\nfloat64"),
    ])  # fmt: skip


def test_arrows_go_from_sources_to_results():
    text = graph(small_graph())
    name = {label: node for node, label in re.findall(r'(n\d+) \[.*label="(\w+)', text)}
    arrows = sorted(re.findall(r"(n\d+) -> (n\d+)", text))
    leaves = re.findall(r'(n\d+) \[.*label="Tensor', text)
    assert arrows == sorted([
        *((leaf, name["MatMul"]) for leaf in leaves),
        (name["MatMul"], name["Multiply"]), (name["MatMul"], name["Multiply"]),  # used twice
        (name["Multiply"], name["Add"]),
        (name["Add"], name["Sum"]),
    ])  # fmt: skip


def test_drawing_changes_nothing_and_works_for_long_chains():
    x = Tensor([1.0], requires_grad=True)
    y = x
    for _ in range(3000):
        y = -y
    assert graph(y).count("Negate") == 3000
    y.backward()
    assert x.grad == 1


def test_a_freed_graph_raises_and_names_the_cure():
    loss = small_graph()
    loss.backward()
    with pytest.raises(ValueError, match="freed this graph.*retain_graph=True"):
        graph(loss)


def test_dot_text_is_written_without_graphviz(tmp_path):
    loss = small_graph()
    text = graph(loss, tmp_path / "loss.dot")
    assert (tmp_path / "loss.dot").read_text() == text and text.startswith("digraph {") and text.endswith("}")


def test_a_picture_needs_graphviz_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(picture.shutil, "which", lambda program: None)
    with pytest.raises(RuntimeError, match=r"loss\.svg needs the program 'dot'.*use a \.dot path"):
        graph(small_graph(), tmp_path / "loss.svg")


def test_a_path_without_an_ending_says_which_ones_work(tmp_path):
    with pytest.raises(ValueError, match=r"loss has no ending .*\.svg"):
        graph(small_graph(), tmp_path / "loss")


def test_dot_is_given_the_text_and_its_complaint_is_passed_on(tmp_path, monkeypatch):
    calls = []

    def run(command, *, input, **options):
        calls.append((command, input))
        return subprocess.CompletedProcess(command, 1, "", "Format: xyz not recognized\n")

    monkeypatch.setattr(picture.shutil, "which", lambda program: "/usr/bin/dot")
    monkeypatch.setattr(picture.subprocess, "run", run)
    loss = small_graph()
    with pytest.raises(RuntimeError, match="dot cannot draw .*not recognized"):
        graph(loss, tmp_path / "loss.xyz")
    assert calls == [(["dot", "-Txyz", "-o", str(tmp_path / "loss.xyz")], graph(loss))]


@pytest.mark.skipif(shutil.which("dot") is None, reason="the program 'dot' (Graphviz) is not installed")
def test_graphviz_draws_an_svg(tmp_path):
    graph(small_graph(), tmp_path / "loss.svg")
    assert "MatMul" in (tmp_path / "loss.svg").read_text()
