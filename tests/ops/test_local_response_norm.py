import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidelve import Tensor, local_response_norm
from minidelve.testing import check_gradients
from tests.helpers import assert_close, raises, zeros

pytestmark = pytest.mark.usefixtures("kernels")


def by_definition(x, size, alpha, beta, k):
    """y_c = x_c (k + alpha/size sum of x_e^2, c - size//2 <= e <= c + (size-1)//2)^-beta"""
    y = np.empty_like(x)
    for c in range(x.shape[1]):
        energy = (x[:, max(0, c - size // 2) : c + (size - 1) // 2 + 1] ** 2).sum(axis=1)
        y[:, c] = x[:, c] * (k + alpha / size * energy) ** -beta
    return y


@given(st.integers(1, 8), st.integers(1, 9), st.floats(0.1, 2), st.floats(0.1, 2), st.floats(0.5, 2))
def test_any_window_is_the_definition_and_its_derivative(channels, size, alpha, beta, k):
    x = np.random.default_rng(channels).standard_normal((2, channels, 2))
    y = local_response_norm(Tensor(x), size, alpha, beta, k).data
    assert_close(y, by_definition(x, size, alpha, beta, k))
    check_gradients(lambda x: local_response_norm(x, size, alpha, beta, k), x)


def test_default_constants_are_torchs(rng):
    x = 30 * rng.standard_normal((2, 7, 2, 2))
    assert_close(local_response_norm(Tensor(x)).data, by_definition(x, 5, 1e-4, 0.75, 1.0))


def test_wrong_shapes_and_sizes_are_named():
    raises(ValueError, lambda: local_response_norm(zeros(3)), "local_response_norm", "(3,)")
    raises(ValueError, lambda: local_response_norm(zeros(2, 0)), "(2, 0)", "C >= 1")
    for size in (0, -1, 1.5, None):
        raises(ValueError, lambda size=size: local_response_norm(zeros(2, 3), size), "size", str(size))
