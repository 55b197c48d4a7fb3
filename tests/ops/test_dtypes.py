"""Every op on every kind of array: float64's numbers in the dtype that the rule names (backend/dtypes.py), or one line.

The rows are found, not listed: an op or a Function without a line in TABLE fails.
"""

import operator
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import pytest

from minidelve import Function, Tensor, nn, ops, optim
from minidelve.analysis.hooks import Watched
from minidelve.ops.avg_pool2d import AvgPool2d
from minidelve.ops.broadcasting import Binary
from minidelve.ops.concat import Concat
from minidelve.ops.conv.direct import Direct2d
from minidelve.ops.conv.im2col import Conv2d
from minidelve.ops.conv.scaffold import Convolution
from minidelve.ops.conv.winograd import Winograd2d
from minidelve.ops.cross_entropy import CrossEntropy
from minidelve.ops.dropout import Dropout
from minidelve.ops.elementwise import (
    Abs,
    Add,
    Divide,
    Exp,
    Log,
    Maximum,
    Minimum,
    Multiply,
    Negate,
    Power,
    Sqrt,
    Subtract,
)
from minidelve.ops.leaky_relu import LeakyReLU
from minidelve.ops.linear import Linear
from minidelve.ops.local_response_norm import LocalResponseNorm
from minidelve.ops.matmul import MatMul
from minidelve.ops.max_pool2d import MaxPool2d
from minidelve.ops.prelu import PReLU
from minidelve.ops.reductions import Deviation, Max, Min, Sum
from minidelve.ops.shaping import Index, Reshape, Transpose
from minidelve.ops.softmax import LogSoftmax, Softmax
from minidelve.ops.spatial_pyramid_pool2d import SpatialPyramidPool2d
from minidelve.ops.to_device import ToDevice
from minidelve.parallel.shares import InShares
from tests.helpers import LAYOUTS, assert_close, lay, raises, random_like

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # log(0), 1 / 0 are what they are, in every dtype


class Row(NamedTuple):
    call: Callable[..., Tensor]
    shapes: list[tuple[int, ...]]
    takes: str  # how integers are computed: backend/dtypes.py


def applied(function: type[Function], **options):
    return partial(function.apply, **options)


def seeded(f, *arguments):
    return lambda x: f(x, *arguments, rng=np.random.default_rng(1))


