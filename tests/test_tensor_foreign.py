"""Arrays of other libraries: taken in and handed out in the same memory, or refused in a line that says what to do."""

from types import SimpleNamespace

import numpy as np
import pytest

from minidelve import Tensor, cross_entropy, leaky_relu, nn, relu
from minidelve.backend import capsule, native
from tests.helpers import raises

DTYPES = ["float32", "float64", "uint8", "int32", "int64", "bool"]


class Foreign:
    """An array of a library that speaks DLPack and nothing else."""

    def __init__(self, array, device=(1, 0), **lacks):
        self.array, self.device, self.lacks = array, device, lacks

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, **asked):
        if self.lacks.get("versions") and "max_version" in asked:
            raise TypeError("unexpected keyword argument 'max_version'")
        return self.array.__dlpack__(**asked)


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed: there is no other library")


# -- in --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_speaks_dlpack_is_shared_and_keeps_its_dtype(dtype):
    x = np.ones((2, 3), dtype)
    for t in (Tensor(Foreign(x)), Tensor(Foreign(x.T)).T, Tensor(Foreign(x[:, ::2]))):
        assert type(t.data) is np.ndarray and t.dtype == dtype and np.shares_memory(t.data, x)
    Tensor(Foreign(x)).data[0, 0] = 0
    assert x[0, 0] == 0


def test_a_copy_is_taken_of_what_may_not_be_written_or_does_not_say_so():
    x = np.ones(3)
    unsaid = Tensor(Foreign(x, versions=True))
    assert not np.shares_memory(unsaid.data, x)
    x.flags.writeable = False
    jax_like = type("ReadOnly", (Foreign,), {"__array__": lambda self, dtype=None, copy=None: self.array})
    for t in (unsaid, Tensor(jax_like(x)), Tensor(Foreign(np.ones(3, np.float16)))):
        assert t.data.flags.behaved and t.tolist() == [1, 1, 1] and t.dtype.kind == "f" and t.dtype.itemsize >= 4


def test_an_old_library_that_shares_by_array_is_shared():
    x = np.ones(3)
    old = type("Old", (Foreign,), {"__array__": lambda self, dtype=None, copy=None: self.array})
    assert np.shares_memory(Tensor(old(x, versions=True)).data, x)


def test_what_lies_on_a_gpu_is_read_by_cupy(monkeypatch):
    cupy = SimpleNamespace(from_dlpack=lambda x: "by DLPack", asarray=lambda x: "by its interface")
    monkeypatch.setattr("minidelve.backend.foreign.cupy_module", lambda: cupy)
    for device in (2, 13):  # DLPack's CUDA, and CUDA's memory that the CPU sees too
        assert native(Foreign(np.ones(3), device=(device, 0))) == "by DLPack"
    assert native(SimpleNamespace(__cuda_array_interface__={})) == "by its interface"


@pytest.mark.parametrize("dtype", DTYPES)
def test_pytorchs_tensors_are_shared_both_ways(torch, dtype):
    theirs = torch.ones(2, 3, dtype=getattr(torch, dtype))
    ours = Tensor(theirs)
    assert ours.dtype == dtype and ours.shape == (2, 3)
    for back in (torch.from_dlpack(ours), torch.as_tensor(ours), torch.asarray(ours)):
        back[0, 0] = 0
        assert theirs[0, 0] == ours.data[0, 0] == 0 and back.dtype == theirs.dtype
        theirs[0, 0] = 1
        assert ours.data[0, 0] == back[0, 0] == 1


def test_a_tensor_that_wants_a_gradient_there_is_told_to_detach(torch):
    x, t = torch.ones(2, requires_grad=True), Tensor([1.0, 2.0], requires_grad=True)
    for call in (
        lambda: Tensor(x), lambda: t + x, lambda: t < x, lambda: setattr(t, "data", x), lambda: nn.Parameter(x),
        lambda: (t * t).backward(x), lambda: Tensor(torch.nn.Parameter(torch.ones(2))),
    ):  # fmt: skip
        raises(TypeError, call, "gradient", "write x.detach()")
    assert Tensor(x.detach()).tolist() == [1, 1]


