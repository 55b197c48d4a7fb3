"""What a tensor holds: an array of numbers. How one is made of what is given, and what can be asked of it."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from minidelve.backend import device_of, held, native, to_device
from minidelve.errors import one_line, shown

NUMBERS = "fiub"  # NumPy's kinds of dtypes: float, int, unsigned, bool


class HeldArray:
    """An array, and what can be asked of it: the half of a Tensor that knows of no gradient."""

    _data: Any

    @property
    def shape(self) -> tuple[int, ...]:
        return self._data.shape

    @property
    def dtype(self) -> np.dtype:
        return self._data.dtype

    @property
    def ndim(self) -> int:
        return self._data.ndim

    @property
    def size(self) -> int:
        return Count(self._data.size)

    @property
    def device(self) -> str:
        return device_of(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(f"the truth of a tensor of shape {self.shape} is ambiguous; reduce it first")
        return bool(self._data)

    def item(self) -> float:
        """The only element as a Python number; ValueError if there is not exactly one."""
        if self.size != 1:
            raise ValueError(f"item() needs exactly one element; this tensor has shape {self.shape}")
        return self._data.item()

    def tolist(self) -> Any:
        """The elements as Python numbers, in lists of lists of this shape; a single number without axes."""
        return to_device(self._data, "cpu").tolist()

    def __dlpack_device__(self) -> tuple[int, int]:
        """The kind of device and its number, as DLPack counts them: (1, 0) is the CPU, (2, 0) the first GPU."""
        return self._data.__dlpack_device__()

    def __float__(self) -> float:
        return float(self.item())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)


class Count(int):
    """How many elements there are, as in NumPy; PyTorch's size is a method, and is told so when it is called."""

    def __call__(self, *axis: Any) -> NoReturn:
        raise TypeError(
            "t.size is the number of elements; write t.shape for PyTorch's t.size(), t.shape[0] for t.size(0)"
        )


def as_array(data: Any, beside: Any = None) -> Any:
    """The array behind `data`, held as Tensor says.

    beside   the dtype of a tensor that data are to be combined with. Data without a dtype of their own take it:
             numbers of Python, alone or in lists, and of NumPy. A float beside integers becomes float32

    Raises TypeError for what is not a number or an array of them, and for another library's that wants a gradient.

    >>> as_array(0.5).dtype.name, as_array(0.5, beside=np.dtype("float64")).dtype.name
    ('float32', 'float64')
    >>> as_array(np.ones(2, np.float32), beside=np.dtype("float64")).dtype.name
    'float32'
    """
    if isinstance(data, HeldArray):
        return data._data
    if hasattr(data, "dtype") or hasattr(data, "__dlpack__"):
        array = data if type(data) is np.ndarray else native(data)
        has_own_dtype = array.ndim > 0 or beside is None
    else:
        array, has_own_dtype = _array_from(data), hasattr(data, "__array__")
    if not has_own_dtype and array.dtype.kind in NUMBERS:
        if beside is not None and beside.kind == "f":
            array = array.astype(beside, copy=False)
        elif array.dtype.kind == "f":
            array = array.astype(np.float32, copy=False)
    return held(array)


def _array_from(data: Any) -> np.ndarray:
    """Numbers of Python, in lists or alone, as NumPy reads them."""
    try:
        array = np.array(data)
    except ValueError:  # rows of unequal length: no numbers, like all that is refused below
        array = np.array(None)
    except Exception as error:  # of another library's numbers, which raises its own
        raise TypeError(f"a tensor holds numbers, or lists of them of one length: {one_line(str(error))}") from error
    if array.dtype.kind in NUMBERS:
        return array
    raise TypeError(f"a tensor holds numbers, or lists of them of one length; got {shown(data)} (dtype {array.dtype})")
