"""The mathematics at its edges: where a slope does not exist, is infinite, or meets a NaN, what is given is told here.

Most is what PyTorch gives; where it is not, a line says why.
"""

import numpy as np
import pytest

from minidelve import Tensor, cross_entropy, leaky_relu, log_softmax, ops, prelu, relu, softmax
from tests.helpers import assert_close, run

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy says of 1 / 0 that it is one
NAN, INF = np.nan, np.inf
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def gradients(f, *arrays, df=1.0, dtype=np.float64):
    """The gradients of f at these arrays, df arriving everywhere."""
    arrays = [np.asarray(x, dtype) for x in arrays]
    y = f(*map(Tensor, arrays))
    return run(f, *arrays, cotangent=np.full(y.shape, df, dtype))[1]


# -- std -------------------------------------------------------------------------------------------


@DTYPES
@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 1 / 3, -1e4, 1e30])
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (3, 7), (2, 100)])
def test_equal_numbers_deviate_by_0_and_so_does_the_gradient(shape, value, dtype):
    """PyTorch likewise where its mean is exact; a mean that is not makes slopes of 1/n there."""
    for axis in (None, 0, 1, (0, 1)):
        for f in (lambda x, axis=axis: x.std(axis), lambda x, axis=axis: x.var(axis)):
            y, (dx,) = run(f, np.full(shape, value, dtype))
            assert not y.any() and not dx.any()


def test_unequal_numbers_beside_equal_ones_keep_their_gradient():
    (dx,) = gradients(lambda x: x.std(axis=1), [[2.0, 2.0], [1.0, 3.0]])
    assert_close(dx, np.array([[0, 0], [-0.5, 0.5]]))
    assert np.isnan(gradients(lambda x: x.std(axis=1), [[NAN, 1.0]])[0]).all()


# -- who is the maximum ----------------------------------------------------------------------------


@DTYPES
@pytest.mark.parametrize(("f", "sign"), [(ops.maximum, 1), (ops.minimum, -1)])
def test_a_maximum_gives_its_gradient_to_whom_it_took(f, sign, dtype):
    """PyTorch gives all of it to both where one is NaN; that is twice what arrived."""
    x, y = sign * np.array([[2.0, 1, 5, NAN, 1, NAN, INF, -INF, 0], [1.0, 2, 5, 1, NAN, NAN, INF, 3, -0.0]])
    dx, dy = gradients(f, x, y, df=8.0, dtype=dtype)
    assert dx.tolist() == [8, 0, 4, 8, 0, 4, 4, 0, 4]
    assert dy.tolist() == [0, 8, 4, 0, 8, 4, 4, 8, 4]


@DTYPES
def test_an_infinite_gradient_is_not_spread_by_0_times_it(dtype):
    for f, arrays, expected in [
        (ops.maximum, [[1.0], [2.0]], [[0], [INF]]),
        (ops.minimum, [[1.0], [2.0]], [[INF], [0]]),
        (lambda x: x.max(), [[1.0, 2.0]], [[0, INF]]),
        (lambda x: x.min(), [[1.0, 2.0]], [[INF, 0]]),
        (lambda x: x**0, [[1.0, 0.0, NAN]], [[0, 0, 0]]),
        (relu, [[-1.0, 1.0]], [[0, INF]]),
    ]:
        assert [d.tolist() for d in gradients(f, *arrays, df=INF, dtype=dtype)] == expected


@pytest.mark.parametrize("f", [lambda x: x.max(axis=1), lambda x: x.min(axis=1)])
def test_a_nan_is_the_extreme_of_its_row_and_gets_its_gradient(f):
    """PyTorch's amax gives NaN to all of the row, its max() does as we do."""
    (dx,) = gradients(f, [[NAN, 1, 2], [NAN, NAN, 1], [INF, INF, INF]], df=6.0)
    assert dx.tolist() == [[6, 0, 0], [3, 3, 0], [2, 2, 2]]


# -- rectifiers ------------------------------------------------------------------------------------


@DTYPES
@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("slope", [0.25, -0.5, 1e-3])
def test_leaky_relu_and_prelu_have_one_gradient_everywhere(slope, dtype):
    y = np.array([[NAN, -INF, -1.0, -0.0, 0.0, 1.0, INF] * 5]).T
    (leaky,) = gradients(lambda y: leaky_relu(y, slope), y, df=3.0, dtype=dtype)
    learned, _ = gradients(prelu, y, [slope], df=3.0, dtype=dtype)
    assert_close(leaky, learned)
    assert leaky[0, 0] == dtype(slope) * 3


@pytest.mark.usefixtures("kernels")
def test_relu_hands_the_gradient_of_a_nan_on():
    assert gradients(relu, [NAN, -INF, -0.0, INF], df=3.0)[0].tolist() == [3, 0, 0, 3]


# -- slopes that are infinite or of no number ------------------------------------------------------