MATRIX, MAPS, PLANES = (4, 3), (3, 2, 4, 4), (2, 2, 2, 2)
TARGETS = np.array([2, 0, 1, 1])
POOL = {"kernel": (2, 2), "stride": (2, 2), "padding": (0, 0), "out_size": (2, 2)}
CONV = {"stride": (1, 1), "padding": (1, 1), "slope": 0.25}
ALL = {"axis": 1, "keepdims": False}
LAYER = nn.Conv2d(2, 2, 2)
# fmt: off
TABLE = {
    **{f: Row(f, [MATRIX, (3,)], "numbers") for f in (ops.add, ops.subtract, ops.multiply, ops.maximum, ops.minimum)},
    **{F: Row(F.apply, [MATRIX, (4, 1)], "numbers") for F in (Add, Subtract, Multiply, Maximum, Minimum)},
    ops.divide: Row(ops.divide, [MATRIX, (3,)], "floats"),
    Divide: Row(Divide.apply, [MATRIX, MATRIX], "floats"),
    **{f: Row(f, [MATRIX], "floats") for f in (ops.exp, ops.log, ops.sqrt, Exp.apply, Log.apply, Sqrt.apply)},
    **{F: Row(F.apply, [MATRIX], "floats") for F in (Exp, Log, Sqrt, Deviation)},
    **{f: Row(f, [MATRIX], "numbers") for f in (ops.negate, ops.absolute)},
    **{F: Row(F.apply, [MATRIX], "numbers") for F in (Negate, Abs)},
    ops.power: Row(lambda x: ops.power(x, 2), [MATRIX], "numbers"),
    Power: Row(applied(Power, p=-0.5), [MATRIX], "floats"),
    ops.sum: Row(lambda x: ops.sum(x, 1), [MATRIX], "numbers"),
    Sum: Row(applied(Sum, **ALL), [MATRIX], "numbers"),
    **{f: Row(partial(f, axis=1), [MATRIX], "floats") for f in (ops.mean, ops.var, ops.std)},
    **{f: Row(partial(f, axis=1), [MATRIX], "any") for f in (ops.max, ops.min)},
    **{F: Row(applied(F, **ALL), [MATRIX], "any") for F in (Max, Min)},
    ops.reshape: Row(lambda x: ops.reshape(x, -1, 2), [MATRIX], "any"),
    Reshape: Row(applied(Reshape, shape=(-1,)), [MATRIX], "any"),
    ops.transpose: Row(lambda x: ops.transpose(x), [MATRIX], "any"),
    Transpose: Row(applied(Transpose, axes=(1, 0)), [MATRIX], "any"),
    ops.getitem: Row(lambda x: ops.getitem(x, (slice(None), [2, 0, 2])), [MATRIX], "any"),
    Index: Row(applied(Index, index=(slice(None), 1)), [MATRIX], "any"),
    ops.flatten: Row(ops.flatten, [MAPS], "any"),
    ops.concat: Row(lambda *xs: ops.concat(xs, 0), [MATRIX, (2, 3)], "any"),
    Concat: Row(applied(Concat, axis=0), [MATRIX, (2, 3)], "any"),
    ops.matmul: Row(ops.matmul, [MATRIX, (3, 2)], "numbers"),
    MatMul: Row(MatMul.apply, [MATRIX, (3, 2)], "numbers"),
    ops.linear: Row(ops.linear, [MATRIX, (2, 3), (2,)], "floats"),
    Linear: Row(Linear.apply, [(2, 3), (2, 3), (2,)], "floats"),
    ops.conv2d: Row(ops.conv2d, [MAPS, PLANES, (2,)], "floats"),
    **{F: Row(applied(F, **CONV), [MAPS, PLANES, (2,), None], "floats") for F in (Conv2d, Direct2d, Winograd2d)},
    ops.prelu: Row(ops.prelu, [MAPS, (2,)], "floats"),
    PReLU: Row(PReLU.apply, [MATRIX, (1,)], "floats"),
    ops.relu: Row(ops.relu, [MAPS], "floats"),
    ops.leaky_relu: Row(lambda y: ops.leaky_relu(y - 40, 0.3), [MAPS], "floats"),
    LeakyReLU: Row(applied(LeakyReLU, slope=0.3), [MATRIX], "floats"),
    **{f: Row(lambda x, f=f: f(x, 2, padding=1), [MAPS], "floats") for f in (ops.max_pool2d, ops.avg_pool2d)},
    **{F: Row(applied(F, **POOL), [MAPS], "floats") for F in (MaxPool2d, AvgPool2d)},
    ops.spatial_pyramid_pool2d: Row(lambda x: ops.spatial_pyramid_pool2d(x, (3, 1)), [MAPS], "floats"),
    SpatialPyramidPool2d: Row(applied(SpatialPyramidPool2d, levels=(2,)), [MAPS], "floats"),
    ops.local_response_norm: Row(ops.local_response_norm, [MAPS], "floats"),
    LocalResponseNorm: Row(applied(LocalResponseNorm, size=2, alpha=0.1, beta=0.5, k=1.0), [MATRIX], "floats"),
    ops.dropout: Row(seeded(ops.dropout, 0.5, True), [MATRIX], "floats"),
    Dropout: Row(lambda x: Dropout.apply(x, p=0.5, rng=np.random.default_rng(1)), [MATRIX], "floats"),
    **{f: Row(f, [MATRIX], "floats") for f in (ops.softmax, ops.log_softmax)},
    **{F: Row(applied(F, axis=0), [MATRIX], "floats") for F in (Softmax, LogSoftmax)},
    ops.cross_entropy: Row(lambda z: ops.cross_entropy(z, TARGETS[: len(z)]), [MATRIX], "floats"),
    CrossEntropy: Row(lambda z: CrossEntropy.apply(z, targets=TARGETS[: len(z)]), [MATRIX], "floats"),
    Watched: Row(applied(Watched, show=lambda df: None), [MATRIX], "any"),
    InShares: Row(applied(InShares, layers=[LAYER]), [MAPS, PLANES, (2,)], "floats"),
    ToDevice: Row(applied(ToDevice, device="cpu"), [MATRIX], "any"),
}
# fmt: on
FAMILIES = {Binary, Convolution}  # of which the ops are made; no ops themselves


