"""How runs are tested together: each at scales that its crop fits on, each picture shown once for all of them."""

from types import SimpleNamespace

import numpy as np
import pytest

from minidelve import data
from minidelve.errors import RunError
from minidelve.evaluation.runs import Candidate, Shown, Way, column, member


def test_what_is_shown_alike_is_shown_once():
    shown: list[Shown] = []
    places = [column(shown, Shown(data.ResizeShorterSide(scale), crop))
              for scale, crop in ((64, 56), (80, 56), (64, 56), (64, 48), (64, 48))]  # fmt: skip
    assert places == [0, 1, 0, 2, 2] and len(shown) == 3  # whether it is too small depends on the crop


def test_a_picture_too_small_for_one_runs_crop_is_refused_as_it_is_shown():
    image, rng = np.zeros((60, 90, 3), np.uint8), np.random.default_rng(0)
    assert Shown(data.ResizeShorterSide(48), 48)(image, rng).shape == (48, 72, 3)
    with pytest.raises(data.DataError, match="the image of 72 x 48 pixels is smaller than the crop of 49 x 49"):
        Shown(data.ResizeShorterSide(48), 49)(image, rng)


def test_a_scale_is_at_least_the_crop(network, statistics):
    saved = SimpleNamespace(meta={"config": {}}, mean=statistics.mean, statistics=statistics)
    run, shown = Candidate("runs/a", saved, network), []
    tested = member(Way("dense", scales=[32, 40]), run, shown)
    assert (tested.scales, tested.columns, [s.crop for s in shown]) == (["32", "40"], [0, 1], [32, 32])
    with pytest.raises(RunError, match="a scale of 31 is too small; expected at least 32, the crops of runs/a"):
        member(Way("dense", scales=[40, 31]), run, shown)
