"""The stand-in for CuPy refuses what CuPy refuses, and its copies beside the computation come late."""

import cupy
import numpy as np
import pytest

from minidelve import Tensor, backend

OPERATIONS = [
    lambda x, a: x + a, lambda x, a: a + x, lambda x, a: x @ a, lambda x, a: x == a, lambda x, a: x.__iadd__(a),
    lambda x, a: cupy.maximum(x, a), lambda x, a: np.maximum(a, x), lambda x, a: cupy.exp(a), lambda x, a: cupy.sum(a),
    lambda x, a: cupy.concatenate([x, a]), lambda x, a: np.concatenate([x, a]), lambda x, a: cupy.where(x > 0, x, a),
    lambda x, a: x.__setitem__(0, a[0]), lambda x, a: cupy.add.at(x, 0, a[0]), lambda x, a: cupy.exp([1.0]),
]  # fmt: skip


@pytest.mark.parametrize("operation", OPERATIONS)
def test_arrays_of_the_cpu_do_not_mix_with_the_device_s(operation):
    with pytest.raises(TypeError):
        operation(cupy.ones((2, 2)), np.ones((2, 2)))


def test_a_device_array_becomes_a_numpy_array_only_on_purpose():
    x = cupy.ones(3)
    assert not isinstance(x, np.ndarray)
    for conversion in (np.asarray, np.array, lambda x: np.zeros(3) + x):
        with pytest.raises(TypeError):
            conversion(x)
    for copy in (x.get(), cupy.asnumpy(x), backend.to_device(x, "cpu")):
        assert type(copy) is np.ndarray and copy.tolist() == [1, 1, 1]
    with pytest.raises(TypeError):
        range(cupy.asarray(3))


def test_results_without_axes_are_arrays():
    x = cupy.arange(3.0)
    for result in (x.sum(), x[1], x.max(), cupy.exp(x)[0], x[0] + 1, (x > 0).all(), cupy.sum(x)):
        assert isinstance(result, cupy.ndarray) and result.shape == ()
    assert float(x.sum()) == 3 and x[2].item() == 2 and bool((x >= 0).all())


def test_views_share_their_memory_and_everything_else_has_its_own():
    x = cupy.arange(12.0).reshape(3, 4)
    for view in (x[1], x[:, ::2], x.T, x.reshape(2, 6), x[..., None], x.ravel(), cupy.broadcast_to(x, (2, 3, 4))):
        assert cupy.may_share_memory(view, x) and view.base is not None
    for other in (x + 0, x[[0, 1]], x[x > 3], x.copy(), x.T.ravel(), x.astype(np.float32), cupy.asarray(x.get())):
        assert not cupy.may_share_memory(other, x) and other.base is None
    x[1] = 7
    x[:, 1] += 1
    assert x.get().tolist() == [[0, 2, 2, 3], [7, 8, 7, 7], [8, 10, 10, 11]]
    assert x[1].data.ptr == x.data.ptr + 4 * 8 and x.data.ptr % 512 == 0 and cupy.empty(0).data.ptr == 0


def test_numpy_s_functions_are_handed_on():
    x = cupy.arange(4.0)
    for result in (np.exp(x), np.float32(2) * x, np.sum(x), np.zeros_like(x), np.empty_like(x, shape=(2, 2))):
        assert isinstance(result, cupy.ndarray)
    assert np.shape(x) == (4,)
    with pytest.raises(TypeError):
        np.median(x)  # not in the stand-in


def test_what_is_not_there_raises():
    for missing in (lambda: cupy.linalg, lambda: cupy.ones(1).ctypes, lambda: cupy.fuse, lambda: cupy.cuda.nccl):
        with pytest.raises(AttributeError):
            missing()


def test_memory_is_counted_and_given_back_and_can_run_out():
    pool = cupy.get_default_memory_pool()
    before = pool.used_bytes()
    x = cupy.empty(1000, np.float32)
    y = x[10:]
    assert pool.used_bytes() - before == 4096
    del x
    assert pool.used_bytes() - before == 4096
    del y
    assert pool.used_bytes() == before
    pool.set_limit(size=before + 10_000)
    try:
        with pytest.raises(cupy.cuda.memory.OutOfMemoryError, match="allocating 40,448 bytes .*limit set"):
            cupy.empty(10_100, np.float32)
    finally:
        pool.set_limit(size=0)


@pytest.fixture
def stream():
    return cupy.cuda.Stream(non_blocking=True)