def every_function(of: type[Function] = Function):
    for function in of.__subclasses__():
        if function.__module__.startswith("minidelve."):
            yield function
            yield from every_function(function)


def read_only(x):
    x.flags.writeable = False
    return x


def unaligned(x):
    room = np.zeros(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    room[...] = x
    return room


KINDS = {
    "bool": lambda x: x > 40,
    **{name: lambda x, name=name: x.astype(name) for name in ("uint8", "int8", "int32", "int64", "uint64")},
    **{name: lambda x, name=name: x.astype(name) for name in ("float16", "float32", "float64", ">f4", ">i2")},
    "read-only": lambda x: read_only(x.astype("float32")),
    "unaligned": lambda x: unaligned(x.astype("float32")),
    "of a subclass": lambda x: x.astype("float32").view(np.memmap),
    "broadcast": lambda x: np.broadcast_to(x[:1].astype("float32"), x.shape),
    **{layout: lambda x, layout=layout: lay(x.astype("float32"), layout) for layout in LAYOUTS},
    **{f"uint8, {layout}": lambda x, layout=layout: lay(x.astype("uint8"), layout) for layout in LAYOUTS},
    "empty": lambda x: x[:0].astype("float32"),
    "empty uint8": lambda x: x[:0].astype("uint8"),
}
DTYPES = ["bool", "uint8", "int8", "int32", "int64", "float16", "float32", "float64"]


def arrays_of(kind, shapes, seed=0):
    """An array of this kind for each shape, of whole numbers from 1 to 80, whose sums leave 8 bits; None stays."""
    rng = np.random.default_rng(seed)
    make = [KINDS[kind], *[KINDS[kind.removeprefix("empty ").replace("empty", "float32")]] * (len(shapes) - 1)]
    return [None if s is None else f(rng.integers(1, 81, s).astype(float)) for f, s in zip(make, shapes, strict=True)]


def computed_in(takes, *dtypes):
    """The dtype of a result, from the rule as tensor.py tells it."""
    kinds = {np.dtype(d).kind for d in dtypes}
    if "f" in kinds or takes == "floats":
        return np.float64 if np.float64 in dtypes else np.float32
    return dtypes[0] if takes == "any" and len(set(dtypes)) == 1 else np.int64


def outcome(call, arrays, backwards=False):
    """The result and its gradients, or the one line that is said instead."""
    inputs = [None if x is None else Tensor(x, requires_grad=backwards) for x in arrays]
    try:
        y = call(*inputs)
    except (TypeError, ValueError) as error:
        return str(error)
    if not backwards:
        return [y.data]
    y.backward(random_like(y.data))
    return [y.data, *(x.grad for x in inputs if x is not None)]


def agree(found, expected):
    if isinstance(expected, str):
        assert found == expected and "\n" not in expected
        return
    for one, other in zip(found, expected, strict=True):
        assert_close(one, other.astype(one.dtype), 2e-5)


def test_every_op_and_every_function_has_a_row():
    assert {f for name in ops.__all__ if (f := getattr(ops, name)) not in TABLE} == set()
    assert set(every_function()) - FAMILIES - TABLE.keys() == set()


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("op", TABLE, ids=lambda op: op.__qualname__)
def test_an_op_gives_float64s_numbers_in_the_dtype_of_the_rule(op):
    call, shapes, takes = TABLE[op]
    for kind in KINDS:
        arrays = arrays_of(kind, shapes)
        before = [None if x is None else x.copy() for x in arrays]
        wide = [None if x is None else np.array(x, np.float64) for x in arrays]
        dtypes = [Tensor(x).dtype for x in arrays if x is not None]
        backwards = dtypes[0].kind == "f"
        found = outcome(call, arrays, backwards)
        agree(found, outcome(call, wide, backwards))
        if not isinstance(found, str):
            result, *gradients = found
            assert result.dtype == computed_in(takes, *dtypes), kind
            assert [g.dtype for g in gradients] == (dtypes if backwards else []), kind
        for x, old in zip(arrays, before, strict=True):
            np.testing.assert_array_equal(x, old, kind)


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("op", [op for op, row in TABLE.items() if len(row.shapes) > 1], ids=lambda op: op.__qualname__)
def test_inputs_of_two_dtypes_meet_in_one(op):
    call, (first, *rest), takes = TABLE[op]
    for one in DTYPES:
        (x,) = arrays_of(one, [first])
        for other in DTYPES:
            arrays = [x, *arrays_of(other, rest, seed=1)]
            found = outcome(call, arrays)
            agree(found, outcome(call, [None if a is None else a.astype(float) for a in arrays]))
            assert found[0].dtype == computed_in(takes, *(Tensor(a).dtype for a in arrays if a is not None))


# -- numbers beside a tensor -----------------------------------------------------------------------

NUMBERS = [
    3, 2.5, True, 300, -1, np.float64(2.5), np.float32(2.5), np.float16(2.5), np.longdouble(2.5), np.int64(-3),
    np.uint8(200), np.int8(-3), np.bool_(True), np.array(2.5), np.array(3), np.array(7, ">i4"), float("nan"),
]  # fmt: skip
ARITHMETIC = {
    operator.add: np.add, operator.sub: np.subtract, operator.mul: np.multiply, operator.truediv: np.divide,
    ops.maximum: np.maximum, ops.minimum: np.minimum,
}  # fmt: skip
COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]


