import numpy as np

from minidelve import Tensor, flatten
from tests.helpers import raises, zeros


def test_a_row_holds_channel_then_row_then_column():
    assert flatten(Tensor(np.arange(8.0).reshape(1, 2, 2, 2))).data.tolist() == [list(range(8))]


def test_a_vector_becomes_a_column():
    assert flatten(zeros(3)).shape == (3, 1)


def test_a_scalar_is_refused():
    raises(ValueError, lambda: flatten(zeros()), "flatten", "no axes")
