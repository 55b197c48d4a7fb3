"""Scores of crops are means of softmax outputs, independent of batch and budget."""

import numpy as np
import pytest

from minidelve.errors import RunError
from minidelve.evaluation.crops import CropScorer, probabilities
from minidelve.evaluation.ten_views import CropViews
from minidelve.tensor import Tensor


def test_an_images_score_is_the_mean_of_the_softmax_of_its_views(network, statistics, pictures):
    views = CropViews(32, ten=True, flip=True)
    images = [pictures(1, 40, 50), pictures(2, 64, 33)]
    expected = []
    for image in images:
        z = network(Tensor(((views(image) - statistics.mean) / statistics.std).transpose(0, 3, 1, 2))).data
        e = np.exp(z - z.max(axis=1, keepdims=True))
        expected.append((e / e.sum(axis=1, keepdims=True)).mean(axis=0))
    scores = CropScorer(network, statistics, views, 64, 10**9)(images)
    np.testing.assert_allclose(scores, expected, atol=1e-6)
    np.testing.assert_allclose(CropScorer(network, statistics, views, 3, 10**9)(images), scores, atol=1e-6)


def test_a_small_budget_takes_fewer_crops_and_a_smaller_one_is_refused(network, statistics, pictures):
    views = CropViews(32, ten=True, flip=True)
    large, small = (CropScorer(network, statistics, views, 64, budget) for budget in (10**9, 1_500_000))
    assert small.batch < 10 <= large.batch
    np.testing.assert_allclose(small([pictures(1, 40, 50)]), large([pictures(1, 40, 50)]), atol=1e-6)
    with pytest.raises(RunError, match="--max-memory 60.0 KB: a crop of 32 x 32 needs .* give at least that"):
        CropScorer(network, statistics, views, 64, 60_000)


def test_small_probabilities_keep_their_order():
    p = probabilities(np.array([[0, -200, -199, -201]], np.float32))
    assert p.dtype == np.float64 and np.argsort(-p[0]).tolist() == [0, 2, 1, 3] and p[0, 3] > 0


def test_low_scores_beside_high_ones_keep_their_probabilities():
    p = probabilities(np.array([[0, 0, 0, 0], [-2000, -2000, -2000, -np.inf]], np.float32))
    np.testing.assert_allclose(p, [[0.25] * 4, [1 / 3] * 3 + [0]])
