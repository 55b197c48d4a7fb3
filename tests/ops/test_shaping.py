import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import basic_indices

from minidelve import Tensor
from minidelve.testing import check_gradients
from tests.helpers import agree_with_torch, assert_close, layout_does_not_matter, raises, run, zeros

INDICES = [
    1,
    -1,
    np.int64(1),
    (0, 2),
    slice(None),
    slice(None, None, -2),
    (slice(1), Ellipsis, None, slice(2, 0, -1)),
    None,
    [1, 0, 1],
    np.array([1, 1, 1]),
    (np.array([0, 1, 0]), np.array([2, 2, 2])),
    (slice(None), np.array([2, 0])),
    (np.array([[0], [1]]), slice(None), np.array([0, 0])),
    np.arange(24).reshape(2, 3, 4) % 5 == 0,
    (0, np.array([True, False, True])),
]


@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_indexing_is_numpys_and_its_derivative(index, rng):
    x = rng.standard_normal((2, 3, 4))
    assert_close(run(lambda x: x[index], x)[0], x[index])
    check_gradients(lambda x: x[index], x)
    layout_does_not_matter(lambda x: x[index], x)


@given(basic_indices((2, 3, 4), allow_newaxis=True))
def test_any_basic_index_has_the_right_gradient(index):
    check_gradients(lambda x: x[index], np.random.default_rng(0).standard_normal((2, 3, 4)))


def test_an_element_taken_twice_gets_both_gradients():
    _, (dx,) = run(lambda x: x[[0, 0, 2]], np.ones(3), cotangent=np.array([1.0, 10, 100]))
    assert dx.tolist() == [11, 0, 100]


def test_the_caller_may_write_into_an_index_before_backward():
    x, index = Tensor(np.ones(3), requires_grad=True), np.array([0])
    y = x[index]
    index[:] = 2
    y.sum().backward()
    assert x.grad.tolist() == [1, 0, 0]


def test_tensors_may_be_indices():
    x = Tensor(np.arange(6.0).reshape(2, 3))
    assert x[Tensor(np.array([1]))].data.tolist() == [[3, 4, 5]]
    assert x[Tensor(np.array([1, 0])), Tensor(np.array([2, 0]))].data.tolist() == [5, 0]
    assert x[x > 3].data.tolist() == [4, 5]


@pytest.mark.parametrize("shape", [(6, 4), (24,), (4, 1, 6), (-1, 2)], ids=str)
def test_reshape_is_numpys_and_its_derivative(shape, rng):
    x = rng.standard_normal((2, 3, 4))
    assert_close(run(lambda x: x.reshape(shape), x)[0], x.reshape(shape))
    assert_close(Tensor(x).reshape(*shape).data, x.reshape(shape))
    check_gradients(lambda x: x.reshape(shape), x)
    layout_does_not_matter(lambda x: x.reshape(shape), x)
    agree_with_torch(lambda x: x.reshape(shape), lambda x: x.reshape(shape), x)


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))) + [(-1, 0, 1)], ids=str)
def test_transpose_is_numpys_and_its_derivative(axes, rng):
    x = rng.standard_normal((2, 3, 4))
    assert_close(run(lambda x: x.transpose(axes), x)[0], x.transpose(axes))
    assert_close(Tensor(x).transpose(*axes).data, x.transpose(axes))
    check_gradients(lambda x: x.transpose(axes), x)
    layout_does_not_matter(lambda x: x.transpose(axes), x)
    agree_with_torch(lambda x: x.transpose(axes), lambda x: x.permute(axes), x)


def test_transpose_without_axes_reverses_them(rng):
    x = rng.standard_normal((2, 3, 4))
    assert_close(Tensor(x).T.data, x.T)
    assert_close(Tensor(x).transpose().data, x.T)
    check_gradients(lambda x: x.T, x)
    check_gradients(lambda x: x.T, np.array(2.0))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=3))
def test_empty_tensors_move_too(shape):
    _, (dx,) = run(lambda x: x.transpose().reshape(x.size), np.ones(shape))
    assert dx.shape == tuple(shape)


def test_wrong_shapes_axes_and_indices_are_named():
    raises(ValueError, lambda: zeros(2, 3).reshape(4), "size 6", "(4,)")
    raises(ValueError, lambda: zeros(2, 3).transpose(0, 0))
    raises(ValueError, lambda: zeros(2, 3).transpose(0))
    raises(ValueError, lambda: zeros(2, 3).transpose(0, 2), "2")
    raises(IndexError, lambda: zeros(2, 3)[2], "2")
    raises(IndexError, lambda: zeros(2, 3)[0, 0, 0])


def test_view_is_reshape_whatever_lies_how_in_memory(rng):
    x = rng.standard_normal((2, 3, 4))
    for f in (lambda x: x.view(6, -1), lambda x: x.view((24,))):
        check_gradients(f, x)
        layout_does_not_matter(f, x)
    assert np.shares_memory(Tensor(x).view(24).data, x)
    raises(TypeError, lambda: Tensor(x).view(np.float32), "view: the shape is", "Tensor(t.data.view(dtype))")


def test_permute_takes_every_axis_once_and_any_order(rng):
    x = rng.standard_normal((2, 3, 4))
    for axes in itertools.permutations(range(3)):
        assert_close(Tensor(x).permute(*axes).data, x.transpose(axes))
        assert_close(Tensor(x).permute(list(axes)).data, x.transpose(axes))
    check_gradients(lambda x: x.permute(-1, 0, 1), x)
    assert Tensor(1.0).permute().item() == 1
    for wrong in ((), (0, 1), (0, 0, 1), (0, 1, 3), (0.0, 1, 2), (None,)):
        raises(ValueError, lambda wrong=wrong: Tensor(x).permute(*wrong), "permute: axes", "each of its 3 axes once")
