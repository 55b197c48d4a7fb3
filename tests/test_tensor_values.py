"""What a Tensor holds and how it behaves beside numbers and arrays: dtypes, operators, conversions."""

import operator

import numpy as np
import pytest

from minidelve import Tensor

# -- dtypes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("data", "dtype"), [
    (1.5, "float32"), ([1.0, 2.0], "float32"), ([[1, 2.5]], "float32"), ([], "float32"),
    (3, "int64"), ([1, 2], "int64"), (True, "bool"), (np.float64(1), "float64"), (np.ones(2), "float64"),
    (np.ones(2, np.float16), "float32"), (np.ones(2, np.uint8), "uint8"), (Tensor(np.ones(2)), "float64"),
])  # fmt: skip
def test_python_floats_become_float32_and_arrays_keep_their_dtype(data, dtype):
    assert Tensor(data).dtype == dtype


@pytest.mark.parametrize("wrong", ["text", None, [1, "a"], 1j, {}])
def test_what_is_no_number_is_refused(wrong):
    with pytest.raises(TypeError, match="a tensor holds numbers"):
        Tensor(wrong)


@pytest.mark.parametrize("op", [operator.add, operator.sub, operator.mul, operator.truediv])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_python_number_takes_the_dtype_of_the_tensor_beside_it(op, dtype):
    t = Tensor(np.array([1, 2], dtype))
    for number in (2, 2.5):
        assert op(t, number).dtype == dtype and op(number, t).dtype == dtype


def test_an_integer_tensor_times_a_float_floats_but_asks_for_no_gradient():
    assert (Tensor([1, 3]) * 0.5).data.tolist() == [0.5, 1.5]
    for data in (3, [1, 2], np.arange(3), [True]):
        with pytest.raises(TypeError, match="use a floating dtype"):
            Tensor(data, requires_grad=True)


def test_mixed_precisions_give_each_input_a_gradient_of_its_own_dtype():
    x = Tensor(np.array([1.5], np.float32), requires_grad=True)
    y = Tensor(np.array([2.5]), requires_grad=True)
    z = x * y
    assert z.dtype == np.float64
    z.sum().backward()
    assert (x.grad.dtype, y.grad.dtype) == (np.float32, np.float64)
    assert (x.grad, y.grad) == (2.5, 1.5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_of_scalars_are_arrays_too(dtype):
    x = Tensor(np.array(3, dtype), requires_grad=True)
    for total in (6, 12):
        (x * x).backward()
        assert isinstance(x.grad, np.ndarray) and x.grad.dtype == dtype and x.grad == total


# -- beside arrays ---------------------------------------------------------------------------------


@pytest.mark.parametrize("op", [operator.add, operator.sub, operator.mul, operator.truediv, operator.matmul])
def test_arrays_and_tensors_mix_on_either_side_to_a_tensor(op, rng):
    a, b = rng.standard_normal((3, 3)), rng.standard_normal((3, 3))
    for x, y in ((Tensor(a), b), (a, Tensor(b)), (Tensor(a), Tensor(b))):
        result = op(x, y)
        assert type(result) is Tensor and result.shape == (3, 3)
        np.testing.assert_allclose(result.data, op(a, b))


@pytest.mark.parametrize("scalar", [np.float32(2), np.float64(2), np.int64(2)])
def test_numpy_scalars_on_the_left_reach_the_tensor(scalar):
    t = Tensor([3.0], requires_grad=True)
    y = scalar * t
    assert type(y) is Tensor
    y.sum().backward()
    assert t.grad == 2


def test_comparisons_give_boolean_tensors_outside_the_graph():
    t = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    for result, expected in (
        (t < 2, [True, False, False]), (t <= 2, [True, True, False]), (t == 2, [False, True, False]),
        (t != 2, [True, False, True]), (t > np.array([0.0, 5.0, 0.0]), [True, False, True]), (t >= t, [True] * 3),
    ):  # fmt: skip
        assert result.dtype == bool and not result.requires_grad and result.data.tolist() == expected


def test_what_is_no_number_is_unequal_and_neither_more_nor_less():
    t = Tensor([1.0])
    for other in (None, "1.0", {}, object()):
        assert operator.eq(t, other) is False and operator.ne(t, other) is True
        with pytest.raises(TypeError, match="'<' not supported between instances of 'Tensor' and"):
            operator.lt(t, other)


def test_a_tensor_is_itself_in_sets_and_dicts():
    a, b = Tensor([1.0]), Tensor([1.0])
    assert {a: "a", b: "b"}[a] == "a" and len({a, b, a}) == 2


# -- conversions -----------------------------------------------------------------------------------


def test_item_is_a_python_number_and_needs_one_element():
    assert type(Tensor([[2.5]]).item()) is float and type(Tensor(3).item()) is int
    with pytest.raises(ValueError, match=r"exactly one element.*\(2,\)"):
        Tensor([1.0, 2.0]).item()


def test_truth_is_that_of_the_only_element():
    assert Tensor([1.0]) and not Tensor(0.0) and Tensor([[True]])
    for many in ([], [1.0, 1.0]):
        with pytest.raises(ValueError, match="ambiguous"):
            bool(Tensor(many))


def test_detach_shares_the_array_and_leaves_the_graph():
    x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    y = x * 2.0
    out = y.detach()
    assert out.data is y.data and not out.requires_grad and out.function is None
    (out * x).sum().backward()
    assert x.grad.tolist() == [2, 4]  # not 4 x: the factor was a constant


def test_numpy_takes_a_tensor_without_gradient_only():
    t = Tensor(np.arange(3.0))
    np.testing.assert_array_equal(np.asarray(t), t.data)
    assert np.asarray(t, np.float32).dtype == np.float32 and np.asarray(t) is not t
    with pytest.raises(TypeError, match=r"t\.data or t\.detach\(\)"):
        np.asarray(Tensor([1.0], requires_grad=True))


def test_sizes_are_those_of_the_array():
    t = Tensor(np.zeros((2, 3)))
    assert (t.shape, t.ndim, t.size, len(t), t.device) == ((2, 3), 2, 6, 2, "cpu")
    assert [row.shape for row in t] == [(3,), (3,)]


def test_repr_tells_dtype_origin_and_wish():
    x = Tensor([1.0], requires_grad=True)
    assert repr(x) == "Tensor([1.], dtype=float32, requires_grad=True)"
    assert repr(x * 2.0) == "Tensor([2.], dtype=float32, made by Multiply)"
    assert repr(Tensor([1])) == "Tensor([1], dtype=int64)"


def test_to_the_device_it_is_on_is_the_tensor_itself():
    t = Tensor([1.0], requires_grad=True)
    assert t.to("cpu") is t
    with pytest.raises(ValueError, match="'gpu' is unknown; expected 'cpu' or 'cuda'"):
        t.to("gpu")