def beside(number, dtype, divides=False):
    """The dtype of a tensor of `dtype` combined with a number."""
    if np.dtype(dtype).kind == "f":
        return np.dtype(dtype)
    return np.dtype(np.float32 if divides or np.asarray(number).dtype.kind == "f" else np.int64)


@pytest.mark.parametrize("kind", [kind for kind in DTYPES if kind != "float16"])
@pytest.mark.parametrize("number", NUMBERS, ids=repr)
def test_a_number_never_widens_the_tensor_beside_it(number, kind):
    (x,) = arrays_of(kind, [(2, 3)])
    t, wide, n = Tensor(x), x.astype(float), float(number)
    for f, numpys in ARITHMETIC.items():
        dtype = beside(number, x.dtype, divides=f is operator.truediv)
        assert_close(f(t, number).data, numpys(wide, n).astype(dtype))
        assert_close(f(number, t).data, numpys(n, wide).astype(dtype))
    for f in COMPARISONS:
        np.testing.assert_array_equal(f(t, number).data, f(wide, n))
        np.testing.assert_array_equal(f(number, t).data, f(n, wide))
    exact = beside(number, x.dtype).kind == "f" or n >= 0
    if n < 100:  # 80^200 is too large for all but float64
        assert_close((t**number).data, (wide**n).astype(beside(number, x.dtype) if exact else np.float32))


def test_lists_are_numbers_too_and_arrays_with_axes_are_not():
    t = Tensor(np.ones(2, np.float32))
    assert (t + [0.1, 0.2]).dtype == np.float32 and (t + np.array([0.1, 0.2])).dtype == np.float64
    assert_close((Tensor(np.ones(2)) + [0.1, 0.2]).data, np.array([1.1, 1.2]))  # not rounded to float32 on the way
    assert_close(ops.add(np.ones(2), 0.1).data, np.array([1.1, 1.1]))
    assert_close(ops.add(0.1, np.ones(2)).data, np.array([1.1, 1.1]))
    assert ops.maximum(Tensor([1, 2]), 1.5).data.tolist() == [1.5, 2]


def test_integers_do_not_run_over_where_their_results_have_room():
    x = Tensor(np.array([200, 100], np.uint8))
    assert (x + x).data.tolist() == [400, 200] and (-x).data.tolist() == [-200, -100]
    assert (1 - x).data.tolist() == [-199, -99] and (x * 100).data.tolist() == [20000, 10000]
    assert x.sum().item() == 300 and (x @ x).item() == 50000 and (x**2).data.tolist() == [40000, 10000]
    assert Tensor(np.array([-128, 5], np.int8)).min().item() == -128
    assert x.min().item() == 100 and ops.minimum(x, 150).data.tolist() == [150, 100]
    assert (Tensor([True, True]) + Tensor([True, False])).data.tolist() == [2, 1]
    assert (x**0).data.tolist() == [1, 1] and (x**0).dtype == np.int64
    assert (Tensor(np.array([2**63 - 1], np.uint64)) - 1).data.tolist() == [2**63 - 2]
    assert Tensor(np.array([2**63], np.uint64)).data.tolist() == [2**63]
    for call in (lambda t: t + 1, lambda t: t.sum()):
        raises(TypeError, lambda call=call: call(Tensor(np.array([2**63], np.uint64))), "int64", "9223372036854775808")


