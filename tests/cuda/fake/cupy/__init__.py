"""A `cupy` for machines without a GPU, backed by NumPy and g++: tests/cuda/README.md.

It has what minidelve and its kernels use, no more, and each name with CuPy's own parameters: what is missing raises
AttributeError.  It is no part of minidelve; only a process with this folder's parent on its PYTHONPATH finds it.
"""

import numpy as np

from cupy import _array
from cupy._array import ndarray
from cupy._compile import RawModule  # noqa: F401
from cupy._elementwise import ufunc
from cupy._memory import pool as _pool

__version__ = "14.2.0"  # whose behaviour this is

float64 = np.float64

# -- making arrays -----------------------------------------------------------------------------------------------------


def empty(shape, dtype=float, order="C"):
    return ndarray(shape, dtype, order=order)


def zeros(shape, dtype=float, order="C"):
    return full(shape, 0, dtype, order)


def ones(shape, dtype=float, order="C"):
    return full(shape, 1, dtype, order)


def full(shape, fill_value, dtype=None, order="C"):
    x = empty(shape, np.asarray(fill_value).dtype if dtype is None else dtype, order)
    x.fill(fill_value)
    return x


def empty_like(prototype, dtype=None, order="K", subok=None, shape=None):
    return _array.room_for(np.empty_like(_host(prototype), dtype, order, shape=shape))


def zeros_like(a, dtype=None, order="K", subok=None, shape=None):
    return full_like(a, 0, dtype, order, subok, shape)


def ones_like(a, dtype=None, order="K", subok=None, shape=None):
    return full_like(a, 1, dtype, order, subok, shape)


def full_like(a, fill_value, dtype=None, order="K", subok=None, shape=None):
    x = empty_like(a, dtype, order, subok, shape)
    x.fill(fill_value)
    return x


def arange(start, stop=None, step=1, dtype=None):
    return _array.fresh(np.arange(0 if stop is None else start, start if stop is None else stop, step, dtype))


# -- from the CPU and to it --------------------------------------------------------------------------------------------


def array(obj, dtype=None, copy=True, order="K", subok=False, ndmin=0, *, blocking=False):
    if not isinstance(obj, ndarray) and hasattr(obj, "__cuda_array_interface__"):
        obj = _array.at(obj.__cuda_array_interface__)
    if not isinstance(obj, ndarray):  # NumPy array, number or lists of numbers; lists of device arrays raise
        return _array.fresh(np.array(obj, dtype, order=order, ndmin=ndmin))
    if ndmin > obj.ndim:
        raise NotImplementedError("array(ndmin=) of a device array is not in the fake")
    return obj.astype(obj.dtype if dtype is None else dtype, order, copy=copy)


def asarray(a, dtype=None, order=None, *, copy=None, blocking=False):
    return array(a, dtype, bool(copy), order or "K")


def ascontiguousarray(a, dtype=None):
    _host(a)
    return array(a.reshape(1) if a.ndim == 0 else a, dtype, False, "C")


def from_dlpack(array, *, device=None, copy=None):
    if device is not None or array.__dlpack_device__()[0] != _array.CUDA:
        raise NotImplementedError("from_dlpack() to or from the CPU is not in the fake")
    x = array.__dlpack__(stream=1, max_version=(1, 0), copy=copy).taken()
    if x.dtype.kind not in "fiub":
        raise NotImplementedError(f"CuPy does not support {x.dtype} yet")
    return _array.view_of(x, x._host[...])


def asnumpy(a, stream=None, order="C", out=None, *, blocking=True):
    if isinstance(a, ndarray):
        return a.get(stream, order, out)
    if out is not None:
        raise NotImplementedError("asnumpy(out=) of what is on the CPU is not in the fake")
    return np.asarray(a, order=order)


# -- other forms -------------------------------------------------------------------------------------------------------


def concatenate(tup, axis=0, out=None, *, dtype=None, casting="same_kind"):
    return _array.apply(np.concatenate, tuple(tup), axis, out, dtype=dtype, casting=casting)


def stack(tup, axis=0, out=None, *, dtype=None, casting="same_kind"):
    return _array.apply(np.stack, tuple(tup), axis, out, dtype=dtype, casting=casting)


