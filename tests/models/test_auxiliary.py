"""The auxiliary classifier: its loss and gradient, and that nothing but training knows of it."""

import numpy as np
import pytest

from minidelve import Tensor, models, nn, no_grad, ops
from minidelve.parallel.shares import InShares

TARGETS = np.array([0, 2, 1, 2])


def create(after: str | None = "conv2_3", **options) -> models.Network:
    options = {"width": 0.1, "fc": 7, "seed": 2, **({"aux_after": after} if after else {}), **options}
    return models.create("lab14", 3, **options)


def in_float64(net: models.Network) -> models.Network:
    for p in net.parameters():
        p.data = p.data.astype(np.float64)
    return net.eval()  # no dropout: two passes are to see the same network


def images(rng, dtype=np.float64) -> Tensor:
    return Tensor(rng.standard_normal((4, 3, 28, 28)).astype(dtype))


def gradients(net, loss: Tensor) -> dict[str, np.ndarray]:
    """dE/dparameter by name, 0 where none arrived; leaves no gradient behind."""
    loss.backward()
    found = {n: np.zeros_like(p.data) if p.grad is None else p.grad for n, p in net.named_parameters()}
    for p in net.parameters():
        p.grad = None
    return found


def one_by_one(net, x: Tensor, last: str) -> Tensor:
    """The layers up to and including `last`."""
    for name, layer in net.named_children():
        x = layer(x)
        if name == last:
            return x
    raise AssertionError(last)


def logits_of_the_auxiliary(net, x: Tensor, last: str) -> Tensor:
    """Pyramid and linear layer after the layer `last`, written out."""
    h = ops.spatial_pyramid_pool2d(one_by_one(net, x, last), (3, 2, 1))
    return ops.linear(h, net.aux.fc.weight, net.aux.fc.bias)


TAPS = {"conv1": "conv1_act", "pool1": "pool1", "conv2_3": "conv2_3_act", "conv3_6": "conv3_6_act"}


@pytest.mark.parametrize("after", TAPS)
@pytest.mark.parametrize("cores", [1, 2])
def test_loss_and_gradient_are_the_weighted_sum_of_the_two_losses(after, cores, threads_are, rng):
    net, x = in_float64(create(after, aux_weight=0.7)), images(rng)
    main = ops.cross_entropy(one_by_one(net, x, "fc3"), TARGETS)
    beside = ops.cross_entropy(logits_of_the_auxiliary(net, x, TAPS[after]), TARGETS)
    expected = main.item() + 0.7 * beside.item()
    of_main, of_beside = gradients(net, main), gradients(net, beside)

    threads_are(cores)
    loss, logits = net.loss(x, TARGETS)
    assert loss.dtype == np.float64 and loss.item() == pytest.approx(expected, rel=1e-13)
    np.testing.assert_allclose(logits.data, one_by_one(net, x, "fc3").data, rtol=1e-12)
    for name, found in gradients(net, loss).items():
        by_hand = of_main[name] + 0.7 * of_beside[name]
        np.testing.assert_allclose(found, by_hand, rtol=1e-9, atol=1e-15, err_msg=name)
    assert of_beside["conv1.weight"].any() and not of_beside["fc1.weight"].any()


def test_the_gradient_is_the_slope_of_the_loss(rng):
    """Central differences along a random direction in the space of all parameters."""
    net, x = in_float64(create(aux_weight=0.7)), images(rng)
    direction = {name: rng.standard_normal(p.shape) * 1e-6 for name, p in net.named_parameters()}

    def loss_at(step: float) -> float:
        for name, p in net.named_parameters():
            p.data = start[name] + step * direction[name]
        return net.loss(x, TARGETS)[0].item()

    start = {name: p.data for name, p in net.named_parameters()}
    slope = sum((g * direction[name]).sum() for name, g in gradients(net, net.loss(x, TARGETS)[0]).items())
    assert (loss_at(1) - loss_at(-1)) / 2 == pytest.approx(slope, rel=1e-5)


