"""The framework on a CUDA device: every op, whole training steps and both kernel folders against the CPU.

    python -m pytest -m gpu

Without a device the file is one skip; tests/cuda runs it there on a stand-in for CuPy, with the .cu files compiled
for the CPU.
"""

import math

import numpy as np
import pytest

from minidelve import Tensor, backend, nn, ops, optim
from minidelve.backend import to_device, use
from minidelve.backend.precision import using_precision
from minidelve.cli import main
from minidelve.models import create
from minidelve.testing import check_gradients, gradients
from minidelve.testing.cases import gradient_cases

usable, reason = backend.cuda_state()
if not usable:
    pytest.skip(f"no CUDA device: {reason}", allow_module_level=True)

pytestmark = pytest.mark.gpu
FOLDERS = [name for name in ("cupy_cuda", "numba_cuda") if backend.can_run(name)]


@pytest.fixture(params=FOLDERS)
def folder(request):
    """Each of the two sets of CUDA kernels in turn."""
    with use(request.param):
        yield request.param


def both(op, df, *arrays):
    """[result, *gradients] of op on the CPU and on the device, all as NumPy arrays."""
    found = []
    for device in ("cpu", "cuda"):
        leaves = [Tensor(to_device(a, device), requires_grad=True) for a in arrays]
        y = op(*leaves)
        assert y.device == device
        y.backward(to_device(df, device))
        results = [y.data, *(leaf.grad for leaf in leaves)]
        assert {backend.device_of(r) for r in results} == {device}
        found.append([to_device(r, "cpu") for r in results])
    return found


def agree(op, df, *arrays, tolerance):
    for ours, theirs in zip(*both(op, df, *arrays), strict=True):
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
        np.testing.assert_allclose(theirs, ours, rtol=tolerance, atol=tolerance * max(1.0, abs(ours).max()))


# -- ops -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", gradient_cases(), ids=lambda case: f"{case.op}-{case.description}")
def test_every_gradient_is_right_on_the_device(case):
    assert check_gradients(case.f, *case.inputs, device="cuda") < 1e-6


def test_gradients_are_checked_where_they_were_asked_to_be(capsys, monkeypatch):
    seen = set()

    def square(x):
        seen.add(x.device)
        return x * x

    assert check_gradients(square, np.ones(2), device="cuda") < 1e-6 and seen == {"cuda"}
    moved, real = [], gradients.to_device
    monkeypatch.setattr(gradients, "to_device", lambda x, device: moved.append(device) or real(x, device))
    assert main(["check-grad", "--op", "exp", "--device", "cuda"]) == 0
    assert "cuda" in moved


CONVOLUTIONS = [
    # algorithm, N, C, O, size, kernel, stride, padding
    ("im2col", 2, 3, 5, (9, 8), 3, 2, 1),
    ("im2col", 1, 4, 8, (6, 7), (2, 3), 1, (1, 0)),
    ("direct", 3, 3, 16, (11, 9), 7, 2, 3),
    ("direct", 2, 8, 8, (7, 7), 2, 1, 1),
    ("winograd", 2, 4, 6, (8, 9), 3, 1, 1),
    ("winograd", 2, 8, 4, (7, 5), 2, 1, 0),
    ("winograd", 1, 3, 3, (6, 6), 2, 1, 1),
    ("auto", 2, 64, 64, (13, 13), 2, 1, 0),
]


