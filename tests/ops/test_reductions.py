import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidelve import Tensor, ops
from minidelve.testing import check_gradients
from tests.helpers import agree_with_torch, assert_close, distinct, layout_does_not_matter, raises, run, zeros

NAMES = ["sum", "mean", "max", "min", "var", "std"]
each = pytest.mark.parametrize("name", NAMES)


@each
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (-1, -2), (0, 1, 2)], ids=str)
def test_is_numpys_and_its_derivative(name, axis, keepdims, rng):
    def f(x):
        return getattr(ops, name)(x, axis, keepdims=keepdims)

    x = distinct(rng, 2, 3, 4)
    assert_close(run(f, x)[0], getattr(np, name)(x, axis=axis, keepdims=keepdims))
    check_gradients(f, x)


@each
@given(st.lists(st.integers(1, 3), min_size=1, max_size=4), st.integers(0, 99))
def test_any_shape_and_axis_is_numpys_and_its_derivative(name, shape, seed):
    x, axis = distinct(np.random.default_rng(seed), *shape), seed % len(shape)
    assert_close(getattr(Tensor(x), name)(axis).data, getattr(np, name)(x, axis))
    if name != "std" or shape[axis] > 1:  # one number has deviation 0, where the root has no slope
        check_gradients(lambda x: getattr(x, name)(axis), x)


@each
@pytest.mark.parametrize("axis", [0, 1, (1, 2)], ids=str)
def test_agrees_with_torch(name, axis, rng):
    torch = pytest.importorskip("torch")
    theirs = {"max": torch.amax, "min": torch.amin}.get(name, getattr(torch, name))
    population = {"correction": 0} if name in ("var", "std") else {}  # divided by n
    agree_with_torch(
        lambda x: getattr(ops, name)(x, axis), lambda x: theirs(x, axis, **population), distinct(rng, 2, 3, 4)
    )


@pytest.mark.parametrize("name", ["var", "std"])
@pytest.mark.parametrize(("ddof", "axis"), [(0, 1), (1, 1), (2, 1), (1, (0, 2)), (1, None)], ids=str)
def test_ddof_is_numpys(name, ddof, axis, rng):
    def f(x):
        return getattr(ops, name)(x, axis, ddof=ddof)

    x = distinct(rng, 2, 3, 4)
    assert_close(run(f, x)[0], getattr(np, name)(x, axis=axis, ddof=ddof))
    check_gradients(f, x)


@pytest.mark.parametrize(("n", "ddof"), [(1, 1), (1, 2), (0, 0), (0, 1)])
def test_no_more_numbers_than_ddof_have_no_variance(n, ddof):
    for name in ("var", "std"):
        assert np.isnan(getattr(ops, name)(zeros(n, 2), 0, ddof=ddof).data).tolist() == [True, True]


@each
def test_strides_and_dtype_do_not_matter(name, rng):
    layout_does_not_matter(lambda x: getattr(ops, name)(x, (0, 2)), distinct(rng, 2, 3, 4, 5))
    layout_does_not_matter(getattr(ops, name), distinct(rng, 2, 3))


def test_a_scalar_is_its_own_reduction():
    for name in ("sum", "mean", "max", "min"):
        f, (dx,) = run(getattr(ops, name), np.array(3.0), cotangent=np.array(2.0))
        assert (f.tolist(), dx.tolist()) == (3, 2)


def test_ties_share_the_gradient_evenly():
    x = np.array([[5.0, 5.0, 1.0], [7.0, 0.0, 1.0]])
    _, (dx,) = run(lambda x: x.max(axis=1), x, cotangent=np.array([8.0, 6.0]))
    assert dx.tolist() == [[4, 4, 0], [6, 0, 0]]
    _, (dx,) = run(lambda x: x.min(axis=0), np.ones((2, 1)), cotangent=np.array([8.0]))
    assert dx.tolist() == [[4], [4]]


@pytest.mark.parametrize("name", ["sum", "max", "min", "mean"])
def test_nan_stays_nan(name):
    f, (dx,) = run(lambda x: getattr(x, name)(axis=1), np.array([[np.nan, 1.0], [2.0, 1.0]]))
    assert np.isnan(f).tolist() == [True, False]
    assert np.isfinite(dx).all()


def test_an_empty_batch_sums_to_0():
    f, (dx,) = run(lambda x: x.sum(axis=0), np.ones((0, 3)))
    assert f.tolist() == [0, 0, 0]
    assert dx.shape == (0, 3) and dx.flags.writeable
    assert run(lambda x: x.max(axis=1), np.ones((0, 3)))[1][0].shape == (0, 3)


@each
def test_axes_that_do_not_exist_are_named(name):
    raises(ValueError, lambda: getattr(zeros(2, 3), name)(axis=2), "2")
    raises(ValueError, lambda: getattr(zeros(2, 3), name)(axis=-3), "-3")
    raises(ValueError, lambda: getattr(zeros(), name)(axis=0), "0")


@each
@pytest.mark.parametrize("axis", ["a", 1.5, (0, "a")])
def test_an_axis_that_is_no_integer_is_named(name, axis):
    raises(TypeError, lambda: getattr(zeros(2, 3), name)(axis), f"axis is {axis!r}", "expected an integer")


def test_the_maximum_of_nothing_is_refused():
    raises(ValueError, lambda: zeros(0, 3).max(axis=0), "zero-size")


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, -1])
def test_argmax_is_numpys_as_a_tensor_outside_the_graph(axis, keepdims, rng):
    x = rng.integers(0, 3, (3, 4)).astype(float)  # with ties: the first one counts
    y = Tensor(x, requires_grad=True).argmax(axis, keepdims)
    assert type(y) is Tensor and not y.requires_grad and y.function is None
    assert_close(y.data, np.argmax(x, axis, keepdims=keepdims))


def test_argmax_of_nan_is_nans_place_and_of_several_axes_is_refused():
    assert Tensor([1.0, np.nan, 3.0]).argmax().item() == 1
    raises(TypeError, lambda: zeros(2, 2).argmax((0, 1)), "axis is (0, 1); expected an integer or None")
    raises(TypeError, lambda: zeros(2, 2).argmax(True), "axis is True")
    raises(ValueError, lambda: zeros(2, 2).argmax(2), "axis 2 is out of bounds")
