"""models.create: activations, initializations, seeds, shapes, what it says to a wrong argument; from_config."""

import numpy as np
import pytest

from minidelve import Tensor, models, nn
from minidelve.models.build import initialize


def lab14(**options) -> models.Network:
    return models.create("lab14", num_classes=7, **options)


def weighted(net) -> dict[str, nn.Parameter]:
    return {name: p for name, p in net.named_parameters() if name.endswith(".weight")}


# -- activations -----------------------------------------------------------------------------------

KINDS = {"prelu": nn.PReLU, "prelu-shared": nn.PReLU, "lrelu": nn.LeakyReLU, "relu": nn.ReLU}


@pytest.mark.parametrize("activation", models.ACTIVATIONS)
def test_the_activation_follows_every_layer_but_the_last(activation):
    net = lab14(activation=activation)
    layers = [(name, layer) for name, layer in net.named_children() if name.endswith("_act")]
    assert len(layers) == 13 and all(type(layer) is KINDS[activation] for _, layer in layers)
    assert [name for name, _ in net.named_children()][-1] == "fc3"
    for (before, _), (name, _) in zip(list(net.named_children())[:-1], list(net.named_children())[1:], strict=True):
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


def test_a_fixed_std_of_the_table_holds_for_every_init():
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


# Any change of these numbers is a change of what a seed means.
PINNED = [
    ({"num_classes": 7}, 7.78293, (0.772245, 0.132136)),
    ({"num_classes": 3, "activation": "relu", "init": "he-backward", "seed": 5}, 3.443386, (0.818819, 0.442010)),
    ({"num_classes": 3, "activation": "lrelu", "init": "xavier", "seed": 5}, 3.443214, (0.818819, 0.442010)),
]


@pytest.mark.parametrize(("options", "total", "dropouts"), PINNED)
def test_a_seed_means_the_weights_and_the_dropout_that_it_always_meant(options, total, dropouts):
    net = models.create("lab14", **options)
    # fc3 is drawn last: any draw added, left out or moved before it changes its numbers.
    assert np.abs(net.fc3.weight.data).sum() == pytest.approx(total, rel=1e-5)
    assert [net.fc1_drop.rng.random(), net.fc2_drop.rng.random()] == pytest.approx(dropouts, abs=1e-5)


# -- shapes and slopes -----------------------------------------------------------------------------


def shapes_of(net) -> list[tuple[int, ...]]:
    """Of the weights."""
    return [p.shape for p in weighted(net).values()]


def test_width_multiplies_the_channels_and_leaves_the_units_alone():
    half = models.create("lab14", 7, width=0.5)
    assert [shape[0] for shape in shapes_of(half)] == [16, *[32] * 4, *[64] * 6, 512, 512, 7]
    assert half.fc1.weight.shape[1] == 64 * 14 and half.conv1_act.a.shape == (16,)
    assert [shape[0] for shape in shapes_of(models.create("lab14", 7, width=1.3))][:2] == [42, 83]  # 41.6 and 83.2
    assert {shape[0] for shape in shapes_of(models.create("lab14", 7, width=1e-6))[:11]} == {1}


def test_levels_replace_the_pyramid():
    net = models.create("lab14", 7, levels=[4, 1])
    assert net.spp.levels == (4, 1) and net.fc1.weight.shape == (512, 128 * 17)
    assert net(Tensor(np.zeros((1, 3, 28, 28), np.float32))).shape == (1, 7)


def test_fc_sets_the_units_of_fc1_and_fc2():
    net = models.create("small30", 7, width=0.05, fc=20)
    assert shapes_of(net)[-3:] == [(20, 13 * 50), (20, 20), (7, 20)]
    assert net.fc1_act.a.shape == net.fc2_act.a.shape == (20,)


def test_slope_is_that_of_every_lrelu():
    net = models.create("lab14", 7, activation="lrelu", slope=0.25)
    slopes = {layer.slope for layer in net if isinstance(layer, nn.LeakyReLU)}
    assert slopes == {0.25} and not any(name.endswith(".a") for name, _ in net.named_parameters())


def test_the_initialization_takes_the_slope_of_lrelu_into_account():
    """The same draws as for PReLU's 0.25 (equation 10a); a steeper slope asks for smaller weights."""
    prelu, same, steep = (
        models.create("lab14", 7, activation=activation, slope=slope).conv3_2.weight.data
        for activation, slope in (("prelu", 0.01), ("lrelu", 0.25), ("lrelu", 1.0))
    )
    np.testing.assert_array_equal(prelu, same)
    np.testing.assert_allclose(steep * np.sqrt(2), same * np.sqrt(1.0625), rtol=1e-5)


SLOPES = {"relu": 0.0, "prelu": 0.25}


@pytest.mark.parametrize("activation", SLOPES)
def test_fc_init_he_scales_the_fully_connected_layers_alone(activation):
    """Equation (10a) in place of section 2.2's fixed 0.01, 0.01 and 0.001, from the same draws."""
    fixed, he = (models.create("small14", 9, activation, width=0.05, fc=300, fc_init=f) for f in ("table", "he"))
    for (name, layer), (_, before) in zip(he.named_children(), fixed.named_children(), strict=True):
        if isinstance(layer, nn.Linear):
            std = np.sqrt(2 / ((1 + SLOPES[activation] ** 2) * layer.weight.shape[1]))
            assert layer.weight.data.std() == pytest.approx(std, rel=0.05)
            scale = std / (0.001 if name == "fc3" else 0.01)
            np.testing.assert_allclose(layer.weight.data, before.weight.data * scale, rtol=1e-5)
        elif isinstance(layer, nn.Conv2d):
            np.testing.assert_array_equal(layer.weight.data, before.weight.data)


