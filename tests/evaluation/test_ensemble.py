"""Averages over scales and runs are averages of the single scores, in rows with the right names."""

import numpy as np
import pytest

from minidelve import data
from minidelve.data import Picture
from minidelve.evaluation.ensemble import Member, group_scores, groups, score


class Given:
    """A scorer that reads the class probabilities from an image's first pixels."""

    def __init__(self, at_once=64, equal_sizes=False, mix=0.0):
        self.at_once, self.equal_sizes, self.mix, self.calls = at_once, equal_sizes, mix, []

    def __call__(self, images):
        self.calls.append(len(images))
        p = np.stack([image[0, :, 0] for image in images]).astype(np.float64) + self.mix
        return p / p.sum(axis=1, keepdims=True)


def some(count: int, sizes=(4,), seed=0) -> list[Picture]:
    rng = np.random.default_rng(seed)
    return [Picture(i, f"{i}.png", [rng.integers(1, 200, (3, 4, 1)).repeat(3, 2) for _ in sizes]) for i in range(count)]


def test_the_ensemble_is_the_mean_over_runs_of_the_mean_over_scales():
    a, b = Member("a", Given(), [0, 1], ["256", "384"]), Member("b", Given(mix=50.0), [0, 1], ["256", "384"])
    pictures = some(5, sizes=(1, 2))
    a256, a384, a_all, b256, b384, b_all, both = group_scores([a, b], pictures)
    np.testing.assert_allclose(a_all, (a256 + a384) / 2, rtol=1e-12)
    np.testing.assert_allclose(b_all, (b256 + b384) / 2, rtol=1e-12)
    np.testing.assert_allclose(both, (a256 + a384 + b256 + b384) / 4, rtol=1e-12)
    rows = score([a, b], pictures, np.zeros(5, int), 4)
    assert [(row.run, row.scale) for row in rows] == [
        ("a", "256"), ("a", "384"), ("a", "all scales"), ("b", "256"), ("b", "384"), ("b", "all scales"),
        ("ensemble", "all scales"),
    ]  # fmt: skip


def test_an_ensemble_of_a_run_with_itself_is_that_run():
    labels = np.random.default_rng(1).integers(0, 4, 30)
    alone = score([Member("a", Given(), [0], ["as trained"])], some(30), labels, 4)
    twice = score([Member(name, Given(), [0], ["as trained"]) for name in "ab"], some(30), labels, 4)
    assert [row.run for row in alone] == ["a"] and [row.run for row in twice] == ["a", "b", "ensemble"]
    assert {row.tally.errors() for row in twice} == {alone[0].tally.errors()}
    assert 0 < alone[0].tally.errors().top1 < 100


def test_labels_belong_to_pictures_even_where_one_was_left_out():
    pictures = [picture for picture in some(6) if picture.number != 2]
    labels = np.array([int(p.images[0][0, :, 0].argmax()) for p in some(6)])
    assert score([Member("a", Given(), [0], ["x"])], pictures, labels, 4)[0].tally.errors().top1 == 0


def test_pictures_batched_together_are_of_equal_size_at_every_scale():
    """Two sizes may be rounded to one at the first scale and differ at the second."""
    widths = [(15, 45), (15, 45), (15, 45), (15, 46), (15, 46), (14, 46), (15, 45)]
    pictures = [Picture(i, "", [np.zeros((10, w, 3), np.uint8) for w in two]) for i, two in enumerate(widths)]
    for equal_sizes, expected in ((True, [[0, 1], [2], [3, 4], [5], [6]]), (False, [[0, 1], [2, 3], [4, 5], [6]])):
        assert [[p.number for p in group] for group in groups(pictures, 2, equal_sizes)] == expected


def test_a_refused_picture_is_named():
    def refuse(images):
        raise data.DataError("too small")

    refuse.at_once, refuse.equal_sizes = 1, False
    with pytest.raises(data.DataError, match="0.png: too small"):
        score([Member("a", refuse, [0], ["x"])], some(2), np.zeros(2, int), 4)
