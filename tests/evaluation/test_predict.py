"""The likeliest classes of a picture: in which order, and none where the network says nothing."""

import numpy as np
import pytest

from minidelve import data, nn
from minidelve.errors import Diverged
from minidelve.evaluation.predict import predict

STATISTICS = data.Statistics(np.zeros((4, 4, 3), np.float32), 1.0)


def says(logits):
    """A network that gives these logits, whatever it sees."""
    layer = nn.Linear(48, len(logits))
    layer.weight.data[...], layer.bias.data[...] = 0, logits
    return nn.Sequential(nn.Flatten(), layer)


def guesses(logits, images=1, **options):
    pictures = [(f"{i}.png", np.full((4, 6, 3), i, np.uint8)) for i in range(images)]
    return predict(says(logits), pictures, STATISTICS, data.CenterCrop(4), "abcdefg"[: len(logits)], **options)


def test_the_likeliest_come_first_and_equals_in_the_order_of_the_classes():
    (found,) = guesses([0, 1, 1, -9, 2, 1, 1])
    assert [name for name, _ in found.classes] == ["e", "b", "c", "f", "g"]
    assert found.classes[0][1] == pytest.approx(np.e**2 / (1 + 4 * np.e + np.e**2 + np.e**-9))
    assert [name for name, _ in guesses([0, 3], top=1)[0].classes] == ["b"]


def test_more_pictures_than_a_batch_keep_their_order_and_their_truths():
    found = guesses([0, 1], images=130, truths=["a", None] * 65)
    assert [p.path for p in found] == [f"{i}.png" for i in range(130)]
    assert [int(p.view[0, 0, 0]) for p in found] == list(range(130)) and [p.truth for p in found] == ["a", None] * 65


@pytest.mark.parametrize("logit", [np.nan, np.inf])
def test_what_is_not_finite_is_no_guess(logit):
    with pytest.raises(Diverged, match="0.png: what the network says of it is not finite: its training had diverged"):
        guesses([0, 1, logit])
