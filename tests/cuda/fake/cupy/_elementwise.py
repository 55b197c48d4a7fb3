"""Elementwise functions, cupy.exp and the like, and the operators of arrays."""

import numpy as np

from cupy._array import apply, check_operands, ndarray


class ufunc:
    """An elementwise function: NumPy's of the same name."""

    def __init__(self, name):
        self.__name__ = name
        self._host = getattr(np, name)

    def __call__(self, *args, out=None, casting="same_kind", dtype=None):
        check_operands(*args)
        if len(args) > self._host.nin:  # out as the last argument
            args, out = args[:-1], args[-1]
        if out is not None and not isinstance(out, ndarray):
            raise TypeError("output arguments must be cupy.ndarray")
        return apply(self._host, *args, out=out, casting=casting, dtype=dtype)

    def at(self, a, indices, b=None):
        if self.__name__ not in ("add", "subtract", "maximum", "minimum"):
            raise NotImplementedError(f"`{self.__name__}.at` is not supported yet")
        check_operands(*(() if b is None else (b,)))
        apply(self._host.at, a, indices, *(() if b is None else (b,)))


BINARY = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide, "floordiv": np.floor_divide,
    "mod": np.remainder, "pow": np.power, "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor,
    "lshift": np.left_shift, "rshift": np.right_shift, "matmul": np.matmul,
}  # fmt: skip
COMPARISONS = {"eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater,
               "ge": np.greater_equal}  # fmt: skip
UNARY = {"neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert}


def define(name, function, reflected=False, in_place=False):
    def operation(self, *others):
        if any(is_left_to(x) for x in others):
            return NotImplemented
        check_operands(*others)
        operands = (*others, self) if reflected else (self, *others)
        return apply(function, *operands, **({"out": self} if in_place else {}))

    setattr(ndarray, name, operation)


def is_left_to(other):
    """Whether the other operand is of a type that wants the operation for itself."""
    if isinstance(other, ndarray):
        return False
    if hasattr(other, "__array_ufunc__"):
        return other.__array_ufunc__ is None
    return getattr(other, "__array_priority__", 0) > ndarray.__array_priority__


for _name, _function in BINARY.items():
    define(f"__{_name}__", _function)
    define(f"__r{_name}__", _function, reflected=True)
    if _name != "matmul":  # CuPy has no @=
        define(f"__i{_name}__", _function, in_place=True)
for _name, _function in {**COMPARISONS, **UNARY}.items():
    define(f"__{_name}__", _function)