def test_what_has_no_counterpart_is_refused_with_the_librarys_own_reason(torch):
    refused = {
        "bfloat16": torch.ones(2, dtype=torch.bfloat16), "complex64": torch.ones(2, dtype=torch.complex64).conj(),
        "sparse": torch.eye(2).to_sparse(), "meta": torch.ones(2, device="meta"),
    }  # fmt: skip
    for name, x in refused.items():
        with pytest.raises(TypeError, match="a tensor cannot hold this torch.Tensor of torch.") as caught:
            Tensor(x)
        assert name.lower() in str(caught.value).lower() and "\n" not in str(caught.value)
        assert "float32 on the CPU" in str(caught.value)
    raises(TypeError, lambda: Tensor(torch.ones(2, dtype=torch.complex64)), "a tensor holds numbers", "x.real")


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8"])
def test_pytorchs_labels_are_targets(torch, dtype):
    z = Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    targets = torch.tensor([0, 2], dtype=getattr(torch, dtype))
    loss = cross_entropy(z, targets)
    targets[:] = 1  # after the call they are the caller's again
    loss.backward()
    ours = Tensor(z.data, requires_grad=True)
    cross_entropy(ours, np.array([0, 2])).backward()
    np.testing.assert_array_equal(z.grad, ours.grad)
    raises(TypeError, lambda: cross_entropy(z, torch.tensor([0.0, 2.0])), "targets are float32; expected integers")


def test_bare_arrays_of_pytorch_stand_wherever_numpys_do(torch):
    t = Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    x = torch.ones(3, dtype=torch.float32)
    assert (t + x).tolist() == (t + np.ones(3, np.float32)).tolist() and (t + x).dtype == np.float64
    assert (t > x).tolist() == (t.data > 1).tolist()
    index = torch.tensor([1, 1])
    y = t[index]
    index[:] = 0
    y.backward(torch.ones(2, 3, dtype=torch.float32))
    assert t.grad.tolist() == [[0, 0, 0], [2, 2, 2]]
    assert t[torch.tensor([True, False])].tolist() == [[0, 1, 2]] and t[torch.tensor(1)].tolist() == [3, 4, 5]


# -- out -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_numpy_reads_a_tensor_by_dlpack_in_its_memory(dtype):
    t = Tensor(np.ones((2, 3), dtype))
    out = np.from_dlpack(t)
    assert np.shares_memory(out, t.data) and out.dtype == dtype and t.__dlpack_device__() == (1, 0)
    for strided in (t.T, t[:, ::2], t[0, 0], t[:0]):
        np.testing.assert_array_equal(np.from_dlpack(strided), strided.data)


def test_what_the_array_api_may_ask_for_is_answered():
    t = Tensor([1.0, 2.0])
    for asked in ({}, {"stream": None}, {"max_version": (1, 0)}, {"dl_device": (1, 0)}, {"copy": False}):
        kind = "dltensor_versioned" if "max_version" in asked else "dltensor"
        assert f'"{kind}"' in repr(t.__dlpack__(**asked))
    raises(BufferError, lambda: t.__dlpack__(dl_device=(2, 0)))
    with pytest.raises(TypeError):
        t.__dlpack__(None)  # all by name
    copy = np.from_dlpack(Foreign(t, versions=False), copy=True)
    assert not np.shares_memory(copy, t.data) and copy.tolist() == t.tolist()


def test_what_is_not_asked_for_is_not_asked_of_the_array():
    """To CuPy, stream=None is an order: wait on the default stream."""
    asked_of = SimpleNamespace(strides=(4,), __dlpack__=lambda **asked: asked)
    assert capsule(asked_of, stream=None, max_version=(1, 0), dl_device=None) == {"max_version": (1, 0)}
    assert capsule(asked_of, copy=False, stream=0) == {"copy": False, "stream": 0}


