"""A file of weights, of whatever kind: told by its ending, and wrong in one line."""

import numpy as np
import pytest

from minidelve.errors import CheckpointError
from minidelve.interchange.weights.reading import Weights
from tests.helpers import raises


@pytest.fixture
def weights(tmp_path):
    """weights(array): a file that holds it as "a", with an ending in capitals."""

    def make(array):
        with open(tmp_path / "A.NPZ", "wb") as file:
            np.savez(file, a=array)
        return Weights(tmp_path / "A.NPZ")

    return make


@pytest.mark.parametrize("dtype", ["<f2", ">f4", "<f8"])
def test_numbers_come_in_float32_and_an_ending_may_be_in_capitals(weights, dtype):
    found = weights(np.array([1.5, 2.0**-9], dtype)).array("a")
    assert found.dtype == np.float32 and found.tolist() == [1.5, 2.0**-9]


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, 1e300])
def test_a_number_that_float32_cannot_hold_is_refused(weights, number):
    raises(CheckpointError, lambda: weights(np.array([1.0, number])).array("a"), "'a' is not finite")


def test_a_reason_of_one_word_is_not_passed_on(weights):
    def meet(error):
        with weights(np.ones(1)).intact():
            raise error

    raises(CheckpointError, lambda: meet(KeyError("x")), "(its content is of another kind)")
    raises(CheckpointError, lambda: meet(ValueError("two words\nand more")), "(two words)")
