"""Elementwise arithmetic with broadcasting: + - * / ** exp log sqrt abs maximum minimum.

Each backward is df times a local slope:

    f = x + y      df/dx = 1          df/dy = 1
    f = x - y      df/dx = 1          df/dy = -1
    f = x y        df/dx = y          df/dy = x
    f = x / y      df/dx = 1 / y      df/dy = -f / y
    f = x^p        df/dx = p x^(p-1)                       (p a number)
    f = exp(x)     df/dx = f
    f = log(x)     df/dx = 1 / x
    f = sqrt(x)    df/dx = 1 / (2 f)
    f = |x|        df/dx = sign(x)
    f = max(x, y)  df/dx = 1 if x > y, 1/2 at a tie, else 0     (min alike; a NaN is either)

Where x and y have different shapes each gradient is brought back to its own (broadcasting.py).

>>> x, y = Tensor([1.0, 4.0], requires_grad=True), Tensor([2.0, 4.0], requires_grad=True)
>>> maximum(x, y).sum().backward()
>>> x.grad.tolist(), y.grad.tolist()
([0.0, 0.5], [1.0, 0.5])
"""

from __future__ import annotations

import numpy as np

from minidelve.backend import array_module
from minidelve.ops.arguments import number
from minidelve.ops.broadcasting import Binary, pair
from minidelve.tensor import Function, Tensor


class Add(Binary):
    def forward(self, x, y):
        return x + y

    def backward(self, df):
        return self.unbroadcast(df, df)


class Subtract(Binary):
    def forward(self, x, y):
        return x - y

    def backward(self, df):
        return self.unbroadcast(df, -df)


class Multiply(Binary):
    def forward(self, x, y):
        self.save(x, y)
        return x * y

    def backward(self, df):
        x, y = self.saved
        return self.unbroadcast(df * y, df * x)


class Divide(Binary):
    takes = "floats"

    def forward(self, x, y):
        f = x / y
        self.save(f, y)
        return f

    def backward(self, df):
        f, y = self.saved
        of_x = df / y
        return self.unbroadcast(of_x, -of_x * f)  # not x / (y * y): y * y may be 0 or infinite where y is not


class Maximum(Binary):
    def forward(self, x, y):
        f = array_module(x, y).maximum(x, y)
        self.save(x, y, f)
        return f

    def backward(self, df):
        x, y, f = self.saved
        xp = array_module(df)
        is_x, is_y = ((z == f) | (z != z) for z in (x, y))  # a NaN is the maximum
        half = xp.where(is_x & is_y, df / 2, df)
        return self.unbroadcast(*(xp.where(is_, half, df.dtype.type(0)) for is_ in (is_x, is_y)))


class Minimum(Maximum):
    def forward(self, x, y):
        f = array_module(x, y).minimum(x, y)
        self.save(x, y, f)
        return f


class Power(Function):
    takes = "numbers"

    def forward(self, x, *, p):
        self.p = p = number("power", "the exponent", p, "x ** y is exp(y * log(x))")
        x = x if x.dtype.kind == "f" or isinstance(p, int) and p >= 0 else x.astype(np.float32)
        self.save(x)
        return x**p

    def backward(self, df):
        (x,) = self.saved
        return df * (self.p * x ** (self.p - 1)) if self.p != 0 else array_module(df).zeros_like(df)


class Negate(Function):
    takes = "numbers"

    def forward(self, x):
        return -x

    def backward(self, df):
        return -df


class Exp(Function):
    def forward(self, x):
        f = array_module(x).exp(x)
        self.save(f)
        return f

    def backward(self, df):
        (f,) = self.saved
        return df * f


class Log(Function):
    def forward(self, x):
        self.save(x)
        return array_module(x).log(x)

    def backward(self, df):
        (x,) = self.saved
        return df / x


class Sqrt(Function):
    def forward(self, x):
        f = array_module(x).sqrt(x)
        self.save(f)
        return f

    def backward(self, df):
        (f,) = self.saved
        return df / (2 * f)


class Abs(Function):
    takes = "numbers"

    def forward(self, x):
        self.save(x)
        return array_module(x).abs(x)

    def backward(self, df):
        (x,) = self.saved
        return df * array_module(x).sign(x)


def add(x, y) -> Tensor:
    """x + y, broadcast like NumPy."""
    return Add.apply(*pair(x, y))


def subtract(x, y) -> Tensor:
    """x - y, broadcast like NumPy."""
    return Subtract.apply(*pair(x, y))


def multiply(x, y) -> Tensor:
    """x * y elementwise, broadcast like NumPy."""
    return Multiply.apply(*pair(x, y))


def divide(x, y) -> Tensor:
    """x / y elementwise, broadcast like NumPy."""
    return Divide.apply(*pair(x, y))


def maximum(x, y) -> Tensor:
    """The larger of x and y elementwise; at a tie each gets half of the gradient."""
    return Maximum.apply(*pair(x, y))


def minimum(x, y) -> Tensor:
    """The smaller of x and y elementwise; at a tie each gets half of the gradient."""
    return Minimum.apply(*pair(x, y))


def power(x: Tensor, p: float) -> Tensor:
    """x to the power p, a number; TypeError for anything else. Integers stay integers where p is an integer >= 0."""
    return Power.apply(x, p=p)


def negate(x: Tensor) -> Tensor:
    """-x."""
    return Negate.apply(x)


def exp(x: Tensor) -> Tensor:
    """e to the power x."""
    return Exp.apply(x)


def log(x: Tensor) -> Tensor:
    """The natural logarithm of x."""
    return Log.apply(x)


def sqrt(x: Tensor) -> Tensor:
    """The square root of x."""
    return Sqrt.apply(x)


def absolute(x: Tensor) -> Tensor:
    """|x|, with slope 0 at 0."""
    return Abs.apply(x)