def test_what_wants_a_gradient_or_runs_backwards_is_not_handed_out():
    w, t = Tensor([1.0, 2.0], requires_grad=True), Tensor([[1.0, 2.0], [3.0, 4.0]])
    for x in (w, w * 2.0):
        raises(BufferError, x.__dlpack__, "lose the gradient", "t.detach()")
        assert np.from_dlpack(x.detach()).tolist() == x.tolist()
    for x in (t[::-1], t[:, ::-1].T):
        raises(BufferError, x.__dlpack__, f"strides {x.data.strides}", "Tensor(t.data.copy())")
        assert np.from_dlpack(Tensor(x.data.copy())).tolist() == x.tolist() == np.from_dlpack(x, copy=True).tolist()


def test_pytorch_never_sees_strides_on_which_it_ends_the_process(torch):
    t = Tensor([[1.0, 2.0], [3.0, 4.0]])[::-1]
    for take in (lambda t: t.__dlpack__(), torch.from_dlpack, torch.as_tensor, torch.tensor):  # the first is harmless
        with pytest.raises(BufferError, match="strides"):
            take(t)
    assert torch.from_dlpack(t, copy=True).tolist() == t.tolist() == [[3, 4], [1, 2]]


# -- plain Python and NumPy ------------------------------------------------------------------------


def test_numpy_gives_the_array_itself_and_only_without_a_gradient():
    t = Tensor([1.0, 2.0])
    assert t.numpy() is t.data
    raises(TypeError, Tensor([1.0], requires_grad=True).numpy, "t.detach()")


def test_numpy_reads_a_tensor_without_a_copy_unless_it_asks_for_one():
    t = Tensor([1.0, 2.0])
    assert np.shares_memory(np.asarray(t), t.data) and not np.shares_memory(np.array(t), t.data)
    assert np.asarray(t, np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="copy"):
        t.__array__(np.float64, copy=False)


def test_tolist_gives_python_numbers_of_any_tensor():
    w = Tensor([[1.0, 2.0]], requires_grad=True)
    assert w.tolist() == [[1.0, 2.0]] and type(w.tolist()[0][0]) is float
    assert Tensor(3).tolist() == 3 and Tensor([True]).tolist() == [True] and Tensor([]).tolist() == []


def test_cpu_is_the_tensor_itself_where_it_is_there_already():
    w = Tensor([1.0], requires_grad=True)
    assert w.cpu() is w


def test_a_minus_that_pytorch_keeps_beside_the_memory_counts():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    assert Tensor(torch._neg_view(torch.tensor([1.0, -2.0]))).tolist() == [-1.0, 2.0]
    assert Tensor(torch.tensor([1 + 2j]).conj().imag).tolist() == [-2.0]


def test_a_state_that_cannot_be_taken_says_which_part():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    layer = nn.Linear(2, 2)
    state = {name: torch.ones(p.shape) for name, p in layer.named_parameters()}
    layer.load_state_dict(state)
    assert layer.weight.data.tolist() == [[1.0, 1.0], [1.0, 1.0]]
    raises(TypeError, lambda: layer.load_state_dict({**state, "bias": state["bias"].bfloat16()}), "bias", "float32")
    raises(TypeError, lambda: layer.load_state_dict([1]), "got a list", "arrays by name")


def test_an_op_is_told_by_the_name_it_was_called_with(torch):
    for f in (relu, leaky_relu):
        raises(TypeError, lambda f=f: f(torch.ones(2)), rf"{f.__name__} works on Tensors; got a torch.Tensor")


def test_a_list_of_what_has_no_counterpart_is_refused(torch):
    for x, why in ((torch.ones(1, dtype=torch.bfloat16), "BFloat16"), (torch.ones(1, requires_grad=True), "detach")):
        raises(TypeError, lambda x=x: Tensor([x]), "a tensor holds numbers", why)


def test_targets_that_are_no_numbers_are_refused_by_name():
    for targets in (None, "ab"):
        raises(TypeError, lambda t=targets: cross_entropy(Tensor([[1.0, 2.0]]), t), "cross_entropy: targets: ")