def where(condition, x=None, y=None):
    if x is None and y is None:
        return _array.apply(np.nonzero, _checked(condition))
    _array.check_operands(x, y)
    return _array.apply(np.where, _checked(condition), x, y)


def copyto(dst, src, casting="same_kind", where=None):
    if where is not None:
        raise NotImplementedError("copyto(where=) is not in the fake")
    _array.check_operands(src)
    _array.apply(np.copyto, _checked(dst), src, casting)


# -- about arrays ------------------------------------------------------------------------------------------------------


def shape(a):
    return a.shape if isinstance(a, ndarray) else np.shape(a)


def ndim(a):
    return a.ndim if isinstance(a, ndarray) else np.ndim(a)


def result_type(*arrays_and_dtypes):
    return _array.apply(np.result_type, *arrays_and_dtypes)


def may_share_memory(a, b, max_work=None):
    return isinstance(a, ndarray) and isinstance(b, ndarray) and np.may_share_memory(a._host, b._host)


def shares_memory(a, b, max_work=None):
    return isinstance(a, ndarray) and isinstance(b, ndarray) and np.shares_memory(a._host, b._host)


# -- reductions and products -------------------------------------------------------------------------------------------


def _of_array(function, a, *args):
    return _array.apply(function, _checked(a), *args)


split = _array.like_numpy_s("split", "ary, indices_or_sections, axis=0", _of_array)
broadcast_to = _array.like_numpy_s("broadcast_to", "array, shape", _of_array)
expand_dims = _array.like_numpy_s("expand_dims", "a, axis", _of_array)
unravel_index = _array.like_numpy_s("unravel_index", "indices, dims, order='C'", _of_array)
sum = _array.like_numpy_s("sum", "a, axis=None, dtype=None, out=None, keepdims=False", _of_array)
mean = _array.like_numpy_s("mean", "a, axis=None, dtype=None, out=None, keepdims=False", _of_array)
all = _array.like_numpy_s("all", "a, axis=None, out=None, keepdims=False", _of_array)
any = _array.like_numpy_s("any", "a, axis=None, out=None, keepdims=False", _of_array)
argsort = _array.like_numpy_s("argsort", "a, axis=-1, kind=None", _of_array)
tensordot = _array.like_numpy_s("tensordot", "a, b, axes=2", _of_array)


def argmax(a, axis=None, dtype=None, out=None, keepdims=False):
    return _checked(a).argmax(axis, out, dtype, keepdims)


def dot(a, b, out=None):
    return _array.apply(np.dot, _checked(a), _checked(b), out)


# -- elementwise -------------------------------------------------------------------------------------------------------

add, subtract, multiply = ufunc("add"), ufunc("subtract"), ufunc("multiply")
divide = true_divide = ufunc("divide")
floor_divide, remainder, power = ufunc("floor_divide"), ufunc("remainder"), ufunc("power")
matmul = ufunc("matmul")
maximum, minimum = ufunc("maximum"), ufunc("minimum")
negative, positive, sign, abs = ufunc("negative"), ufunc("positive"), ufunc("sign"), ufunc("absolute")
absolute = abs
exp, expm1, log, log1p, log2, sqrt, square = map(ufunc, ("exp", "expm1", "log", "log1p", "log2", "sqrt", "square"))
tanh, floor, ceil, rint = map(ufunc, ("tanh", "floor", "ceil", "rint"))
isfinite, isnan, isinf, signbit = map(ufunc, ("isfinite", "isnan", "isinf", "signbit"))
equal, not_equal, less, less_equal, greater, greater_equal = map(
    ufunc, ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
)
logical_and, logical_or, logical_not = map(ufunc, ("logical_and", "logical_or", "logical_not"))
bitwise_and, bitwise_or, bitwise_xor = map(ufunc, ("bitwise_and", "bitwise_or", "bitwise_xor"))
left_shift, right_shift = ufunc("left_shift"), ufunc("right_shift")


def _checked(x):
    """x if it is a device array; CuPy's functions take nothing else."""
    if not isinstance(x, ndarray):
        raise TypeError(f"Unsupported type {type(x)}")
    return x


def _host(x):
    return _checked(x)._host


from cupy import cuda, random  # noqa: E402, F401  they need what is above


def get_default_memory_pool():
    return _pool
