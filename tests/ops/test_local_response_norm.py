import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidelve import Tensor, local_response_norm
from minidelve.testing import check_gradients
from tests.ops.helpers import agree_with_torch, assert_close, empty_batch, layout_does_not_matter, raises, zeros

pytestmark = pytest.mark.usefixtures("kernels")

# x; size, alpha, beta, k: even and odd windows, wider than the channels, AlexNet's constants
CASES = [
    ((2, 7, 2, 3), (5, 5e-4, 0.75, 2.0)),
    ((2, 7, 2, 3), (3, 0.9, 0.75, 1.0)),
    ((2, 6, 2, 1), (4, 0.9, 0.6, 1.0)),
    ((3, 5), (2, 0.9, 1.3, 0.5)),
    ((2, 3, 4), (9, 0.9, 0.5, 1.0)),
    ((1, 1, 1, 1), (1, 0.9, 0.5, 1.0)),
]


def by_definition(x, size, alpha, beta, k):
    """y_c = x_c (k + alpha/size sum of x_e^2, c - size//2 <= e <= c + (size-1)//2)^-beta"""
    y = np.empty_like(x)
    for c in range(x.shape[1]):
        energy = (x[:, max(0, c - size // 2) : c + (size - 1) // 2 + 1] ** 2).sum(axis=1)
        y[:, c] = x[:, c] * (k + alpha / size * energy) ** -beta
    return y


@pytest.mark.parametrize("shape, constants", CASES, ids=str)
def test_gradients_are_the_differences(shape, constants, rng):
    check_gradients(lambda x: local_response_norm(x, *constants), rng.standard_normal(shape))


@pytest.mark.parametrize("shape, constants", [case for case in CASES if len(case[0]) > 2], ids=str)
def test_agrees_with_torch(shape, constants, rng):
    theirs = pytest.importorskip("torch").nn.functional.local_response_norm
    x = rng.standard_normal(shape)
    agree_with_torch(lambda x: local_response_norm(x, *constants), lambda x: theirs(x, *constants), x)


@given(st.integers(1, 8), st.integers(1, 9), st.floats(0.1, 2), st.floats(0.1, 2), st.floats(0.5, 2))
def test_any_window_is_the_definition_and_its_derivative(channels, size, alpha, beta, k):
    x = np.random.default_rng(channels).standard_normal((2, channels, 2))
    y = local_response_norm(Tensor(x), size, alpha, beta, k).data
    assert_close(y, by_definition(x, size, alpha, beta, k))
    check_gradients(lambda x: local_response_norm(x, size, alpha, beta, k), x)


def test_default_constants_are_torchs(rng):
    x = 30 * rng.standard_normal((2, 7, 2, 2))
    assert_close(local_response_norm(Tensor(x)).data, by_definition(x, 5, 1e-4, 0.75, 1.0))


def test_strides_and_dtype_do_not_matter(rng):
    layout_does_not_matter(lambda x: local_response_norm(x, 3, 0.9), rng.standard_normal((2, 5, 3, 2)))


def test_empty_batch():
    empty_batch(local_response_norm, (3, 2, 2), (3, 2, 2))


def test_wrong_shapes_and_sizes_are_named():
    raises(ValueError, lambda: local_response_norm(zeros(3)), "local_response_norm", "(3,)")
    for size in (0, -1, 1.5, None):
        raises(ValueError, lambda size=size: local_response_norm(zeros(2, 3), size), "size", str(size))