@pytest.mark.parametrize("activation", ["none", "relu", "prelu", "prelu-shared", "prelu, a slope of 0"])
@pytest.mark.parametrize("shape", CONVOLUTIONS, ids=str)
def test_convolution_agrees_with_the_cpu(folder, shape, activation, rng):
    algorithm, N, C, O, size, kernel, stride, padding = shape
    if folder == "numba_cuda" and C == 64 and activation != "prelu":
        pytest.skip("one large case is enough for the slow twin")
    kernel = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    x, w, b = (rng.standard_normal(s).astype(np.float32) for s in ((N, C, *size), (O, C, *kernel), (O,)))
    slopes = np.full(1 if activation == "prelu-shared" else O, 0.25, np.float32)
    if activation == "prelu, a slope of 0":
        slopes[0] = 0  # y cannot be told from f there
    learned = [slopes] if activation.startswith("prelu") else []

    def op(x, w, b, a=None):
        f = 0.0 if activation == "relu" else a
        return ops.conv2d(x, w, b, stride, padding, algorithm, activation=f)

    y = op(*map(Tensor, (x, w, b, *learned)))
    agree(op, rng.standard_normal(y.shape).astype(np.float32), x, w, b, *learned, tolerance=2e-5)


OPS = {
    "max_pool2d": (lambda x: ops.max_pool2d(x, 3, 2, 1, ceil_mode=True), (2, 8, 9, 10)),
    "avg_pool2d": (lambda x: ops.avg_pool2d(x, 2, 2), (2, 5, 8, 6)),
    "spatial_pyramid_pool2d": (lambda x: ops.spatial_pyramid_pool2d(x, (6, 3, 2, 1)), (2, 16, 13, 11)),
    "relu": (ops.relu, (3, 4, 5, 5)),
    "local_response_norm": (ops.local_response_norm, (2, 7, 3, 3)),
    "softmax": (ops.softmax, (5, 9)),
}


@pytest.mark.parametrize(("op", "shape"), OPS.values(), ids=OPS)
def test_float32_ops_agree_with_the_cpu(folder, op, shape, rng):
    x = rng.standard_normal(shape).astype(np.float32)
    df = rng.standard_normal(op(Tensor(x)).shape).astype(np.float32)
    agree(op, df, x, tolerance=1e-5)


def test_an_empty_batch_passes_through(folder):
    conv = nn.Conv2d(3, 4, 3), nn.PReLU(4), nn.MaxPool2d(2)
    net = nn.Sequential(*conv, nn.SpatialPyramidPool2d((2, 1)), nn.Linear(20, 3))
    y = net.to("cuda")(Tensor(to_device(np.zeros((0, 3, 9, 9), np.float32), "cuda")))
    assert y.shape == (0, 3)


# -- devices ---------------------------------------------------------------------------------------


def test_a_tensor_moves_with_its_gradient_and_keeps_its_order_in_memory(rng):
    x = Tensor(rng.standard_normal((2, 5, 5, 3)).transpose(0, 3, 1, 2), requires_grad=True)
    there = x.to("cuda")
    assert there.device == "cuda" and there.data.strides == x.data.strides
    (there * there).sum().backward()
    assert backend.device_of(x.grad) == "cpu"
    np.testing.assert_allclose(x.grad, 2 * x.data)
    back = there.to("cpu")
    np.testing.assert_array_equal(back.data, x.data)
    assert back.data.strides == x.data.strides


def test_a_module_moves_there_and_back(rng):
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.PReLU(4))
    before, strides = net.state_dict(), [p.data.strides for p in net.parameters()]
    net.to("cuda")
    assert {p.device for p in net.parameters()} == {"cuda"}
    assert [p.data.strides for p in net.parameters()] == strides
    after = net.state_dict()
    assert all(isinstance(value, np.ndarray) for value in after.values())
    for name, value in net.to("cpu").state_dict().items():
        np.testing.assert_array_equal(value, before[name])
        np.testing.assert_array_equal(value, after[name])


def test_devices_do_not_mix(rng):
    x, w = Tensor(to_device(np.ones((2, 3), np.float32), "cuda")), Tensor(np.ones((4, 3), np.float32))
    with pytest.raises(TypeError, match=r"different devices \(cpu and cuda\).*\.to"):
        ops.linear(x, w)
    for mixture in (lambda: x + w[:2], lambda: w[:2] * x, lambda: x - np.ones((2, 3), np.float32)):
        with pytest.raises(TypeError, match=r"different devices \(cpu and cuda\)"):
            mixture()
    assert "device=cuda" in repr(x) and (2 * x + 1).device == "cuda"
    with pytest.raises(TypeError, match="lives on the GPU"):
        np.asarray(x)


