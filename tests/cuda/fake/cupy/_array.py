"""cupy.ndarray: a NumPy array in device memory (_memory.py) that NumPy cannot see into.

It holds a NumPy array rather than being one, so that it refuses what a GPU's array refuses: to meet a NumPy array in
an operation, to become one unasked, to take part where isinstance(x, numpy.ndarray) is expected.  As in CuPy, results
without axes are arrays, never NumPy's scalars.

`apply(function, ...)` is how everything here works: take the NumPy arrays out, call NumPy, and give the result device
memory, or none of its own if it is a view.
"""

import inspect
import operator
import weakref

import numpy as np

from cupy._memory import Memory, MemoryPointer, living

CPU, CUDA = 1, 2  # DLPack's numbers
SCALARS = int, float, complex, np.generic  # bool is an int


class ndarray:
    __slots__ = "_host", "_memory", "base", "__weakref__"
    __array_priority__ = 100
    __hash__ = None

    def __init__(self, shape, dtype=float, memptr=None, strides=None, order="C"):
        if strides is not None:
            raise NotImplementedError("ndarray(strides=) is not in the fake")
        dtype = np.dtype(dtype)
        shape = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
        size = int(np.prod(shape)) * dtype.itemsize
        memory = Memory(size) if memptr is None else memptr.mem
        offset = 0 if memptr is None else memptr.ptr - memory.ptr
        self._host = memory._bytes(offset, size).view(dtype).reshape(shape, order=order)
        self._memory, self.base = memory, None

    # -- what it is ------------------------------------------------------------------------------

    shape, dtype, ndim, size, itemsize, nbytes, strides, flags = (
        property(operator.attrgetter(f"_host.{name}"))
        for name in ("shape", "dtype", "ndim", "size", "itemsize", "nbytes", "strides", "flags")
    )
    T = property(lambda self: self.transpose())

    @property
    def data(self):
        return MemoryPointer(self._memory, self._host.ctypes.data - self._memory.ptr if self.size else 0)

    @property
    def device(self):
        import cupy

        return cupy.cuda.Device(0)

    @property
    def __cuda_array_interface__(self):
        return {"shape": self.shape, "typestr": self.dtype.str, "descr": self.dtype.descr, "version": 3,
                "strides": None if self.flags.c_contiguous else self.strides, "data": (self.data.ptr, False),
                "stream": 1}  # fmt: skip

    def __format__(self, spec):
        return format(self.item(), spec) if self.ndim == 0 else object.__format__(self, spec)

    # -- to the CPU and back, on purpose ---------------------------------------------------------

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def __dlpack_device__(self):
        return CUDA, 0

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        if dl_device == (CPU, 0):
            return self.get().__dlpack__(max_version=max_version)
        return Capsule(self.copy() if copy else self)

    def get(self, stream=None, order="C", out=None, blocking=True):
        stream = current_stream() if stream is None else stream
        if out is None:
            stream.synchronize()
            return np.array(self._host, order=order)
        if out.dtype != self.dtype or out.shape != self.shape or not (out.flags.c_contiguous or out.flags.f_contiguous):
            raise ValueError(f"get(out=): {out.dtype}{out.shape} does not fit {self.dtype}{self.shape}")
        now = self._host.copy()
        stream._later(lambda: np.copyto(out, now))
        if blocking:
            stream.synchronize()
        return out

    def set(self, arr, stream=None):
        stream = current_stream() if stream is None else stream
        if not isinstance(arr, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if arr.dtype != self.dtype:
            raise TypeError(f"{arr.dtype} array cannot be set to {self.dtype} array")
        if arr.shape != self.shape:
            raise ValueError(f"Shape mismatch. Old shape: {arr.shape}, new shape: {self.shape}")
        if not (self.flags.c_contiguous or self.flags.f_contiguous):
            raise RuntimeError("Cannot set to non-contiguous array")
        memory, here, size = weakref.ref(self._memory), self._host, self.nbytes

        def copy():
            if memory() is None:
                raise RuntimeError(f"an array of {size} bytes was let go of while a copy to it was under way")
            np.copyto(here, arr)

        stream._later(copy)
        if not stream.is_non_blocking:
            stream.synchronize()

    # -- elements --------------------------------------------------------------------------------

    def __getitem__(self, slices):
        return apply(operator.getitem, self, with_ellipsis(slices))

    def __setitem__(self, slices, value):
        check_operands(value)
        apply(operator.setitem, self, with_ellipsis(slices), value)

    def fill(self, value):
        self[...] = value

    # -- other forms of it -----------------------------------------------------------------------

    def reshape(self, *shape, order="C", copy=None):
        return apply(np.ndarray.reshape, self, *shape, order=order, copy=copy)

    def transpose(self, *axes):
        return apply(np.ndarray.transpose, self, *axes)

    def flatten(self, order="C"):
        return self.ravel(order).copy()

    def view(self, dtype=None, type=None):
        return apply(np.ndarray.view, self) if dtype is None else apply(np.ndarray.view, self, dtype)

    def astype(self, dtype, order="K", casting=None, subok=None, copy=True):
        dtype = np.dtype(dtype)
        fits = order == "K" or self.flags[f"{order}_CONTIGUOUS"]
        if not copy and dtype == self.dtype and fits:
            return self
        return apply(np.ndarray.astype, self, dtype, order, casting or "unsafe")

    def copy(self, order="C"):
        return fresh(self._host.copy(order))

    def argmax(self, axis=None, out=None, dtype=None, keepdims=False):
        return cast(apply(np.argmax, self, axis, out, keepdims=keepdims), dtype)

    # -- NumPy's functions on it become CuPy's ---------------------------------------------------

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        import cupy

        own = getattr(cupy, ufunc.__name__, None)
        if own is None or method not in ("__call__", "at"):
            return NotImplemented
        if "out" in kwargs:
            (kwargs["out"],) = kwargs["out"]
        return (own if method == "__call__" else own.at)(*inputs, **kwargs)

    def __array_function__(self, func, types, args, kwargs):
        import cupy

        own = getattr(cupy, func.__name__, None)
        if own is None or not all(issubclass(t, ndarray) for t in types):
            return NotImplemented
        return own(*args, **kwargs)


class Capsule:
    """What `__dlpack__` gives out; like DLPack's it can be taken once."""

    def __init__(self, array):
        self._array = array

    def taken(self):
        if self._array is None:
            raise ValueError("A DLPack tensor object cannot be consumed multiple times")
        array, self._array = self._array, None
        return array


# -- NumPy's work on device memory ---------------------------------------------------------------


def apply(function, *args, **kwargs):
    """function(*args, **kwargs) on the NumPy arrays within, its result on the device."""
    owners = []
    with np.errstate(all="ignore"):  # a GPU says nothing about infinities
        result = function(*host(args, owners), **host(kwargs, owners))
    return on_device(result, owners)


def host(x, owners):
    """x with its device arrays replaced by the NumPy arrays within, which are added to owners.

    Raises TypeError for a NumPy array.
    """
    if isinstance(x, ndarray):
        owners.append(x)
        return x._host
    if isinstance(x, np.ndarray):
        raise TypeError(f"Unsupported type {type(x)}")
    if isinstance(x, tuple | list):
        return type(x)(host(part, owners) for part in x)
    if isinstance(x, dict):
        return {name: host(part, owners) for name, part in x.items()}
    return x


def on_device(x, owners):
    """A result of NumPy as device arrays: an operand itself, a view of its memory, or new memory."""
    if isinstance(x, tuple | list):
        return type(x)(on_device(part, owners) for part in x)
    if isinstance(x, np.generic):
        return fresh(np.asarray(x))
    if not isinstance(x, np.ndarray):
        return x
    for owner in owners:
        if x is owner._host:
            return owner
        if x.size and np.may_share_memory(x, owner._host):
            return view_of(owner, x)
    return fresh(x)


def room_for(x):
    """New memory for a NumPy array, its axes in memory in the same order."""
    order = sorted(range(x.ndim), key=lambda axis: (-abs(x.strides[axis]), axis))
    own = ndarray([x.shape[axis] for axis in order], x.dtype)
    own._host = own._host.transpose(np.argsort(order))
    return own


def fresh(x):
    """A copy of a NumPy array in new memory."""
    own = room_for(x)
    own._host[...] = x
    return own


def view_of(owner, x):
    view = ndarray.__new__(ndarray)
    view._host, view._memory, view.base = x, owner._memory, owner if owner.base is None else owner.base
    return view


def at(interface):
    """The array that a `__cuda_array_interface__` describes."""
    address, _ = interface["data"]
    memory = next(memory for memory in living if memory.ptr <= address < memory.ptr + memory.size)
    whole = view_of(ndarray(0), memory._bytes(0, memory.size))
    x = np.ndarray(interface["shape"], interface["typestr"], whole._host, address - memory.ptr, interface["strides"])
    whole._memory = memory
    return view_of(whole, x)


def like_numpy_s(name, parameters, of=apply):
    """A function with these parameters that hands them to NumPy's of the same name, by position."""
    signature = inspect.signature(eval(f"lambda {parameters}: None"))

    def call(*args, **kwargs):
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return of(getattr(np, name), *bound.args)

    call.__name__, call.__signature__ = name, signature
    return call


def as_its_host(name):
    return lambda self: getattr(self._host, name)()


for _name in ("item", "tolist", "__len__", "__repr__", "__str__", "__float__", "__int__", "__bool__"):
    setattr(ndarray, _name, as_its_host(_name))
for _name, _parameters in {
    "take": "indices, axis=None, out=None",
    "swapaxes": "axis1, axis2",
    "squeeze": "axis=None",
    "ravel": "order='C'",
    "repeat": "repeats, axis=None",
    "sum": "axis=None, dtype=None, out=None, keepdims=False",
    "mean": "axis=None, dtype=None, out=None, keepdims=False",
    "var": "axis=None, dtype=None, out=None, ddof=0, keepdims=False",
    "std": "axis=None, dtype=None, out=None, ddof=0, keepdims=False",
    "max": "axis=None, out=None, keepdims=False",
    "min": "axis=None, out=None, keepdims=False",
    "all": "axis=None, out=None, keepdims=False",
    "any": "axis=None, out=None, keepdims=False",
    "argsort": "axis=-1, kind=None",
    "cumsum": "axis=None, dtype=None, out=None",
    "clip": "min=None, max=None, out=None",
}.items():
    setattr(ndarray, _name, like_numpy_s(_name, f"self, {_parameters}"))


def current_stream():
    import cupy

    return cupy.cuda.get_current_stream()


def cast(x, dtype):
    return x if dtype is None else x.astype(dtype, copy=False)


def with_ellipsis(slices):
    """An index that gives an array, not a scalar, for a single element; NumPy's arrays in it go to the device."""
    slices = slices if isinstance(slices, tuple) else (slices,)
    slices = tuple(fresh(s) if isinstance(s, np.ndarray) else s for s in slices)
    return slices if any(s is Ellipsis for s in slices) else (*slices, Ellipsis)


def check_operands(*operands):
    for x in operands:
        if not isinstance(x, (ndarray, *SCALARS)):
            raise TypeError(f"Unsupported type {type(x)}")
