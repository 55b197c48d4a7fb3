"""What tests share: a fresh Python, an op run there and back, and the claims that hold for every op."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from minidelve import Tensor
from minidelve.testing.cases import distinct  # noqa: F401 (the tests of kinked ops take it from here)

ROOT = Path(__file__).parents[1]
FAKE = ROOT / "tests" / "cuda" / "fake"
# The environment in which a process finds the stand-in for CuPy, and no GPU if there is one.
ON_THE_FAKE = {
    "PYTHONPATH": os.pathsep.join(filter(None, [str(FAKE), str(ROOT), os.environ.get("PYTHONPATH")])),
    "CUDA_VISIBLE_DEVICES": "",
}

# -- in a process of its own -----------------------------------------------------------------------


def python(*arguments: object, exit_code: int = 0, environment: dict[str, str] | None = None, **options):
    """What a fresh Python leaves: .stdout and .stderr.  A hang, a signal or another exit code fails the test.

    environment    variables besides those of this process
    options        of subprocess.run: cwd, input, ...
    """
    options = {"cwd": ROOT, "env": os.environ | (environment or {}), "timeout": 120} | options
    done = subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, text=True, **options)
    assert done.returncode == exit_code, f"exit code {done.returncode}:\n{done.stdout[-8000:]}\n{done.stderr[-8000:]}"
    return done


def in_python(code: str, **environment: str) -> str:
    """What the code prints in a fresh Python with these variables in its environment."""
    return python("-c", code, environment=environment).stdout.strip()


# -- an op -----------------------------------------------------------------------------------------


def zeros(*shape: int) -> Tensor:
    return Tensor(np.zeros(shape))


def run(f: Callable[..., Tensor], *arrays: np.ndarray, cotangent=None):
    """f's value and the gradient of each array.  The cotangent is random (its seed fixed) if none is given.

    Fails when forward or backward wrote into what it was handed.
    """
    before = [x.copy() for x in arrays]
    inputs = [Tensor(x, requires_grad=True) for x in arrays]
    y = f(*inputs)
    r = random_like(y.data) if cotangent is None else cotangent
    r_before = r.copy()
    y.backward(r)
    for x, old in zip([*arrays, r], [*before, r_before], strict=True):
        np.testing.assert_array_equal(x, old, "an op wrote into its input")
    return y.data, [x.grad for x in inputs]


def random_like(y: np.ndarray) -> np.ndarray:
    return np.random.default_rng(7).standard_normal(y.shape).astype(y.dtype)


def assert_close(actual, expected, tolerance=None) -> None:
    """Same shape, same dtype, same numbers as far as the dtype can tell (NaN equals NaN)."""
    expected = np.asarray(expected)
    tolerance = tolerance or (1e-10 if expected.dtype == np.float64 else 2e-5)
    np.testing.assert_allclose(np.asarray(actual), expected, rtol=tolerance, atol=tolerance, strict=True)


def agree_with_torch(ours: Callable, theirs: Callable, *arrays: np.ndarray) -> None:
    """Value and all gradients equal PyTorch's, in float64 and in float32, and so do their dtypes."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to agree with")
    for dtype in (np.float64, np.float32):
        values = [x.astype(dtype) for x in arrays]
        y, gradients = run(ours, *values)
        inputs = [torch.tensor(x, requires_grad=True) for x in values]
        expected = theirs(*inputs)
        assert_close(y, expected.detach().numpy())
        expected.backward(torch.tensor(random_like(y)))
        for gradient, x in zip(gradients, inputs, strict=True):
            assert_close(gradient, x.grad.numpy())


# -- claims that hold for every op -----------------------------------------------------------------


def channels_last(x):
    """The same array with axis 1 (that of vectors: 0) innermost in memory."""
    axis = min(1, x.ndim - 1)
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, axis, -1)), -1, axis)


def every_second(x):
    wide = np.full((*x.shape[:-1], 2 * x.shape[-1]), np.nan, x.dtype)
    wide[..., ::2] = x
    return wide[..., ::2]


def lay(x, layout):
    return LAYOUTS[layout](x) if x.ndim else x


LAYOUTS = {
    "channels last": channels_last,
    "every second of a wider array": every_second,
    "backwards (negative strides)": lambda x: np.flip(np.flip(x).copy()),
    "axes reversed (Fortran)": np.asfortranarray,
}


def layout_does_not_matter(f: Callable, *arrays: np.ndarray) -> None:
    """Value, gradients and dtypes are those of contiguous float64 arrays, whatever the strides.

    The float32 result is compared with the float64 one, so a float32 input must give a float32 output.
    """
    y, gradients = run(f, *arrays)
    for dtype in (np.float64, np.float32):
        for layout in LAYOUTS:
            *strided, r = (lay(x.astype(dtype), layout) for x in (*arrays, random_like(y)))
            f_strided, d_strided = run(f, *strided, cotangent=r)
            assert_close(f_strided, y.astype(dtype))
            for actual, expected in zip(d_strided, gradients, strict=True):
                assert_close(actual, expected.astype(dtype))
    _, of_ones = run(f, *arrays, cotangent=np.ones_like(y))
    _, of_broadcast = run(f, *arrays, cotangent=np.broadcast_to(y.dtype.type(1), y.shape))  # as sum() sends it
    for actual, expected in zip(of_broadcast, of_ones, strict=True):
        assert_close(actual, expected)


def empty_batch(f: Callable, x_shape, y_shape, *parameters: np.ndarray) -> None:
    """No images in, none out; dE/dx is empty too, and parameters get a gradient of zeros."""
    y, (dx, *others) = run(f, np.zeros((0, *x_shape)), *parameters)
    assert y.shape == (0, *y_shape)
    assert dx.shape == (0, *x_shape)
    for gradient, parameter in zip(others, parameters, strict=True):
        assert_close(gradient, np.zeros_like(parameter))


def raises(error: type[Exception], call: Callable, *named: str) -> None:
    """call() raises the error in one line that names each of these."""
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    for text in named:
        assert text in message, f"{text!r} is not named in: {message}"
