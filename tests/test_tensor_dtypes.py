"""What a tensor holds: its door refuses or converts, wherever an array comes in (backend/dtypes.py)."""

import datetime

import numpy as np
import pytest

from minidelve import Function, Tensor, cross_entropy, nn, ops
from tests.helpers import raises

ONES = np.ones((2, 3))
REFUSED = {
    "complex64": ONES.astype(np.complex64),
    "complex128": ONES + 0j,
    "object": ONES.astype(object),
    "text": ONES.astype(str),
    "bytes": ONES.astype(bytes),
    "datetime64": ONES.astype("M8[s]"),
    "timedelta64": ONES.astype("m8[s]"),
    "records": np.zeros((2, 3), [("a", np.float32)]),
    "void": np.zeros((2, 3), "V4"),
    "masked": np.ma.masked_array(ONES, mask=ONES > 2),
    "long double": ONES.astype(np.longdouble),
    "unequal rows": [[1.0, 2.0], [1.0]],
    "a long integer": [[10**30] * 3] * 2,
    "text in a list": [["1"] * 3] * 2,
    "None in a list": [[None] * 3] * 2,
    "a dict": {"a": 1.0},
    "a date": datetime.date(2015, 2, 6),
    "a generator": (x for x in range(3)),
}
if np.dtype(np.longdouble) == np.float64:  # as on Windows
    del REFUSED["long double"]


def leaf(dtype=np.float32):
    return Tensor(np.ones((2, 3), dtype), requires_grad=True)