def test_dropout_draws_on_the_device_and_repeats_with_its_seed():
    x = Tensor(to_device(np.ones((200, 50), np.float32), "cuda"))
    draws = [to_device(ops.dropout(x, 0.25, True, np.random.default_rng(seed)).data, "cpu") for seed in (3, 3, 4)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).any()
    assert set(np.unique(draws[0])) == {0.0, np.float32(1 / 0.75)}
    assert abs((draws[0] == 0).mean() - 0.25) < 0.02
    rng = np.random.default_rng(3)
    first, second = (to_device(ops.dropout(x, 0.25, True, rng).data, "cpu") for _ in range(2))
    assert (first != second).any()


# -- training --------------------------------------------------------------------------------------


def network(dtype=np.float32):
    """A narrow lab14 without dropout, its weights in dtype."""
    net = create("lab14", 4, seed=0, width=0.25)
    for name in ("fc1_drop", "fc2_drop"):
        getattr(net, name).p = 0.0
    for parameter in net.parameters():
        parameter.data = parameter.data.astype(dtype)
    return net


def steps(device, count, dtype=np.float32, lr=1e-3):
    """(losses, weights) of a few training steps on noise."""
    rng, net = np.random.default_rng(1), network(dtype).to(device)
    optimizer, losses = optim.SGD(net.parameters(), lr), []
    for _ in range(count):
        x, targets = rng.standard_normal((4, 40, 40, 3)).astype(dtype).transpose(0, 3, 1, 2), rng.integers(0, 4, 4)
        optimizer.zero_grad()
        loss = ops.cross_entropy(net(Tensor(to_device(x, device))), targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, net.state_dict()


@pytest.mark.parametrize("dtype, tolerance", [(np.float32, 2e-4), (np.float64, 1e-9)])
def test_training_takes_the_cpu_s_steps(folder, dtype, tolerance):
    count = 3 if folder == "numba_cuda" else 5
    (ours, weights), (theirs, their_weights) = steps("cpu", count, dtype), steps("cuda", count, dtype)
    assert len(set(ours)) == count
    np.testing.assert_allclose(theirs, ours, rtol=tolerance)
    for name, value in weights.items():
        np.testing.assert_allclose(their_weights[name], value, rtol=10 * tolerance, atol=tolerance, err_msg=name)


def test_the_same_steps_give_the_same_bits():
    (ours, weights), (again, same_weights) = steps("cuda", 3), steps("cuda", 3)
    assert ours == again
    for name, value in weights.items():
        np.testing.assert_array_equal(same_weights[name], value)


@pytest.mark.parametrize("precision", ["tf32", "mixed"])
def test_rounded_factors_give_what_the_cpu_computes_with_them(precision):
    """The CPU rounds by software what the device's tensor cores round; both add in float32."""
    with using_precision(precision):
        (ours, _), (theirs, _) = steps("cpu", 3, lr=1e-4), steps("cuda", 3, lr=1e-4)
    strict, _ = steps("cpu", 3, lr=1e-4)
    assert ours != strict
    np.testing.assert_allclose(theirs, ours, rtol=5e-3)
    assert not any(map(math.isnan, theirs))


def test_loss_scaling_finds_an_infinity_on_the_device():
    a = nn.Parameter(to_device(np.ones(3, np.float32), "cuda"))
    scale = optim.LossScale(8.0)
    a.grad = to_device(np.float32([8.0, 16.0, 0.0]), "cuda")
    assert scale.unscale([a])
    assert to_device(a.grad, "cpu").tolist() == [1.0, 2.0, 0.0]
    b = nn.Parameter(to_device(np.ones(3, np.float32), "cuda"))
    b.grad = to_device(np.float32([1.0, np.inf, 0.0]), "cuda")
    assert not scale.unscale([a, b]) and scale.scale == 4.0