@pytest.mark.parametrize("value", [1, 2])
def test_a_copy_is_late_and_takes_what_its_buffer_holds_by_then(stream, value):
    buffer, there = np.ones(3), cupy.empty(3)
    there.set(buffer, stream=stream)
    assert np.isnan(there.get()).all()
    buffer[:] = value
    cupy.cuda.get_current_stream().wait_event(stream.record())
    assert there.get().tolist() == [value] * 3


def test_an_array_that_is_let_go_of_under_a_copy_is_seen(stream):
    there = cupy.empty(3)
    there.set(np.ones(3), stream=stream)
    del there
    with pytest.raises(RuntimeError, match="let go of while a copy to it was under way"):
        stream.synchronize()


def test_a_result_waited_for_is_there_and_holds_what_was_asked_for():
    x, out = cupy.ones(3), np.zeros(3)
    x.get(out=out, blocking=False)
    event = cupy.cuda.get_current_stream().record()
    x += 1
    assert out.tolist() == [0, 0, 0] and not event.done
    event.synchronize()
    assert out.tolist() == [1, 1, 1] and event.done


def test_a_generator_repeats_with_its_seed():
    def draws(seed):
        generator = cupy.random.Generator(cupy.random.Philox4x3210(seed))
        return [generator.random(5, dtype=np.float32).get() for _ in range(2)]

    np.testing.assert_array_equal(draws(3), draws(3))
    assert (draws(3)[0] != draws(4)[0]).any() and (draws(3)[0] != draws(3)[1]).any()


class Foreign:
    """An array on the GPU of a library that is not CuPy: it speaks DLPack, or like Numba's has an interface alone."""

    def __init__(self, array, *names):
        self.array, self.dtype = array, str(array.dtype)
        for name in names:
            value = getattr(array, name)
            setattr(self, name, value) if name.endswith("interface__") else self.speak(name, value)

    def speak(self, name, method):
        self.__class__ = type("Foreign", (Foreign,), {**vars(type(self)), name: lambda self, **asked: method(**asked)})


WAYS = {"dlpack": ("__dlpack__", "__dlpack_device__"), "interface": ("__cuda_array_interface__",)}


@pytest.mark.parametrize("way", WAYS)
def test_a_foreign_array_on_the_gpu_becomes_cupy_s_in_the_same_memory(way):
    x = cupy.arange(12, dtype=np.float32).reshape(3, 4)
    for own in (x, x[:, 1::2], x.T):
        w = Tensor([1.0], requires_grad=True)
        w.data = foreign = Foreign(own, *WAYS[way])
        for t in (Tensor(foreign), w):
            assert type(t.data) is cupy.ndarray and t.device == "cuda" and t.tolist() == own.tolist()
            assert cupy.shares_memory(t.data, x) and t.data.strides == own.strides
    t.data[0, 0] = 9
    assert x[0, 0].item() == 9


def test_what_cupy_cannot_read_is_refused_in_a_line():
    x = Foreign(cupy.ones(2, np.complex64), *WAYS["dlpack"])
    with pytest.raises(TypeError, match=r"a tensor cannot hold this .*Foreign of complex64: CuPy does not support"):
        Tensor(x)


def test_a_tensor_on_the_gpu_is_handed_out_there_and_comes_back_on_purpose():
    t = Tensor(cupy.arange(6.0).reshape(2, 3), requires_grad=True)
    out = cupy.from_dlpack(t.detach())
    assert cupy.shares_memory(out, t.data) and t.__dlpack_device__() == (2, 0)
    assert np.from_dlpack(t.detach(), device="cpu").tolist() == t.tolist() == [[0, 1, 2], [3, 4, 5]]
    for wrong in (t, t.detach()[::-1]):
        with pytest.raises(BufferError):
            cupy.from_dlpack(wrong)
    with pytest.raises(TypeError, match="lives on the GPU"):
        t.detach().numpy()
    there = t.cpu()
    (there * there).sum().backward()
    assert there.device == "cpu" and type(t.grad) is cupy.ndarray and t.grad.tolist() == [[0, 2, 4], [6, 8, 10]]


def test_places_views_and_orders_of_axes_are_found_on_the_gpu():
    t = Tensor(cupy.asarray(np.float32([[1, 5, 5], [7, 3, 2]])))
    places = t.argmax(axis=1)
    assert type(places.data) is cupy.ndarray and places.tolist() == [1, 0] and t.argmax().item() == 3
    assert t.view(3, 2).tolist() == [[1, 5], [5, 7], [3, 2]] and t.permute(1, 0).tolist() == [[1, 7], [5, 3], [5, 2]]
    assert t[Foreign(cupy.asarray([1, 1]), *WAYS["dlpack"])].tolist() == [[7, 3, 2]] * 2