def test_both_halves_of_the_conv_layers_run_in_shares(threads_are, rng):
    threads_are(2)
    net = create("conv2_3")
    logits, guess = net.both(images(rng, np.float32))
    seen, waiting = set(), [logits.node, guess.node]
    while waiting:
        node = waiting.pop()
        if node is not None and id(node) not in seen:
            seen.add(id(node))
            waiting += getattr(node, "sources", ())
            if isinstance(node, InShares):
                seen.add(("shares", id(node)))
    # up to the tap, from there to the pyramid, and the pyramid of the classifier itself
    assert sum(isinstance(entry, tuple) for entry in seen) == 3


def test_layers_above_the_tap_learn_nothing_from_it_those_below_more(rng):
    plain, x = in_float64(create(None)), images(rng)
    without = gradients(plain, plain.loss(x, TARGETS)[0])
    net = in_float64(create("conv2_3"))
    found = gradients(net, net.loss(x, TARGETS)[0])
    for name, gradient in without.items():
        above = name.startswith(("conv2_4", "conv3", "fc"))
        assert np.allclose(found[name], gradient, rtol=1e-9, atol=1e-15) == above, name


def test_the_layers_start_as_they_would_without_it():
    plain, net = create(None), create("conv1")
    for name, p in plain.named_parameters():
        np.testing.assert_array_equal(p.data, dict(net.named_parameters())[name].data)
    assert plain.fc1_drop.rng.random() == net.fc1_drop.rng.random()
    own, first = net.aux.fc.weight.data.ravel(), net.conv1.weight.data.ravel()
    shorter = min(own.size, first.size)
    assert abs(np.corrcoef(own[:shorter], first[:shorter])[0, 1]) < 0.3  # not the same numbers, scaled


def test_a_call_gives_the_main_logits_alone(rng):
    x = images(rng, np.float32)
    with no_grad():
        expected = create(None).eval()(x).data
        net = create("conv2_3").eval()
        np.testing.assert_array_equal(net(x).data, expected)
        net.aux.fc.weight.data[...] = np.nan
        np.testing.assert_array_equal(net(x).data, expected)


def test_its_parameters_come_last_and_its_layers_are_no_children():
    plain, net = create(None), create("conv2_3")
    names = [name for name, _ in plain.named_parameters()]
    assert [name for name, _ in net.named_parameters()] == [*names, "aux.fc.weight", "aux.fc.bias"]
    assert list(net.state_dict()) == [*names, "aux.fc.weight", "aux.fc.bias"]
    assert [name for name, _ in net.named_children()] == [name for name, _ in plain.named_children()]
    assert len(list(net.modules())) == len(list(plain.modules())) + 3  # aux, aux.spp, aux.fc
    net.eval()
    assert not net.aux.fc.training and "after conv2_3, weight 0.3" in repr(net)
    other = create("conv2_3", seed=9)
    other.load_state_dict(net.state_dict())
    np.testing.assert_array_equal(other.aux.fc.weight.data, net.aux.fc.weight.data)


def test_it_reads_the_network_s_own_pyramid():
    for after, channels in (("conv1", 3), ("pool2", 6), ("conv3_1", 13)):
        assert create(after).aux.fc.weight.shape == (3, channels * 14)
        assert create(after, levels=(2,)).aux.fc.weight.shape == (3, channels * 4)


@pytest.mark.parametrize(
    ("name", "init", "std"),
    [
        ("lab14", "he", lambda n: 0.045 * np.sqrt(2 / (1.0625 * n))),  # as that table's fc3
        ("lab14", "xavier", lambda n: 0.045 * np.sqrt(2 / (1.0625 * n))),
        ("small14", "he", lambda n: 0.001),
        ("small14", "gaussian", lambda n: 0.001),
    ],
)
def test_it_starts_as_the_last_layer_does(name, init, std):
    fc = models.create(name, 50, init=init, width=0.25, fc=10, aux_after="conv2_2").aux.fc
    assert fc.weight.data.std() == pytest.approx(std(fc.weight.shape[1]), rel=0.03) and not fc.bias.data.any()


def test_every_model_can_have_one(rng):
    x = Tensor(rng.standard_normal((2, 3, 32, 32)).astype(np.float32))
    for name in models.TABLES:
        net = models.create(name, 3, width=0.02, fc=4, aux_after="conv2_2")
        net.loss(x, np.array([0, 2]))[0].backward()
        assert all(p.grad is not None for p in net.parameters()) and isinstance(net, nn.Sequential)
