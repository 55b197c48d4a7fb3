"""Lab 5's pyramid of means: its files, and that its kernels are a mean and that mean's gradient."""

import ast

import numpy as np

from minidelve import Tensor, spatial_pyramid_pool2d
from minidelve.backend import use
from minidelve.labs.blanks import skeletons
from minidelve.labs.course import lab
from minidelve.labs.judging.replacing import replaced
from minidelve.testing import check_gradients

PYRAMID = "minidelve/ops/spatial_pyramid_pool2d.py"


def code(text: str) -> str:
    """The code without its docstrings."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def test_the_op_that_is_handed_out_is_the_products_with_other_words():
    assert code(skeletons(lab(5, "mean-pyramid"))[PYRAMID]) == code(skeletons(lab(5))[PYRAMID])


def test_the_right_bodies_make_a_pyramid_of_means():
    with use("reference"), replaced(lab(5, "mean-pyramid").right()):
        x = np.random.default_rng(0).normal(size=(2, 3, 5, 7))
        f = spatial_pyramid_pool2d(Tensor(x), (2, 1)).data
        assert np.allclose(f[:, -3:], x.mean(axis=(2, 3)))
        assert np.allclose(f[:, 0], x[:, 0, :3, :4].mean(axis=(1, 2)))
        check_gradients(lambda x: spatial_pyramid_pool2d(x, (3, 1)), x)
