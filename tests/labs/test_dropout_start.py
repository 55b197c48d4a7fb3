"""Lab 6's variant: its file, and that its right deviations keep a signal that is dropped on the way."""

import ast
import re

import numpy as np
import pytest

from minidelve.labs.blanks import skeletons
from minidelve.labs.course import lab

INIT = "minidelve/nn/init.py"
RIGHT = lab(6, "dropout").right()


def code(text: str) -> str:
    """The code without its docstrings, and without the rate that the variant has in addition."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return re.sub(r", p: float=0\.0\)", ")", ast.unparse(tree))


def test_the_file_that_is_handed_out_is_the_products_with_a_rate():
    assert code(skeletons(lab(6, "dropout"))[INIT]) == code(skeletons(lab(6))[INIT])


@pytest.mark.parametrize("a, p, std", [
    (0.0, 0.3, RIGHT[f"{INIT}:he_std"]((400, 400), "fan_in", 0.0, 0.3)),
    (0.25, 0.5, RIGHT[f"{INIT}:he_std"]((400, 400), "fan_in", 0.25, 0.5)),
    (1.0, 0.2, RIGHT[f"{INIT}:xavier_std"]((400, 400), "fan_in", 0.2)),
])  # fmt: skip
def test_a_layer_keeps_the_second_moment(a, p, std):
    rng = np.random.default_rng(0)
    y = rng.normal(size=(2000, 400))
    x = np.where(y > 0, y, a * y) * (rng.uniform(size=y.shape) >= p) / (1 - p)
    after = x @ rng.normal(0, std, (400, 400)).T
    assert (after**2).mean() == pytest.approx((y**2).mean(), rel=0.03)
