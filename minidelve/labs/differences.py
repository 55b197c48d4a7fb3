"""Two results: whether they are alike, where they differ, and in what way, in the words of a hint."""

from __future__ import annotations

import numpy as np

TOLERANCE = {"float32": 1e-4, "float64": 1e-9}  # of the largest number of the right result
FEW = 4  # numbers, from which on a factor that all share is no chance


def alike(got: np.ndarray, right: np.ndarray, dtype: np.dtype) -> bool:
    """Whether two results have one shape and, but for rounding in `dtype`, the same numbers."""
    return got.shape == right.shape and bool(close(got, right, dtype).all())


def close(got: np.ndarray, right: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Which numbers of two results of one shape are the same, but for rounding in `dtype`; NaN is like NaN."""
    if right.dtype.kind not in "fc" or got.dtype.kind not in "biufc":
        return np.asarray(got == right) if right.dtype.kind not in "fc" else np.zeros(right.shape, bool)
    finite = np.abs(right[np.isfinite(right)])
    scale = finite.max() if finite.size else 0.0
    return np.isclose(got, right, rtol=0, atol=TOLERANCE[dtype.name] * max(scale, 1e-30), equal_nan=True)


def where(name: str, case: str, got: np.ndarray, right: np.ndarray, dtype: np.dtype) -> str:
    """The first hint: what of a result is not as it should be, and where first.

    >>> where("da", "two channels", np.array([1.0, 4.0]), np.array([1.0, 2.0]), np.dtype("float64"))
    'da[1] is 4, expected 2 (case: two channels; 1 of 2 differ)'
    """
    if got.shape != right.shape:
        return f"{name} has shape {got.shape}, expected {right.shape} (case: {case})"
    wrong = ~close(got, right, dtype)
    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    at = f"{name}[{', '.join(map(str, place))}]" if place else name
    numbers = f"{int(wrong.sum())} of {right.size} differ"
    return f"{at} is {number(got[place])}, expected {number(right[place])} (case: {case}; {numbers})"


def number(x: object) -> str:
    """A number of a hint."""
    return f"{float(x):.6g}" if isinstance(x, (float, np.floating)) else str(x)


def manner(got: np.ndarray, right: np.ndarray, dtype: np.dtype) -> str | None:
    """In what way a whole result is wrong, where all its numbers tell the same; else None.

    >>> manner(np.array([2.0, -4.0, 6.0, 1.0]), np.array([1.0, -2.0, 3.0, 0.5]), np.dtype("float64"))
    'every number is 2 times what it should be'
    """
    if got.shape != right.shape:
        return manner_of_shape(got, right, dtype)
    bad = int((~np.isfinite(got) & np.isfinite(right)).sum()) if got.dtype.kind == "f" else 0
    if bad:
        return f"{bad} of {right.size} are infinite or NaN"
    if right.size >= FEW and right.dtype.kind == "f" and got.dtype.kind in "biuf" and np.isfinite(right).all():
        if not got.any():
            return "every number is 0"
        largest = np.abs(right).argmax()
        ratio = float(got.flat[largest]) / float(right.flat[largest])
        if ratio and alike(got / ratio, right, dtype):
            return factor(ratio)
        shift = float(got.flat[0]) - float(right.flat[0])
        if alike(got - shift, right, dtype):
            return f"every number is off by {number(shift)}"
        if got.ndim == 2 and got.shape[0] == got.shape[1] and alike(got.T, right, dtype):
            return "it is transposed"
        if alike(np.sort(got, axis=None), np.sort(right, axis=None), dtype):
            return "the numbers are right, and in another order"
    return None


def manner_of_shape(got: np.ndarray, right: np.ndarray, dtype: np.dtype) -> str | None:
    """What a result of another shape has to do with the right one."""
    if got.ndim == 2 and got.shape == right.shape[::-1] and alike(got.T, right, dtype):
        return "it is transposed"
    if got.size == right.size and alike(got.reshape(right.shape), right, dtype):
        return "the numbers are right, the shape is not"
    return None


def factor(ratio: float) -> str:
    """How many times too large all numbers are, in words."""
    if np.isclose(ratio, -1, rtol=1e-4):
        return "every number has the wrong sign"
    near = 1 / ratio if abs(ratio) < 1 else ratio
    whole = round(near)
    if abs(ratio) < 1 and np.isclose(near, whole, rtol=1e-4):
        return f"every number is 1/{abs(whole)} of what it should be" + (", with the wrong sign" if ratio < 0 else "")
    return f"every number is {ratio:.4g} times what it should be"