@DTYPES
def test_a_quotient_has_a_gradient_where_its_divisor_squared_has_none(dtype):
    tiny, huge = (1e-30, 1e30) if dtype is np.float32 else (1e-200, 1e200)
    for y in (tiny, huge):
        dx, dy = gradients(ops.divide, [y], [y], dtype=dtype)
        assert_close(dx, np.array([1 / y], dtype))
        assert_close(dy, np.array([-1 / y], dtype))


TORCH = {  # ours and torch's, where they are to agree to the last edge
    "exp": ops.exp, "log": ops.log, "sqrt": ops.sqrt, "relu": relu, "softmax": softmax, "log_softmax": log_softmax,
    "mean": lambda x: x.mean(1), "sum": lambda x: x.sum(1),
}  # fmt: skip
ROWS = [
    [1.0, 1, 1], [0.0, -0.0, 0], [NAN, 1, 2], [INF, 1, 2], [INF, INF, 1], [-INF, 1, 2], [-INF, -INF, -INF],
    [INF, -INF, 0], [1e30, -1e30, 1], [-1.0, -2, 1e-30],
]  # fmt: skip


@DTYPES
@pytest.mark.parametrize("name", TORCH)
def test_edges_are_pytorchs(name, dtype):
    torch = pytest.importorskip("torch")
    along = {"dim": 1} if name in ("softmax", "log_softmax", "mean", "sum") else {}
    for row, df in [(row, df) for row in ROWS for df in (1.0, 0.0, -2.0)]:
        x = torch.tensor([row], dtype=torch.float32 if dtype is np.float32 else torch.float64, requires_grad=True)
        y = getattr(torch, name)(x, **along)
        y.backward(torch.full_like(y, df))
        ours, (dx,) = run(TORCH[name], np.array([row], dtype), cotangent=np.full(y.shape, df, dtype))
        assert_close(ours, y.detach().numpy(), 1e-6)
        assert_close(dx, x.grad.numpy(), 1e-6)


@pytest.mark.parametrize("p", [0, 1, 2, 3, -1, -2, 0.5, 1.5])
def test_a_power_at_0_is_pytorchs(p):
    torch = pytest.importorskip("torch")
    x = torch.tensor([0.0, INF, NAN, -2.0], requires_grad=True)
    y = x**p
    y.sum().backward()
    ours, (dx,) = run(lambda x: x**p, x.detach().numpy(), cotangent=np.ones(4, np.float32))
    assert_close(ours, y.detach().numpy())
    assert_close(dx, x.grad.numpy())


@pytest.mark.parametrize("target", [0, 2])
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_cross_entropy_of_infinite_scores_is_pytorchs(row, target):
    torch = pytest.importorskip("torch")
    z = torch.tensor([row], dtype=torch.float64, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(z, torch.tensor([target]))
    loss.backward()
    ours, (dz,) = run(lambda z: cross_entropy(z, [target]), np.array([row]), cotangent=np.ones(()))
    assert_close(ours, loss.detach().numpy())
    assert_close(dz, z.grad.numpy())


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_pooling_and_normalising_at_the_edges_is_pytorchs(row):
    torch = pytest.importorskip("torch")
    of = torch.nn.functional
    for ours, theirs in [
        (lambda x: ops.max_pool2d(x, (1, 2), 1, (0, 1)), lambda x: of.max_pool2d(x, (1, 2), 1, (0, 1))),
        (lambda x: ops.avg_pool2d(x, (1, 3)), lambda x: of.avg_pool2d(x, (1, 3))),
        (lambda x: ops.spatial_pyramid_pool2d(x, (2,)), lambda x: of.adaptive_max_pool2d(x, 2).flatten(1)),
        (lambda x: ops.local_response_norm(x, 3, 1.0, 0.5, 0.0), lambda x: of.local_response_norm(x, 3, 1.0, 0.5, 0.0)),
    ]:
        x = torch.tensor(row, dtype=torch.float64).reshape(1, 1, 1, 3).requires_grad_()
        y = theirs(x)
        y.backward(torch.ones_like(y))
        value, (dx,) = run(ours, x.detach().numpy(), cotangent=np.ones(y.shape))
        assert_close(value, y.detach().numpy())
        assert_close(dx, x.grad.numpy())


def test_the_slope_of_an_absolute_value_is_0_at_0_and_nan_at_nan():
    """PyTorch's is 0 at NaN."""
    np.testing.assert_array_equal(gradients(ops.absolute, [0.0, -0.0, NAN, INF, -INF])[0], [0, 0, NAN, 1, -1])


def test_means_of_nothing_are_nan_and_the_extremes_of_nothing_an_error():
    nothing = Tensor(np.ones((0, 3)))
    assert np.isnan(nothing.mean(axis=0).data).all() and np.isnan(nothing.std(axis=0).data).all()
    for name in ("max", "min"):
        with pytest.raises(ValueError, match="zero-size"):
            getattr(nothing, name)(axis=0)
