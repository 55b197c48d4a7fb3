"""SGD is the paper's rule, literally, whatever the memory order of parameters and gradients."""

from types import SimpleNamespace

import numpy as np
import pytest

from minidelve import Tensor, nn, optim
from minidelve.optim import sgd

MU, EPS, DECAY = 0.9, 0.05, 5e-4


def paper_step(a, D, gradient, eps=EPS, mu=MU, decay=DECAY):
    """Equation (4) and the descent step, as the paper's text has them."""
    D = mu * D + eps * (gradient + decay * a)
    a = a - D
    return a, D


def small_net(dtype=np.float64) -> nn.Sequential:
    """A conv layer (channels-last weight), slopes without decay, a linear layer."""
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 2, rng=rng), nn.PReLU(4), nn.Flatten(), nn.Linear(16, 5, rng=rng))
    for p in net.parameters():
        p.data = p.data.astype(dtype)  # astype keeps the order in memory
    return net


def set_gradients(net: nn.Module, rng: np.random.Generator) -> list[np.ndarray]:
    """Random gradients, in the memory order that backward() would give; returns copies."""
    for p in net.parameters():
        p.grad = np.empty_like(p.data)
        p.grad[...] = rng.standard_normal(p.shape)
    return [p.grad.copy() for p in net.parameters()]


@pytest.mark.parametrize(("dtype", "mu", "decay"), [
    (np.float32, MU, DECAY), (np.float64, MU, DECAY), (np.float64, 0.0, 0.5),
])  # fmt: skip
def test_every_parameter_follows_the_papers_rule_also_when_the_rate_drops(rng, dtype, mu, decay):
    net = small_net(dtype)
    optimizer = optim.SGD(net.parameters(), lr=EPS, momentum=mu, weight_decay=decay)
    arrays = [p.data for p in net.parameters()]
    expected = [(p.data.astype(np.float64), np.zeros(p.shape)) for p in net.parameters()]
    decays = [decay, decay, 0.0, decay, decay]  # none on PReLU's slope
    for step in range(8):
        optimizer.lr = eps = EPS if step < 4 else EPS / 10
        gradients = set_gradients(net, rng)
        optimizer.step()
        expected = [paper_step(a, D, g, eps, mu, d) for (a, D), g, d in zip(expected, gradients, decays, strict=True)]
        for p, (a, _), g, array in zip(net.parameters(), expected, gradients, arrays, strict=True):
            np.testing.assert_allclose(p.data, a, rtol=1e-12 if dtype == np.float64 else 1e-4, atol=1e-6)
            assert p.dtype == dtype and np.array_equal(p.grad, g)  # the gradient is left alone
            assert p.data is array  # a step writes into the parameter's own array


def test_defaults_are_the_papers():
    optimizer = optim.SGD(nn.PReLU().parameters(), lr=0.01)
    assert (optimizer.lr, optimizer.momentum, optimizer.weight_decay) == (0.01, 0.9, 5e-4)


# -- what it is given ------------------------------------------------------------------------------


def test_a_parameter_without_gradient_stays_and_zero_grad_forgets():
    net = small_net()
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    before = [p.data.copy() for p in net.parameters()]
    optimizer.step()
    assert all(np.array_equal(p.data, old) for p, old in zip(net.parameters(), before, strict=True))
    set_gradients(net, np.random.default_rng(0))
    optimizer.zero_grad()
    assert all(p.grad is None for p in net.parameters())


ORDERS = {"C": np.ascontiguousarray, "Fortran": np.asfortranarray, "strided": lambda x: np.repeat(x, 2, axis=0)[::2]}


@pytest.mark.parametrize("reorder", ORDERS.values(), ids=ORDERS)
def test_a_gradient_of_another_memory_order_steps_right(reorder, rng):
    w = nn.Conv2d(3, 4, 2).weight
    before, gradient = w.data.copy(), rng.standard_normal(w.shape).astype(np.float32)
    w.grad = reorder(gradient)
    optim.SGD([w], lr=0.5, weight_decay=0.0).step()
    np.testing.assert_allclose(w.data, before - np.float32(0.5) * gradient, rtol=1e-6)


def test_the_kernel_is_handed_contiguous_arrays_whatever_the_gradient_is(monkeypatch):
    p = nn.Parameter(np.ones(4))
    p.grad = np.arange(8.0)[::2]
    seen = []
    step = sgd.kernels_for(p.data).momentum_step

    def spy(*arguments):
        seen.extend(x.flags.c_contiguous for x in arguments[:3])
        step(*arguments)

    monkeypatch.setattr(sgd, "kernels_for", lambda *arrays: SimpleNamespace(momentum_step=spy))
    optim.SGD([p], lr=1.0, weight_decay=0.0).step()
    assert seen and all(seen) and p.data.tolist() == [1, -1, -3, -5]


