import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from minidelve import Tensor, concat
from minidelve.testing import check_gradients
from tests.helpers import assert_close, raises, run, zeros


@given(st.lists(st.integers(0, 3), min_size=1, max_size=4), st.sampled_from([0, 1, 2, -1]), st.integers(0, 99))
def test_any_lengths_join_and_the_gradient_is_cut_again(lengths, axis, seed):
    rng = np.random.default_rng(seed)
    arrays = []
    for length in lengths:
        shape = [2, 3, 2]
        shape[axis] = length
        arrays.append(rng.standard_normal(shape))
    assert_close(run(lambda *xs: concat(xs, axis), *arrays)[0], np.concatenate(arrays, axis))
    check_gradients(lambda *xs: concat(xs, axis), *arrays)


def test_a_tensor_joined_with_itself_gets_both_gradients():
    x = Tensor([1.0, 2.0], requires_grad=True)
    concat([x, x]).backward([1, 10, 100, 1000])
    assert x.grad.tolist() == [101, 1010]


def test_wrong_shapes_and_axes_are_named():
    raises(ValueError, lambda: concat([]), "concat", "no tensors")
    raises(ValueError, lambda: concat([zeros(2, 3), zeros(2, 4)]), "(2, 3)", "(2, 4)", "axis 0")
    raises(ValueError, lambda: concat([zeros(2, 3), zeros(4, 3)], 1), "(2, 3)", "(4, 3)", "axis 1")
    raises(ValueError, lambda: concat([zeros(2, 3), zeros(2)], 1), "(2, 3)", "(2,)")
    raises(ValueError, lambda: concat([zeros(2), zeros(2, 3)], 0), "(2,)", "(2, 3)")
    raises(ValueError, lambda: concat([zeros(2, 3)], 2), "2", "(2, 3)")
    raises(ValueError, lambda: concat([zeros()]), "()")
