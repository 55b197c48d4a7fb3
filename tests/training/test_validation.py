"""Top-1 and top-5 error: ties, NaN and the last small batch are counted as they should."""

import numpy as np
import pytest

from minidelve import nn
from minidelve.tensor import Tensor
from minidelve.training.validation import NEVER, evaluate, rank_of_target


class Scores(nn.Module):
    """A network whose output is its input."""

    def forward(self, x: Tensor) -> Tensor:
        return x


def batches(scores: np.ndarray, targets: np.ndarray, size: int):
    for start in range(0, len(targets), size):
        yield scores[start : start + size], targets[start : start + size]


def test_errors_agree_with_sorting(rng):
    scores = rng.standard_normal((50, 9)).astype(np.float32)
    targets = rng.integers(0, 9, 50)
    order = np.argsort(-scores, axis=1)
    log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    errors = evaluate(Scores(), batches(scores, targets, 16))  # 16, 16, 16, 2
    assert errors.images == 50
    assert errors.top1 == pytest.approx(100 * np.mean(order[:, 0] != targets))
    assert errors.top5 == pytest.approx(100 * np.mean([t not in o[:5] for t, o in zip(targets, order, strict=True)]))
    assert errors.loss == pytest.approx(-log_p[np.arange(50), targets].mean(), rel=1e-5)


def test_a_tie_counts_against_the_network():
    assert rank_of_target(np.zeros((1, 4)), np.array([2])).tolist() == [3]


def test_nan_is_a_miss():
    scores = np.array([[np.nan, 1.0], [np.inf, np.nan], [2.0, 1.0]], np.float32)
    assert evaluate(Scores(), [(scores, np.array([0, 0, 0]))]).top1 == pytest.approx(200 / 3)


@pytest.mark.parametrize("classes", [1, 2, 4, 5, 6, 9])
@pytest.mark.parametrize("where", ["everywhere", "at the right class", "at another class"])
def test_scores_that_are_no_numbers_are_wrong_in_any_top_k(classes, where):
    scores = np.zeros((3, classes), np.float32)
    scores[:, 0] = 9  # right, were it not for the NaN
    scores[:, {"everywhere": slice(None), "at the right class": 0, "at another class": -1}[where]] = np.nan
    assert (rank_of_target(scores, np.zeros(3, int)) == NEVER).all()
    errors = evaluate(Scores(), [(scores, np.zeros(3, int))])
    assert errors.top5 == (100 if classes > 5 else None)
    assert errors.top1 == 100


@pytest.mark.parametrize(("classes", "top5"), [(1, None), (4, None), (5, None), (6, 0.0)])
def test_five_classes_have_no_top5_error(classes, top5):
    scores = np.tile(np.arange(classes, dtype=np.float32), (2, 1))
    assert evaluate(Scores(), [(scores, np.full(2, classes - 1))]).top5 == top5


def test_a_diverged_network_brings_no_warnings(recwarn):
    network = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 4))
    for parameter in network.parameters():
        parameter.data[...] = 3e38
    evaluate(network, [(np.ones((2, 8), np.float32), np.array([0, 1]))])
    assert [str(warning.message) for warning in recwarn] == []


def test_the_network_returns_to_its_mode_and_dropout_is_off_meanwhile():
    network = nn.Sequential(nn.Dropout(0.9))
    scores = np.eye(4, dtype=np.float32)
    assert evaluate(network, [(scores, np.arange(4))]).top1 == 0
    assert network.training
    evaluate(network.eval(), [(scores, np.arange(4))])
    assert not network.training


def test_no_images_is_an_error():
    with pytest.raises(ValueError, match="got no images"):
        evaluate(Scores(), [])
