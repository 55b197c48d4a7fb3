"""What kernels/contract.py declares, read out of its signatures and docstrings, and compared with calls."""

import inspect
import math
import re
from typing import Any

import numpy as np

from kernels.contract import Kernels

NAMES = [name for name in vars(Kernels) if not name.startswith("_")]
ARRAY = re.compile(r"^(\w+) +\(([^)]*)\) (float or float16|float|int16|int32|int64|as x)\b", re.M)
PAIRS = dict(re.findall(r"(\w+) \((\w+, \w+)\)", str(inspect.getdoc(Kernels))))  # size (H, W) and the like


def signature(name: str) -> inspect.Signature:
    return inspect.signature(getattr(Kernels, name).__get__(object()))


def arguments(name: str) -> str:
    """The arguments and their defaults as a folder writes them: without types."""
    bare = [p.replace(annotation=p.empty) for p in signature(name).parameters.values()]
    return str(inspect.Signature(bare))[1:-1]


def arrays(name: str) -> dict[str, tuple[list[str], str]]:
    """Array -> (its axes, such as ["N", "H", "kw C"]; its dtype), for arguments and results."""
    lines = ARRAY.findall(str(inspect.getdoc(getattr(Kernels, name))))
    return {array: ([axis.strip() for axis in axes.split(",") if axis], dtype) for array, axes, dtype in lines}


def results(name: str) -> list[str]:
    """The arrays that the kernel gives, in their order; none for one that works in place."""
    if signature(name).return_annotation is None:
        return []
    return [array for array in arrays(name) if array == "out" or array not in signature(name).parameters]


def pairs(annotation: Any) -> bool:
    """Whether a result, or what out= holds, is two arrays."""
    return "tuple" in str(annotation)


def check(name: str, args: tuple, given: tuple) -> None:
    """AssertionError unless arguments and results have the shapes and dtypes that the contract declares."""
    assert len(given) == len(results(name)), f"{name} gives {len(given)} arrays; the contract has {results(name)}"
    values = {**signature(name).bind(*args).arguments, **dict(zip(results(name), given))}
    there = {array: values[array] for array in arrays(name) if isinstance(values.get(array), np.ndarray)}
    letters: dict[str, Any] = {}
    for pair in PAIRS.keys() & values.keys():
        if isinstance(values[pair], tuple):  # local_response_norm's size is a number
            letters.update(zip(PAIRS[pair].split(", "), values[pair], strict=True))
    check_shapes(name, there, letters)
    check_dtypes(name, there)


def check_shapes(name: str, there: dict[str, np.ndarray], letters: dict[str, Any]) -> None:
    shapes = {array: arrays(name)[array][0] for array in there}
    for array, axes in shapes.items():  # first what each letter is, then whether all agree on it
        lengths = [there[array].shape] if axes == ["..."] else there[array].shape
        letters.update({axis: x for axis, x in zip(axes, lengths, strict=True) if axis not in letters})
    for array, axes in shapes.items():
        expected = letters["..."] if axes == ["..."] else tuple(extent(axis, letters) for axis in axes)
        assert there[array].shape == expected, (
            f"{name}: {array} has shape {there[array].shape}; the contract says ({', '.join(axes)}), here {expected}"
        )


def extent(axis: str, letters: dict[str, int]) -> int:
    """The length of an axis: a letter's, a number, or a product of these, such as "kh kw C"."""
    return math.prod(int(factor) if factor.isdigit() else letters[factor] for factor in axis.split())


def check_dtypes(name: str, there: dict[str, np.ndarray]) -> None:
    dtypes = {array: arrays(name)[array][1] for array in there}
    half = np.dtype(np.float16)
    of_the_call = {there[array].dtype for array, dtype in dtypes.items() if dtype.startswith("float")} - {half}
    assert len(of_the_call) <= 1, f"{name}: arrays of {of_the_call}"
    allowed: dict[str, list] = {"float": [*of_the_call], "float or float16": [*of_the_call, half]}
    for array, dtype in dtypes.items():
        expected = [there["x"].dtype] if dtype == "as x" else allowed.get(dtype, [dtype])
        assert there[array].dtype in expected, f"{name}: {array} is {there[array].dtype}; the contract says {dtype}"
