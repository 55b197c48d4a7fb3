"""models.create's slope, width, levels, fc and fc_init; that older runs and older seeds mean what they meant."""

import numpy as np
import pytest

from minidelve import Tensor, models, nn


def weighted(net) -> list[tuple[int, ...]]:
    return [p.shape for name, p in net.named_parameters() if name.endswith(".weight")]


# Any change of these numbers is a change of what a seed means.
PINNED = [
    ({"num_classes": 7}, 172.954, (0.772245, 0.132136)),
    ({"num_classes": 3, "activation": "relu", "init": "he-backward", "seed": 5}, 999.6490, (0.818819, 0.442010)),
    ({"num_classes": 3, "activation": "lrelu", "init": "xavier", "seed": 5}, 54.10759, (0.818819, 0.442010)),
]


@pytest.mark.parametrize(("options", "total", "dropouts"), PINNED)
def test_a_seed_means_the_weights_and_the_dropout_that_it_always_meant(options, total, dropouts):
    net = models.create("lab14", **options)
    # fc3 is drawn last: any draw added, left out or moved before it changes its numbers.
    assert np.abs(net.fc3.weight.data).sum() == pytest.approx(total, rel=1e-5)
    assert [net.fc1_drop.rng.random(), net.fc2_drop.rng.random()] == pytest.approx(dropouts, abs=1e-5)


def test_width_multiplies_the_channels_and_leaves_the_units_alone():
    half = models.create("lab14", 7, width=0.5)
    assert [shape[0] for shape in weighted(half)] == [16, *[32] * 4, *[64] * 6, 512, 512, 7]
    assert half.fc1.weight.shape[1] == 64 * 14 and half.conv1_act.a.shape == (16,)
    assert [shape[0] for shape in weighted(models.create("lab14", 7, width=1.3))][:2] == [42, 83]  # 41.6 and 83.2
    assert {shape[0] for shape in weighted(models.create("lab14", 7, width=1e-6))[:11]} == {1}


def test_levels_replace_the_pyramid():
    net = models.create("lab14", 7, levels=[4, 1])
    assert net.spp.levels == (4, 1) and net.fc1.weight.shape == (512, 128 * 17)
    assert net(Tensor(np.zeros((1, 3, 28, 28), np.float32))).shape == (1, 7)


def test_fc_sets_the_units_of_fc1_and_fc2():
    net = models.create("small30", 7, width=0.05, fc=20)
    assert weighted(net)[-3:] == [(20, 13 * 50), (20, 20), (7, 20)]
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
    for (name, layer), (_, before) in zip(he.children(), fixed.children(), strict=True):
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
        for which, fc_init in (("he", "table"), (init, "he"), (init, "table"))
    )
    for name, p in mixed.named_parameters():
        if name.endswith(".weight"):
            like, unlike = (he, other) if "fc" in name else (other, he)
            np.testing.assert_array_equal(p.data, dict(like.named_parameters())[name].data)
            square = p.shape[0] == p.shape[1]  # there he-backward is he
            assert np.array_equal(p.data, dict(unlike.named_parameters())[name].data) == (square and init[:2] == "he")
    assert "aux.fc.weight" in dict(mixed.named_parameters())  # was among them


def test_fc_init_he_is_the_auxiliary_classifier_s_too_where_the_table_has_a_fixed_one():
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
    full = models.create("model_c", 1000, init="unfilled")  # 1.3 GB, of which no page is touched
    assert sum(p.size for p in full.parameters()) == 330_603_368 + 20_576
    models.create("lab14", 3, init="unfilled", fc_init="he")
    assert "unfilled" not in models.INITS  # which are a user's choices


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"slope": -0.1, "activation": "lrelu"}, "slope is -0.1; expected a number of at least 0"),
        ({"slope": float("nan"), "activation": "lrelu"}, "slope is nan; expected a number"),
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
        models.create("lab14", 2, **options)


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
    assert type(net) is models.Network and weighted(net) == weighted(expected)
    np.testing.assert_array_equal(net.fc3.weight.data, expected.fc3.weight.data)


def test_from_config_needs_model_and_activation():
    for missing in ("model", "activation", "init"):
        config = {"model": "lab14", "activation": "relu", "init": "he"}
        del config[missing]
        with pytest.raises(KeyError, match=missing):
            models.from_config(config, 3)