DOORS = {
    "Tensor": lambda x: Tensor(x),
    "Parameter": lambda x: nn.Parameter(x),
    "data": lambda x: setattr(leaf(), "data", x),
    "x + t": lambda x: x + leaf(),
    "t + x": lambda x: leaf() + x,
    "t @ x": lambda x: leaf() @ x,
    "maximum": lambda x: ops.maximum(leaf(), x),
    "t < x": lambda x: leaf() < x,
    "gradient": lambda x: (leaf() * 2.0).backward(x),
    "targets": lambda x: cross_entropy(leaf(), x),
    "targets, one a row": lambda x: cross_entropy(leaf(), x[:, 0] if isinstance(x, np.ndarray) else x),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_array_of_numbers_is_refused_in_a_line(kind, door):
    raises(TypeError, lambda: DOORS[door](REFUSED[kind]))


@pytest.mark.parametrize("kind", REFUSED)
def test_the_line_says_what_came_and_what_to_do(kind):
    got = "masked" if kind == "masked" else str(getattr(REFUSED[kind], "dtype", "dtype"))
    raises(TypeError, lambda: Tensor(REFUSED[kind]), "a tensor holds numbers", got)


CONVERTED = {
    "float16": np.arange(6, dtype=np.float16).reshape(2, 3),
    "big-endian": np.arange(6, dtype=">f4").reshape(2, 3),
    "big-endian integers": np.arange(6, dtype=">i2").reshape(2, 3),
    "little-endian": np.arange(6, dtype="<f8").reshape(2, 3),
    "a subclass": np.arange(6, dtype=np.float32).reshape(2, 3).view(np.memmap),
    "read-only": np.broadcast_to(np.arange(3, dtype=np.float32), (2, 3)),
    "unaligned": np.frombuffer(b"\0" + np.arange(6, dtype=np.float32).tobytes(), np.float32, offset=1).reshape(2, 3),
}


@pytest.mark.parametrize("kind", CONVERTED)
def test_what_a_kernel_could_not_read_or_write_is_copied(kind):
    x = CONVERTED[kind]
    first, later = Tensor(x), leaf() if x.dtype.kind == "f" else Tensor(0)
    later.data = x
    for t in (first, later):
        np.testing.assert_array_equal(t.data, x)
        assert type(t.data) is np.ndarray and t.data.flags.behaved and t.dtype.isnative
        assert t.dtype == (np.float32 if kind == "float16" else x.dtype.newbyteorder("="))


def test_an_array_that_can_be_held_is_not_copied():
    for dtype in "?bBhHiIlLqQfd":
        x = np.ones((2, 3), dtype)
        for held in (x, x.T, x[:, ::2], x[::-1], x[0, 0, ...]):
            assert Tensor(held).data is held


def test_a_copy_keeps_the_order_in_memory():
    x = np.ones((2, 3, 4, 5), ">f4").transpose(0, 3, 1, 2)  # channels last
    assert Tensor(x).data.strides == x.strides


def test_arrays_of_others_keep_their_dtype():
    class Others:
        def __array__(self, dtype=None, copy=None):
            return np.ones(2)

    assert Tensor(Others()).dtype == np.float64
    torch = pytest.importorskip("torch")
    assert Tensor(torch.ones(2, dtype=torch.float64)).dtype == np.float64
    assert Tensor(torch.ones(2, dtype=torch.float16)).dtype == np.float32


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_gradient_may_be_of_any_real_dtype(dtype):
    for gradient in (np.ones((2, 3), ">f4"), np.ones((2, 3), np.uint8), [[1] * 3] * 2, CONVERTED["read-only"]):
        x = leaf(dtype)
        (x * 2.0).backward(gradient)
        np.testing.assert_array_equal(x.grad, 2.0 * np.array(gradient))
        assert x.grad.dtype == dtype and x.grad.flags.writeable
    x = leaf(np.float64)
    x.backward([[0.1] * 3] * 2)
    assert x.grad[0, 0] == 0.1  # not rounded to float32 on the way


def test_integers_ask_for_no_gradient_however_they_come():
    x, count = leaf(), Tensor([1, 2])
    for call in (
        lambda: Tensor(np.arange(3), requires_grad=True),
        lambda: nn.Parameter(np.arange(3)),
        lambda: setattr(x, "data", np.arange(3)),
        lambda: setattr(count, "requires_grad", True),
    ):
        raises(TypeError, call, "int64", "use a floating dtype")
    assert x.dtype == np.float32 and not count.requires_grad


def test_an_op_whose_result_is_whole_leaves_no_graph():
    class Places(Function):
        def forward(self, x):
            return x.argmax(axis=1)

    y = Places.apply(leaf())
    assert y.dtype == np.int64 and not y.requires_grad


def test_a_users_function_sees_one_floating_dtype_unless_it_asks():
    seen = []

    class Look(Function):
        def forward(self, x, y):
            seen.append((x.dtype.name, y.dtype.name))
            return x

    class Exact(Look):
        takes = "numbers"

    class Anything(Look):
        takes = "any"

    x, y = Tensor(np.ones(2, np.uint8)), Tensor(np.ones(2, bool))
    for op in (Look, Exact, Anything):
        op.apply(x, y)
    Look.apply(x, Tensor(np.ones(2)))
    assert seen == [("float32", "float32"), ("int64", "int64"), ("uint8", "bool"), ("float64", "float64")]


@pytest.mark.parametrize("targets", [np.array([1, 2], np.uint8), np.array([1, 2], ">i4"), [1, 2], Tensor([1, 2])])
def test_targets_are_integers_of_any_width(targets):
    z = Tensor(np.arange(6.0).reshape(2, 3))
    assert cross_entropy(z, targets).item() == cross_entropy(z, np.array([1, 2])).item()


@pytest.mark.parametrize("targets", [[1.0, 2.0], [True, False], np.array([1, 2], np.float16)])
def test_targets_of_another_dtype_are_refused(targets):
    raises(TypeError, lambda: cross_entropy(leaf(), targets), "expected integers")


def test_a_state_of_other_dtypes_is_loaded_into_the_parameters_own():
    layer = nn.Linear(2, 1)
    layer.load_state_dict({"weight": np.array([[1, 2]], ">i8"), "bias": np.ones(1, np.float16)})
    assert layer.weight.data.tolist() == [[1, 2]] and layer.weight.dtype == layer.bias.dtype == np.float32
    for wrong in (np.ones((1, 2), complex), np.array([["1", "2"]]), np.array([[1.0, 2.0]], object)):
        raises(ValueError, lambda wrong=wrong: layer.load_state_dict({"weight": wrong, "bias": np.ones(1)}), "weight")
