"""models.create: activations, initializations, seeds, and what it says to a wrong argument."""

import numpy as np
import pytest

from minidelve import Tensor, models, nn


def lab14(**options) -> models.Network:
    return models.create("lab14", num_classes=7, **options)


def weighted(net) -> dict[str, nn.Parameter]:
    return {name: p for name, p in net.named_parameters() if name.endswith(".weight")}


# -- activations -----------------------------------------------------------------------------------

KINDS = {"prelu": nn.PReLU, "prelu-shared": nn.PReLU, "lrelu": nn.LeakyReLU, "relu": nn.ReLU}


@pytest.mark.parametrize("activation", models.ACTIVATIONS)
def test_the_activation_follows_every_layer_but_the_last(activation):
    net = lab14(activation=activation)
    layers = [(name, layer) for name, layer in net.children() if name.endswith("_act")]
    assert len(layers) == 13 and all(type(layer) is KINDS[activation] for _, layer in layers)
    assert [name for name, _ in net.children()][-1] == "fc3"
    for (before, _), (name, _) in zip(list(net.children())[:-1], list(net.children())[1:], strict=True):
        if before in {p.removesuffix(".weight") for p in weighted(net)} - {"fc3"}:
            assert name == f"{before}_act"


def test_prelu_has_a_slope_per_channel_and_prelu_shared_one_per_layer():
    channels = [32, *[64] * 4, *[128] * 6, 512, 512]
    for activation, sizes in (("prelu", channels), ("prelu-shared", [1] * 13), ("lrelu", []), ("relu", [])):
        slopes = [p for name, p in lab14(activation=activation).named_parameters() if name.endswith(".a")]
        assert [p.size for p in slopes] == sizes
        assert all(np.all(p.data == 0.25) and not p.weight_decay for p in slopes)


def test_the_leaky_relu_is_the_papers():
    assert lab14(activation="lrelu").conv1_act.slope == 0.01


# -- initializations -------------------------------------------------------------------------------

START = {"prelu": 0.25, "prelu-shared": 0.25, "lrelu": 0.01, "relu": 0.0}
STD = {
    "he": lambda n, nhat, a: np.sqrt(2 / ((1 + a * a) * n)),
    "he-backward": lambda n, nhat, a: np.sqrt(2 / ((1 + a * a) * nhat)),
    "xavier": lambda n, nhat, a: np.sqrt(1 / n),
    "gaussian": lambda n, nhat, a: 0.01,
}


@pytest.mark.parametrize("activation", models.ACTIVATIONS)
@pytest.mark.parametrize("init", models.INITS)
def test_every_weight_has_the_std_of_its_initialization(init, activation):
    net = lab14(init=init, activation=activation)
    assert len(weighted(net)) == 14
    for name, p in weighted(net).items():
        n, nhat = p.data[0].size, p.data[:, 0].size
        expected = STD[init](n, nhat, START[activation])
        # the std of m numbers scatters by 1/sqrt(2m): 0.7% to 1% for all but the small fc3 and conv1
        assert p.data.std() == pytest.approx(expected, rel=max(0.02, 3 / np.sqrt(2 * p.size))), name
        assert abs(p.data.mean()) < 4 * expected / np.sqrt(p.size), name
    assert all(np.all(p.data == 0) for name, p in net.named_parameters() if name.endswith(".bias"))


def test_a_fixed_std_of_the_table_holds_for_every_init():
    from minidelve.models.build import initialize

    for init in models.INITS:
        w = nn.Parameter(np.zeros((200, 100)))
        initialize(w, np.random.default_rng(0), init, slope=0.25, std=0.05)
        assert w.data.std() == pytest.approx(0.05, rel=0.03)


# -- seeds -----------------------------------------------------------------------------------------


def test_the_seed_decides_weights_and_dropout():
    x = Tensor(np.random.default_rng(0).standard_normal((2, 3, 56, 56)).astype(np.float32))
    first, same, other = (lab14(seed=seed) for seed in (3, 3, 4))
    for a, b, c in zip(*(weighted(net).values() for net in (first, same, other)), strict=True):
        assert np.array_equal(a.data, b.data) and not np.array_equal(a.data, c.data)
    np.testing.assert_array_equal(first(x).data, same(x).data)  # training: dropout is on
    once, again = first(x).data, first(x).data
    assert not np.array_equal(once, again)


def test_the_two_dropouts_draw_different_masks():
    net = lab14()
    ones = Tensor(np.ones((1, 512), np.float32))
    assert not np.array_equal(net.fc1_drop(ones).data, net.fc2_drop(ones).data)


def test_layers_do_not_repeat_each_others_numbers():
    drawn = np.concatenate([p.data.reshape(-1)[:50] / p.data.std() for p in weighted(lab14(init="gaussian")).values()])
    assert len(np.unique(drawn.round(5))) > 0.99 * len(drawn)


# -- errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "vgg99"}, "model 'vgg99' is unknown; expected one of: .*small14"),
        ({"activation": "gelu"}, "activation 'gelu' is unknown; expected one of: prelu, prelu-shared, lrelu, relu"),
        ({"init": "He"}, "init 'He' is unknown; expected one of: he, he-backward, xavier, gaussian"),
        ({"num_classes": 0}, "num_classes is 0; expected at least 1"),
    ],
)
def test_a_wrong_argument_lists_what_is_known(options, message):
    with pytest.raises(ValueError, match=message):
        models.create(**{"name": "lab14", "num_classes": 2, **options})


def test_the_title_is_the_models_name():
    assert lab14().title == "lab14"
