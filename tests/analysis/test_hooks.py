"""Hooks see every response and every gradient, and change neither."""

import numpy as np
import pytest

from minidelve import Tensor, analysis, models, nn
from minidelve.backend import threads
from minidelve.models import AuxiliaryNetwork

rng = np.random.default_rng(0)


def images(n: int = 4) -> Tensor:
    return Tensor(rng.standard_normal((n, 3, 24, 24)).astype(np.float32))


def small(activation: str = "prelu") -> models.Network:
    return models.create("lab14", 5, activation, width=0.125, levels=(2, 1), fc=8).eval()


def by_hand(net, x):
    """Every layer's output and the gradient at it, layer by layer, of the sum of squared logits."""
    outputs, gradients = [], []
    for layer in net:
        x = layer.forward(x)
        outputs.append(x.data)
    for i, y in enumerate(outputs, 1):  # a leaf in the middle: the rest of the network on its own
        rest = leaf = Tensor(y, requires_grad=True)
        for layer in list(net)[i:]:
            rest = layer.forward(rest)
        (rest * rest).sum().backward()
        gradients.append(leaf.grad)
    return outputs, gradients


@pytest.mark.parametrize("activation", ["prelu", "relu", "lrelu"])
@pytest.mark.parametrize("cores", [1, 2])
def test_every_response_and_gradient_of_a_network_is_seen(activation, cores):
    net, x = small(activation), images()
    expected, expected_gradients = by_hand(net, x)
    responses, gradients = {}, {}
    with threads.using(cores), analysis.watch(net, responses.__setitem__, gradients.__setitem__):
        z = net(x)
        (z * z).sum().backward()
    names = [name for name, _ in net.named_children()]
    assert list(responses) == names and list(gradients) == names[::-1]
    for name, y, df in zip(names, expected, expected_gradients, strict=True):
        np.testing.assert_allclose(responses[name], y, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(gradients[name], df, rtol=1e-3, atol=1e-4 * abs(df).max())
    alone = {}  # a conv layer whose rectifier is not watched
    with threads.using(cores), analysis.watch(net, alone.__setitem__, names=names[:1]):
        net(x)
    np.testing.assert_allclose(alone[names[0]], expected[0], rtol=1e-3, atol=1e-5)


def test_observing_changes_no_result_and_leaves_no_trace():
    net, x = small(), images()
    plain = net(x).data
    (net(x) * 1.0).sum().backward()
    grads = [p.grad for p in net.parameters()]
    for p in net.parameters():
        p.grad = None
    with analysis.observe(net):
        z = net(x)
        z.sum().backward()
    np.testing.assert_allclose(z.data, plain, rtol=1e-3, atol=1e-6)
    for p, grad in zip(net.parameters(), grads, strict=True):
        np.testing.assert_allclose(p.grad, grad, rtol=1e-3, atol=1e-5 * abs(grad).max() + 1e-7)
    assert all(module.hook is None for module in net.modules())


def test_hooks_go_even_when_the_block_fails():
    net = nn.Sequential(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="linear"), analysis.observe(net):
        net(Tensor(np.ones((1, 3), np.float32)))
    assert net[0].hook is None


def test_statistics_are_those_of_all_numbers_of_all_batches():
    net = nn.Sequential(nn.Linear(3, 7), nn.ReLU())
    batches = [rng.standard_normal((n, 3)).astype(np.float32) for n in (5, 11)]
    with analysis.observe(net) as seen:
        for x in batches:
            net(Tensor(x)).sum().backward()
    y = np.concatenate([np.maximum(x @ net[0].weight.data.T + net[0].bias.data, 0) for x in batches])
    got = seen.responses["1"]
    assert got.count == 16 * 7
    assert got.mean == pytest.approx(y.mean(), rel=1e-5)
    assert got.variance == pytest.approx(y.var(), rel=1e-5)
    assert got.second_moment == pytest.approx((y**2).mean(), rel=1e-5)
    assert got.zeros == (y == 0).mean()
    assert seen.gradients["0"].mean == pytest.approx((y > 0).mean(), rel=1e-6)  # df/dy is 1 or 0
    tiny = analysis.Statistics()
    tiny.add(np.full(10, 1e-30, np.float32))  # its square is no float32
    assert tiny.second_moment == pytest.approx(1e-60, rel=1e-5, abs=0)


def test_only_the_named_modules_are_watched_and_containers_may_be():
    net = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU(), nn.Linear(2, 1)))
    with analysis.observe(net, ["1", "1.0"]) as seen:
        net(Tensor(np.ones((1, 2), np.float32))).sum().backward()
    assert sorted(seen.responses) == ["1", "1.0"] == sorted(seen.gradients)
    with (
        pytest.raises(ValueError, match="no module 'conv1'; expected one of: 0, 1, 1.0, 1.1"),
        analysis.observe(net, ["conv1"]),
    ):
        pass


def test_blocks_may_be_nested():
    net, x = nn.Sequential(nn.Linear(2, 2)), Tensor(np.ones((1, 2), np.float32))
    with analysis.observe(net) as outer:
        with analysis.observe(net) as inner:
            net(x).sum().backward()
        net(x).sum().backward()
    for seen, count in ((outer, 4), (inner, 2)):
        assert (seen.responses["0"].count, seen.gradients["0"].count) == (count, count)


def test_a_module_in_two_places_is_seen_twice_under_its_first_name():
    shared = nn.ReLU()
    net = nn.Sequential(shared, nn.Linear(2, 2), shared)
    with analysis.observe(net) as seen:
        net(Tensor(np.ones((1, 2), np.float32)))
    assert {name: s.count for name, s in seen.responses.items()} == {"0": 4, "1": 2}


def test_the_auxiliary_classifier_is_seen_too():
    net = models.create("lab14", 5, width=0.125, levels=(2, 1), fc=8, aux_after="conv2_4").eval()
    assert isinstance(net, AuxiliaryNetwork)
    with analysis.observe(net) as seen:
        net.loss(images(), np.zeros(4, int))[0].backward()
    assert "aux.fc" in seen.responses and "conv1" in seen.gradients