def test_integers_are_compared_exactly():
    assert (Tensor([2**24 + 1]) == 2.0**24 + 1).data.tolist() == [True]  # which float32 has not
    assert (Tensor(np.array([200], np.uint8)) < 300).data.tolist() == [True]
    assert (Tensor([0.1]) == np.float64(0.1)).data.tolist() == [True]


def test_numpys_numbers_as_arguments_widen_nothing():
    x, half = Tensor(np.ones(MAPS, np.float32)), np.float64(0.5)
    results = [
        ops.leaky_relu(x, half), seeded(ops.dropout, half, True)(x), x**half,
        ops.local_response_norm(x, np.int64(3), half, half, half),
        ops.conv2d(x, Tensor(np.ones(PLANES, np.float32)), activation=half),
    ]  # fmt: skip
    assert {y.dtype for y in results} == {np.dtype(np.float32)}
    p = nn.init.normal_(nn.Parameter(np.ones(3, np.float32)), half)
    p.grad = np.ones(3)
    optim.SGD([p], lr=half, momentum=half, weight_decay=half).step()
    assert p.dtype == np.float32


@pytest.mark.parametrize("wrong", ["0.5", None, 1j, [0.5], Tensor(0.5), np.array([0.5]), 10**400], ids=repr)
def test_what_is_no_number_is_named(wrong):
    x = Tensor(np.ones(MAPS))
    for call in (
        lambda: ops.leaky_relu(x, wrong),
        lambda: ops.dropout(x, wrong, True),
        lambda: ops.power(x, wrong),
        lambda: ops.local_response_norm(x, beta=wrong),
    ):
        raises(TypeError, call, "expected a number")


BINARY = {ops.add, ops.subtract, ops.multiply, ops.divide, ops.maximum, ops.minimum, ops.matmul}
ARGUMENTS = {  # that an op must have beside its first
    ops.dropout: (0.5, True), ops.max_pool2d: (2,), ops.avg_pool2d: (2,), ops.power: (2,), ops.getitem: (0,),
    ops.spatial_pyramid_pool2d: ((1,),), ops.cross_entropy: ([0],), ops.prelu: (Tensor([0.25]),),
    ops.linear: (Tensor([[1.0]]),), ops.conv2d: (Tensor([[[[1.0]]]]),),
}  # fmt: skip


@pytest.mark.parametrize("op", [getattr(ops, name) for name in ops.__all__], ids=lambda op: op.__name__)
def test_an_op_names_what_is_no_tensor(op):
    if op in BINARY:
        for wrong in (None, "text", {}, [[1.0], [1.0, 2.0]]):
            raises(TypeError, lambda wrong=wrong: op(wrong, Tensor([1.0])), "a tensor holds numbers")
            raises(TypeError, lambda wrong=wrong: op(Tensor([1.0]), wrong), "a tensor holds numbers")
        return
    for wrong in (np.ones((1, 1, 2, 2)), [[1.0]], None, 1.0, "text"):
        said = "list of Tensors" if op is ops.concat and not np.iterable(wrong) else "works on Tensors; got a"
        raises(TypeError, lambda wrong=wrong: op(wrong, *ARGUMENTS.get(op, ())), said)


def test_optional_inputs_may_be_none_and_no_others():
    x = Tensor(np.ones((1, 1, 2, 2)))
    raises(TypeError, lambda: ops.conv2d(x, None), "conv2d works on Tensors; got a NoneType")
    raises(TypeError, lambda: ops.linear(Tensor([[1.0]]), None), "linear works on Tensors; got a NoneType")
    raises(TypeError, lambda: ops.prelu(x, None), "prelu works on Tensors; got a NoneType")
    raises(TypeError, lambda: ops.conv2d(x, x, 0.5), "conv2d works on Tensors; got a float")
