"""Which algorithm "auto" takes, on both sides of every rule."""

import re
from pathlib import Path

import numpy as np
import pytest

from minidelve import Tensor, conv2d
from minidelve.backend.precision import using_precision
from minidelve.ops.conv.choice import RULES, choose
from minidelve.ops.conv.scaffold import Layer

# C, O, k, size of the map that goes in; then what differs from stride 1, no padding, float32, dx wanted, strict
CHOICES = [
    ("Winograd2d", (64, 64, 2, 37), {}),
    ("Winograd2d", (64, 64, 3, 16), {}),
    ("Winograd2d", (64, 64, 3, 14), {"padding": 1}),
    ("Winograd2d", (64, 64, 3, 14), {"padding": 1, "wants_dx": False}),
    ("Direct2d", (63, 64, 3, 16), {}),
    ("Direct2d", (64, 63, 3, 16), {}),
    ("Direct2d", (64, 64, 2, 37), {"dtype": np.float64}),
    ("Direct2d", (64, 64, 3, 16), {"dtype": np.float64}),
    ("Direct2d", (64, 64, 5, 14), {}),
    ("Direct2d", (64, 64, 1, 14), {}),
    ("Direct2d", (64, 64, 2, 2), {}),  # one output: sixteen multiplications instead of four
    ("Winograd2d", (64, 64, 2, 13), {}),  # 12 x 12 outputs: 0.44 of the multiplications
    ("Direct2d", (64, 64, 2, 15), {}),  # 14 x 14: 0.51
    ("Conv2d", (3, 64, 7, 20), {"stride": 2, "padding": 3}),
    ("Direct2d", (3, 64, 7, 20), {"stride": 2, "padding": 3, "wants_dx": False}),  # the first layer
    ("Conv2d", (3, 64, 3, 20), {"padding": 3}),  # more padding than direct can do
    ("Direct2d", (3, 64, 3, 20), {"padding": 2}),
    ("Direct2d", (1024, 1024, 1, 7), {}),
    ("Conv2d", (1025, 1024, 1, 7), {}),  # many weights for few pixels
    ("Conv2d", (64, 64, 3, 16), {"precision": "tf32"}),
    ("Conv2d", (3, 8, 3, 16), {"precision": "mixed"}),
]


@pytest.mark.parametrize("images", [1, 40])
@pytest.mark.parametrize(("expected", "shape", "options"), CHOICES, ids=str)
def test_auto_takes_what_the_rules_say_whatever_the_batch(expected, shape, options, images, monkeypatch):
    options = {"stride": 1, "padding": 0, "dtype": np.float32, "wants_dx": True, "precision": "fp32", **options}
    C, O, k, size = shape
    x = Tensor(np.zeros((images, C, size, size), options["dtype"]), options["wants_dx"])
    w = Tensor(np.zeros((O, C, k, k), options["dtype"]), True)
    monkeypatch.setattr("minidelve.ops.conv.scaffold.Convolution.forward", lambda *_, **__: np.zeros((1, 1, 1, 1)))
    monkeypatch.setattr("minidelve.ops.conv.winograd.Winograd2d.forward", lambda *_, **__: np.zeros((1, 1, 1, 1)))
    with using_precision(options["precision"]):
        y = conv2d(x, w, None, options["stride"], options["padding"])
    assert type(y.function).__name__ == expected


def test_on_a_gpu_winograd_or_im2col_is_taken():
    wide = Layer((64, 64, 3, 3), (1, 1), (1, 1), (14, 14), device="cuda")
    assert choose(wide) == "winograd" and choose(wide._replace(weight=(32, 32, 3, 3))) == "im2col"


def test_each_rule_names_a_section_of_the_measurements_or_a_file():
    root = Path(__file__).parents[3]
    sections = re.findall("^#+ (.*)$", (root / "docs/measurements.md").read_text(encoding="utf-8"), re.M)
    for rule in RULES:
        place = rule.because.partition(":")[0]
        assert place in sections or (root / place).is_file() or (root / "minidelve" / place).is_file(), rule
