"""models.create's slope, width, levels and fc; that older runs and older seeds mean what they meant."""

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


def test_unfilled_draws_nothing(monkeypatch):
    def drawn(*args):
        raise AssertionError("a weight was drawn")

    monkeypatch.setattr("minidelve.nn.init.normal_", drawn)
    full = models.create("model_c", 1000, init="unfilled")  # 1.3 GB, of which no page is touched
    assert sum(p.size for p in full.parameters()) == 330_603_368 + 20_576
    assert "unfilled" not in models.INITS  # which are a user's choices


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"slope": -0.1, "activation": "lrelu"}, "slope is -0.1; expected a number at least 0"),
        ({"slope": float("nan"), "activation": "lrelu"}, "slope is nan; expected a number"),
        ({"slope": 0.25}, "slope is 0.25, but prelu has no fixed slope; .* lrelu"),
        ({"width": 0}, "width is 0; expected a number above 0"),
        ({"width": float("inf")}, "width is inf"),
        ({"levels": ()}, r"levels are \(\); expected integers of at least 1, such as"),
        ({"levels": 3}, "levels are 3; expected"),
        ({"levels": (2, 0)}, r"levels are \(2, 0\); expected"),
        ({"levels": (1.5,)}, r"levels are \(1.5,\); expected"),
        ({"fc": 0}, "fc is 0; expected an integer of at least 1"),
        ({"aux_after": "conv9"}, "'conv9' is no conv or pooling layer of lab14; expected one of: conv1, pool1"),
        ({"aux_after": "fc1"}, "aux_after 'fc1' is no"),
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
        "levels": [2], "fc": 12, "aux_after": "conv2_1", "aux_weight": 0.7, "lr": 0.1,
    }  # fmt: skip
    net = models.from_config(config, 3)
    expected = models.create("lab14", 3, "lrelu", "xavier", 4, slope=0.1, width=0.25, levels=(2,), fc=12)
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