@pytest.mark.parametrize("init", ["gaussian", "xavier", "he-backward"])
def test_fc_init_he_is_he_s_with_every_init_of_the_conv_layers(init):
    he, mixed, other = (
        models.create("lab14", 9, init=which, fc_init=fc_init, width=0.25, fc=40, aux_after="conv2_2")
        for which, fc_init in (("he", "he"), (init, "he"), (init, "table"))
    )
    for name, p in mixed.named_parameters():
        if name.endswith(".weight"):
            like, unlike = (he, other) if "fc" in name else (other, he)
            np.testing.assert_array_equal(p.data, dict(like.named_parameters())[name].data)
            square = p.shape[0] == p.shape[1] and "fc" not in name  # there he-backward is he
            assert np.array_equal(p.data, dict(unlike.named_parameters())[name].data) == (square and init[:2] == "he")
    assert "aux.fc.weight" in dict(mixed.named_parameters())  # was among them


def test_fc_init_he_is_the_auxiliary_classifiers_too():
    fixed, he = (
        models.create("small14", 9, "relu", width=0.1, fc=40, aux_after="conv2_2", fc_init=which).aux.fc.weight.data
        for which in ("table", "he")
    )
    assert fixed.std() == pytest.approx(0.001, rel=0.05)
    assert he.std() == pytest.approx(np.sqrt(2 / he.shape[1]), rel=0.05)


def test_unfilled_draws_nothing(monkeypatch):
    def drawn(*args):
        raise AssertionError("a weight was drawn")

    monkeypatch.setattr("minidelve.nn.init.normal_", drawn)
    models.from_config({"model": "lab14", "activation": "relu", "init": "he"}, 3, init=models.UNFILLED)
    full = models.create("model_c", 1000, init="unfilled")  # 1.3 GB, of which no page is touched
    assert sum(p.size for p in full.parameters()) == 330_603_368 + 20_576
    models.create("lab14", 3, init="unfilled", fc_init="he")
    assert "unfilled" not in models.INITS  # which are a user's choices


# -- errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "vgg99"}, "model 'vgg99' is unknown; expected one of: .*small14"),
        ({"activation": "gelu"}, "activation 'gelu' is unknown; expected one of: prelu, prelu-shared, lrelu, relu"),
        ({"init": "He"}, "init 'He' is unknown; expected one of: he, he-backward, xavier, gaussian"),
        ({"num_classes": 0}, "num_classes is 0; expected at least 1"),
        ({"slope": -0.1, "activation": "lrelu"}, "slope is -0.1; expected a number of at least 0"),
        ({"slope": float("nan"), "activation": "lrelu"}, "slope is nan; expected a number"),
        ({"slope": "0.5", "activation": "lrelu"}, "slope is '0.5'; expected a number of at least 0"),
        ({"slope": None, "activation": "lrelu"}, "slope is None; expected a number of at least 0"),
        ({"width": "0.5"}, "width is '0.5'; expected a number above 0"),
        ({"slope": 0.25}, "slope is 0.25, but prelu has no fixed slope; .* lrelu"),
        ({"width": 0}, "width is 0; expected a number above 0"),
        ({"width": float("inf")}, "width is inf"),
        ({"levels": ()}, r"levels is \(\); expected a list of pyramid levels such as"),
        ({"levels": 3}, "levels is 3; expected"),
        ({"levels": (2, 0)}, r"levels is \(2, 0\); expected"),
        ({"levels": (1.5,)}, r"levels is \(1.5,\); expected"),
        ({"fc": 0}, "fc is 0; expected an integer of at least 1"),
        ({"fc_init": "xavier"}, "fc_init 'xavier' is unknown; expected one of: table, he"),
        ({"aux_after": "conv9"}, "'conv9' is not a conv or pooling layer of lab14; expected one of: conv1, pool1"),
        ({"aux_after": "fc1"}, "aux_after 'fc1' is not a"),
        ({"aux_after": "conv1", "aux_weight": 0}, "aux_weight is 0; expected a number above 0"),
        ({"aux_weight": 0.5}, "aux_weight is 0.5, but there is no auxiliary classifier; give aux_after"),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(options, message):
    with pytest.raises(ValueError, match=message):
        models.create(**{"name": "lab14", "num_classes": 2, **options})


def test_the_title_is_the_models_name():
    assert lab14().title == "lab14"


# -- from a run's options ------------------------------------------------------------------------------


def test_from_config_hands_every_option_on():
    config = {
        "model": "lab14", "activation": "lrelu", "init": "xavier", "seed": 4, "slope": 0.1, "width": 0.25,
        "levels": [2], "fc": 12, "fc_init": "he", "aux_after": "conv2_1", "aux_weight": 0.7, "lr": 0.1,
    }  # fmt: skip
    net = models.from_config(config, 3)
    expected = models.create("lab14", 3, "lrelu", "xavier", 4, slope=0.1, width=0.25, levels=(2,), fc=12, fc_init="he")
    for name, value in expected.state_dict().items():
        np.testing.assert_array_equal(net.state_dict()[name], value)
    assert (net.conv1_act.slope, net.spp.levels, net.after, net.weight) == (0.1, (2,), "conv2_1", 0.7)


def test_a_run_older_than_an_option_has_its_default():
    net = models.from_config({"model": "lab14", "activation": "relu", "init": "he"}, 3)
    expected = models.create("lab14", 3, "relu")
    assert type(net) is models.Network and shapes_of(net) == shapes_of(expected)
    np.testing.assert_array_equal(net.fc3.weight.data, expected.fc3.weight.data)


def test_from_config_needs_model_and_activation():
    for missing in ("model", "activation", "init"):
        config = {"model": "lab14", "activation": "relu", "init": "he"}
        del config[missing]
        with pytest.raises(KeyError, match=missing):
            models.from_config(config, 3)