def test_assigned_data_of_another_order_or_dtype_keeps_its_momentum(rng):
    w = nn.Conv2d(3, 4, 2).weight
    optimizer = optim.SGD([w], lr=EPS, momentum=MU, weight_decay=DECAY)
    a, D = w.data.astype(np.float64), np.zeros(w.shape)
    for data in (w.data, np.ascontiguousarray(w.data), np.asfortranarray(w.data), w.data.astype(np.float64)):
        data[...] = w.data
        w.data = data
        w.grad = rng.standard_normal(w.shape).astype(data.dtype)
        optimizer.step()
        a, D = paper_step(a, D, w.grad)
        np.testing.assert_allclose(w.data, a, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(optimizer.momenta[0], D, rtol=1e-4, atol=1e-6)
    assert optimizer.momenta[0].dtype == np.float64


def test_data_with_gaps_in_memory_is_refused_with_the_cure():
    w = nn.Parameter(np.ones((4, 4)))
    optimizer = optim.SGD([w], lr=0.1)
    w.data, w.grad = np.ones((4, 8))[:, ::2], np.ones((4, 4))
    with pytest.raises(ValueError, match=r"must fill its memory; assign a copy \(p\.data = x\.copy\(\)\)"):
        optimizer.step()
    w.data = w.data.copy()
    optimizer.step()
    assert np.all(w.data < 1)


@pytest.mark.parametrize(("arguments", "message"), [
    (([],), "got no parameters"),
    (([Tensor([1.0])],), "leaf tensors with requires_grad=True"),
    ((nn.Linear(2, 2).weight,), "leaf tensors"),  # its rows: nothing would ever be trained
    ((nn.PReLU().parameters(), -0.1), "lr -0.1"),
    ((nn.PReLU().parameters(), float("nan")), "lr nan"),
    ((nn.PReLU().parameters(), float("inf")), "lr inf"),
    ((nn.PReLU().parameters(), 0.1, 1.0), r"momentum 1.0, .*expected .*0 <= momentum < 1"),
])  # fmt: skip
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=f"SGD: .*{message}"):
        optim.SGD(*arguments) if len(arguments) > 1 else optim.SGD(*arguments, lr=0.1)


def test_a_restored_optimizer_goes_on_as_if_never_stopped(rng):
    nets = small_net(), small_net()
    first = optim.SGD(nets[0].parameters(), lr=0.1)
    for _ in range(3):
        set_gradients(nets[0], rng)
        first.step()
    first.lr = 0.01
    state = first.state_dict()
    nets[1].load_state_dict(nets[0].state_dict())
    second = optim.SGD(nets[1].parameters(), lr=5.0)
    second.load_state_dict(state)
    kept = [D.copy() for D in state["steps"]]
    for net, optimizer in zip(nets, (first, second), strict=True):
        set_gradients(net, np.random.default_rng(1))
        optimizer.step()
    for a, b in zip(*(net.parameters() for net in nets), strict=True):
        np.testing.assert_array_equal(a.data, b.data)
    assert all(np.array_equal(D, old) for D, old in zip(state["steps"], kept, strict=True))  # copies both ways
    with pytest.raises(ValueError, match="belong to other parameters"):
        optim.SGD(nn.PReLU().parameters(), lr=0.1).load_state_dict(state)


def test_a_parameter_given_twice_would_move_twice_and_is_refused():
    p = list(nn.Linear(2, 2).parameters())
    with pytest.raises(ValueError, match="SGD: parameter 2 is parameter 0 again and would move twice"):
        optim.SGD([*p, p[0]], lr=0.1)


NO_PARAMETERS = {
    "an iterator that was used up": (lambda: iter(()), ValueError, "used up"),
    "arrays": (lambda: [np.ones(3)], TypeError, "expected Tensors only"),
    "groups": (lambda: [{"params": []}], TypeError, "not named_parameters"),
    "pairs": (lambda: nn.Linear(1, 1).named_parameters(), TypeError, "not named_parameters"),
    "a module": (lambda: nn.Linear(1, 1), TypeError, r"got a Linear; pass model\.parameters\(\)"),
    "one alone": (lambda: nn.PReLU().a, ValueError, r"got a Parameter alone.*pass a list, \[parameter\]"),
    "a result": (lambda: [nn.PReLU().a * 2], ValueError, "leaf tensors"),
    "text": (lambda: "weights", TypeError, "expected Tensors only"),
}


@pytest.mark.parametrize(("what", "error", "message"), NO_PARAMETERS.values(), ids=NO_PARAMETERS)
def test_what_cannot_be_trained_is_refused(what, error, message):
    with pytest.raises(error, match=message):
        optim.SGD(what(), lr=0.1)


@pytest.mark.parametrize(("name", "value"), [
    ("lr", "0.1"), ("lr", None), ("lr", Tensor(0.1)), ("momentum", True), ("weight_decay", [1e-4])])  # fmt: skip
def test_what_is_no_number_is_refused(name, value):
    with pytest.raises(TypeError, match=f"SGD: {name} is .*; expected a number"):
        optim.SGD(nn.PReLU().parameters(), **{"lr": 0.1, name: value})


@pytest.mark.parametrize("add", [
    lambda net: setattr(net, "more", nn.Linear(1, 1)),
    lambda net: setattr(net[0], "weight", nn.Parameter([[1.0]])),
])  # fmt: skip
def test_a_layer_added_after_the_optimizer_is_told_at_the_next_step(add):
    net = nn.Sequential(nn.Linear(1, 1))
    sgd = optim.SGD(net.parameters(), lr=0.1)
    sgd.step()
    add(net)
    with pytest.raises(ValueError, match=r"SGD: .*weight is new in the module.*make a new SGD"):
        sgd.step()
    optim.SGD(net.parameters(), lr=0.1).step()
