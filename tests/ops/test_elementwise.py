import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from minidelve import Tensor, ops
from minidelve.testing import check_gradients
from tests.helpers import agree_with_torch, assert_close, distinct, layout_does_not_matter, raises, run, zeros

# name: (ours, torch's or NumPy's name, whether inputs must be positive)
UNARY = {
    "negate": (ops.negate, "negative", False),
    "exp": (ops.exp, "exp", False),
    "log": (ops.log, "log", True),
    "sqrt": (ops.sqrt, "sqrt", True),
    "absolute": (ops.absolute, "abs", False),
}
BINARY = {
    "add": (ops.add, "add", False),
    "subtract": (ops.subtract, "subtract", False),
    "multiply": (ops.multiply, "multiply", False),
    "divide": (ops.divide, "divide", True),
    "maximum": (ops.maximum, "maximum", False),
    "minimum": (ops.minimum, "minimum", False),
}
BROADCASTS = [((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2, 3)), ((4, 1, 3), (2, 1)), ((0, 3), (3,))]


def two(shapes, positive, rng):
    """Two arrays of these shapes that share no number, above 0 if asked."""
    x, y = distinct(rng, *shapes[0]), distinct(rng, *shapes[1]) / 7
    return (abs(x), abs(y) + 0.5) if positive else (x, y)


@pytest.mark.parametrize("op", UNARY)
def test_unary_is_numpys_and_its_derivative(op, rng):
    f, name, positive = UNARY[op]
    for shape in [(), (3,), (2, 3, 4), (0, 3)]:
        x = abs(distinct(rng, *shape)) if positive else distinct(rng, *shape)
        assert_close(run(f, x)[0], getattr(np, name)(x))
        check_gradients(f, x)
    layout_does_not_matter(f, abs(distinct(rng, 2, 3, 4)))


@pytest.mark.parametrize("op", UNARY)
def test_unary_agrees_with_torch(op, rng):
    f, name, positive = UNARY[op]
    x = distinct(rng, 2, 3, 4)
    agree_with_torch(f, getattr(pytest.importorskip("torch"), name), abs(x) if positive else x)


@pytest.mark.parametrize("shapes", BROADCASTS, ids=str)
@pytest.mark.parametrize("op", BINARY)
def test_binary_is_numpys_and_its_derivative(op, shapes, rng):
    f, name, positive = BINARY[op]
    x, y = two(shapes, positive, rng)
    assert_close(run(f, x, y)[0], getattr(np, name)(x, y))
    check_gradients(f, x, y)
    layout_does_not_matter(f, x, y)


@pytest.mark.parametrize("shapes", BROADCASTS, ids=str)
@pytest.mark.parametrize("op", BINARY)
def test_binary_agrees_with_torch(op, shapes, rng):
    f, name, positive = BINARY[op]
    agree_with_torch(f, getattr(pytest.importorskip("torch"), name), *two(shapes, positive, rng))


@given(mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3), st.sampled_from(sorted(BINARY)))
def test_any_broadcast_sums_the_gradient_back(drawn, op):
    f, _, positive = BINARY[op]
    check_gradients(f, *two(drawn.input_shapes, positive, np.random.default_rng(0)))


@pytest.mark.parametrize("p", [3, 2.0, 1, 0, -1, 0.5, -1.5])
def test_power_is_numpys_and_its_derivative(p, rng):
    x = abs(distinct(rng, 2, 3)) + 0.1
    assert_close(run(lambda x: x**p, x)[0], x**p)
    check_gradients(lambda x: x**p, x)
    layout_does_not_matter(lambda x: x**p, x)
    agree_with_torch(lambda x: x**p, lambda x: x**p, x)


def test_a_power_of_0_has_a_gradient_where_there_is_one():
    for p, slope in [(0, 0), (1, 1), (2, 0)]:
        _, (dx,) = run(lambda x, p=p: x**p, np.zeros(1), cotangent=np.ones(1))
        assert dx.tolist() == [slope]


def test_operators_are_these_functions(rng):
    x, y = Tensor(abs(distinct(rng, 2, 3))), Tensor(abs(distinct(rng, 2, 3)))
    a, b = x.data, y.data
    for tensor, array in [(x + y, a + b), (x - y, a - b), (x * y, a * b), (x / y, a / b), (x**2, a**2), (-x, -a)]:
        assert_close(tensor.data, array)
    for tensor, array in [(3 + x, 3 + a), (3 - x, 3 - a), (3 * x, 3 * a), (3 / x, 3 / a), (b - x, b - a)]:
        assert_close(tensor.data, array)
    for tensor, array in [(x.exp(), np.exp(a)), (x.log(), np.log(a)), (x.sqrt(), np.sqrt(a)), (abs(-x), a)]:
        assert_close(tensor.data, array)
    assert (x < y).data.tolist() == (a < b).tolist()


def test_a_number_on_the_left_has_the_right_gradient(rng):
    for f in (lambda x: 3 - x, lambda x: 3 / x, lambda x: 3 * x, lambda x: 3 + x, lambda x: np.ones(3) / x):
        check_gradients(f, abs(distinct(rng, 2, 3)) + 0.5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_python_number_takes_the_tensors_dtype(dtype):
    x = Tensor(np.ones(2, dtype))
    results = [x + 1, 1.5 * x, x / 2, 1 - x, x**2, x**0.5, ops.maximum(x, 0), x.mean(), x.var(), x.std()]
    assert [y.dtype for y in results] == [dtype] * len(results)


def test_a_numpy_number_as_exponent_keeps_float32():
    for p in (np.float64(2), np.float32(2), np.int64(2)):
        y = Tensor([3.0]) ** p
        assert (y.dtype, y.data.tolist()) == (np.float32, [9])


def test_equal_arguments_of_a_maximum_share_the_gradient():
    for op in (ops.maximum, ops.minimum):
        _, (dx, dy) = run(op, np.ones(1), np.ones(1), cotangent=np.array([8.0]))
        assert (dx.tolist(), dy.tolist()) == ([4], [4])


def test_absolute_has_slope_0_at_0():
    assert run(ops.absolute, np.zeros(1), cotangent=np.ones(1))[1][0].tolist() == [0]


def test_nan_stays_nan_in_a_maximum():
    assert np.isnan(ops.maximum(Tensor([np.nan, 1.0]), Tensor([1.0, np.nan])).data).all()


def test_wrong_operands_are_named():
    for op in BINARY.values():
        raises(ValueError, lambda op=op: op[0](zeros(2, 3), zeros(2)), "(2,3)", "(2,)")
    raises(TypeError, lambda: zeros(2) ** zeros(2), "Tensor", "exp(y * log(x))")
    raises(TypeError, lambda: zeros(2) ** "2", "str")
    raises(TypeError, lambda: zeros(2) + "text", "text")
