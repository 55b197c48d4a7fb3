"""The fisher item's network: its derivatives, what is measured of them, and its training, each computed by hand."""

import numpy as np
import pytest

from minidelve import Tensor, backend, no_grad, optim
from minidelve.experiments import Budget, Setup, fisher, fisher_course
from minidelve.experiments.fisher_course import derivatives, measure, network, train


def pieces(net, x, a):
    """(u, h, f'(u), V) in plain NumPy."""
    U, b, V = (net.state_dict()[name].astype(np.float64) for name in ("0.weight", "0.bias", "2.weight"))
    u = x @ U.T + b
    return u, np.where(u > 0, u, a * u), np.where(u > 0, 1, a), V[0]


def test_the_derivatives_are_those_of_each_image_alone():
    """By hand: d log p / dV_j = e h_j and d log p / db_q = e V_q f'(u_q)."""
    rng = np.random.default_rng(0)
    net = network(5, 4, 0.25, rng)
    x = rng.standard_normal((7, 5)).astype(np.float32)
    noise = np.random.default_rng(1).standard_normal((7, 1)).astype(np.float32)
    dV, db, h = derivatives(net, x, np.random.default_rng(1))
    _, f, slope, V = pieces(net, x, 0.25)
    np.testing.assert_allclose(dV, noise * f, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(db, noise * V * slope, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(h, f, rtol=1e-4, atol=1e-6)
    assert net(Tensor(x)).shape == (7, 1)


def learned(net, rng):
    """Make the parameters look trained."""
    for parameter in net.parameters():
        parameter.data += 0.3 * rng.standard_normal(parameter.shape).astype(np.float32)
    return net


@pytest.mark.parametrize("slope", [0.0, 0.25])
def test_what_is_measured_is_the_fisher_matrix(slope):
    """By hand, pair by pair; with few inputs, so that elements of both signs occur."""
    rng = np.random.default_rng(2)
    net = learned(network(6, 5, slope, rng), rng)
    found = measure(net, 2, np.random.default_rng(3))
    draws = np.random.default_rng(3)
    batches = [(draws.standard_normal((1000, 6)), draws.standard_normal((1000, 1))) for _ in range(2)]
    x, noise = (np.concatenate(arrays) for arrays in zip(*batches, strict=True))
    a = net.state_dict().get("1.a", np.zeros(5)).astype(np.float64)
    _, h, df, V = pieces(net, x, a)
    elements = []
    for j in range(5):
        for q in range(5):
            if j != q:
                block = np.mean(noise[:, 0] ** 2 * h[:, j] * V[q] * df[:, q])
                first = np.mean(noise[:, 0] ** 2 * h[:, j] ** 2)
                second = np.mean(noise[:, 0] ** 2 * (V[q] * df[:, q]) ** 2)
                elements.append(block / np.sqrt(first * second) * np.sign(V[q]))
    assert found["measured"] == pytest.approx(np.mean(elements), rel=1e-3)
    assert found["size"] == pytest.approx(np.mean(np.abs(elements)), rel=1e-3)
    assert found["response"] == pytest.approx(np.mean(h.mean(axis=0) / np.sqrt((h**2).mean(axis=0))), rel=1e-3)
    assert (found["slope"], found["slope_sd"]) == (pytest.approx(a.mean()), pytest.approx(a.std()))
    assert slope == 0 or found["size"] > abs(found["measured"]) + 1e-3


def test_a_dead_unit_is_left_out():
    net = network(6, 4, 0.0, np.random.default_rng(4))
    net[0].bias.data[0] = -1000
    found = measure(net, 1, np.random.default_rng(5))
    assert all(np.isfinite(value) for value in found.values())
    without = network(6, 3, 0.0, np.random.default_rng(4))
    without.load_state_dict({
        "0.weight": net[0].weight.data[1:], "0.bias": net[0].bias.data[1:],
        "2.weight": net[2].weight.data[:, 1:], "2.bias": net[2].bias.data,
    })  # fmt: skip
    assert found == pytest.approx(measure(without, 1, np.random.default_rng(5)), rel=1e-5)


def test_a_step_of_training_is_gradient_descent_on_half_the_squared_error(monkeypatch):
    monkeypatch.setattr(fisher_course, "MOMENTS", (1,))
    rng = np.random.default_rng(6)
    net, teacher = learned(network(6, 5, 0.25, rng), rng), network(6, 5, 0.0, rng)
    before, of_teacher = net.state_dict(), teacher.state_dict()
    lessons = np.random.default_rng(7)
    x, noise = lessons.standard_normal((100, 6)), lessons.standard_normal((100, 1))
    u, h, df, V = pieces(net, x, before["1.a"])
    error = (h @ V + before["2.bias"]) - (pieces(teacher, x, 0.0)[1] @ of_teacher["2.weight"][0] + noise[:, 0])
    assert list(train(net, teacher, 1, np.random.default_rng(7))) == [1]
    du = error[:, None] * V * df
    gradients = {
        "0.weight": du.T @ x / 100, "0.bias": du.mean(axis=0),
        "1.a": (error[:, None] * V * np.minimum(u, 0)).mean(axis=0),
        "2.weight": (error[:, None] * h).mean(axis=0)[None], "2.bias": error.mean(keepdims=True),
    }  # fmt: skip
    after = net.state_dict()
    for name, gradient in gradients.items():
        np.testing.assert_allclose(before[name] - after[name], 0.03 * gradient, rtol=1e-3, atol=1e-6, err_msg=name)
    for name, array in teacher.state_dict().items():
        np.testing.assert_array_equal(array, of_teacher[name])


def test_training_has_momentum_no_decay_and_a_smaller_rate_if_wide(monkeypatch):
    seen = []

    class Spy(optim.SGD):
        def __init__(self, parameters, lr, **options):
            seen.append({"lr": lr} | options)
            super().__init__(parameters, lr, **options)

    monkeypatch.setattr(optim, "SGD", Spy)
    for units in (8, 100):
        net, teacher = (network(5, units, 0.0, np.random.default_rng(seed)) for seed in (0, 1))
        assert list(train(net, teacher, 12, np.random.default_rng(2))) == [10]
    assert seen == [{"lr": rate, "momentum": 0.9, "weight_decay": 0.0} for rate in (0.03, 0.02)]


@pytest.mark.parametrize("slope", [0.0, 0.25, 0.6])
def test_the_network_starts_with_the_variance_that_its_slope_asks_for(slope):
    """Equation (10a): E[h^2] of the hidden units is E[x^2] = 1."""
    rng = np.random.default_rng(8)
    _, h, _, _ = pieces(network(200, 300, slope, rng), rng.standard_normal((500, 200)), slope)
    assert (h**2).mean() == pytest.approx(1, rel=0.03)


def test_the_network_learns_what_the_teacher_says():
    net, teacher = network(20, 16, 0.25, np.random.default_rng(0)), network(20, 16, 0.0, np.random.default_rng(1))
    x = Tensor(np.random.default_rng(2).standard_normal((2000, 20)).astype(np.float32))

    def error():
        with no_grad():
            return float(np.mean((net(x).data - teacher(x).data) ** 2))

    before = error()
    for _ in train(net, teacher, 300, np.random.default_rng(3)):
        pass
    assert error() < 0.3 * before
    assert np.std(net[1].a.data) > 0.01  # the slopes are learned, too


def test_a_relu_has_no_slope_to_learn():
    names = [name for name, _ in network(5, 4, 0.0, np.random.default_rng(0)).named_parameters()]
    assert names == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert measure(network(5, 4, 0.0, np.random.default_rng(0)), 1, np.random.default_rng(0))["slope"] == 0


@pytest.mark.gpu
@pytest.mark.skipif(not backend.cuda_state()[0], reason="no CUDA device")
def test_the_device_gives_the_same():
    budget = Budget(1, {"inputs": 40, "units": 16, "batches": 2, "steps": 30})
    for variant in ("ReLU", "PReLU a=0.25"):
        cpu, cuda = (fisher.run(Setup(budget, "toy", variant, 0, device=device)) for device in ("cpu", "cuda"))
        assert len(cpu) == len(cuda) == 3
        for one, other in zip(cpu, cuda, strict=True):
            assert other == pytest.approx(one, rel=1e-3, abs=1e-4)
