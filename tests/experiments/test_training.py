"""Networks trained for the items: once for all of them, resumed where they were, and tested as they are asked for."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from minidelve import Tensor
from minidelve.experiments import Budget, Setup, training
from minidelve.experiments.training import configured, name_of, opened, trained
from minidelve.run_folder import Diverged
from minidelve.train import train

TINY = {"model": "lab14", "width": 0.0625, "fc": 4, "size": 24, "short_side": 24, "epochs": 2, "batch_size": 8}


@pytest.fixture
def setup(tiny_data, tmp_path) -> Setup:
    return Setup(Budget(1, TINY | {"scales": [24, 32]}), str(tiny_data), "ReLU", 3, tmp_path / "runs")


def another(setup: Setup, **changes) -> Setup:
    return replace(setup, earlier=0.0, **changes)


def test_a_network_is_trained_once_and_its_time_counts_for_everyone(setup, monkeypatch):
    net = trained(setup, activation="relu")
    assert (net.config.activation, net.config.seed, net.config.epochs, len(net.history)) == ("relu", 3, 2, 2)
    assert setup.earlier == 0 and not net.network.training
    monkeypatch.setattr(training, "train", None)  # nobody may train now
    later = another(setup, variant="something else")
    again = trained(later, activation="relu")
    assert again.folder == net.folder and later.earlier == sum(row["seconds"] for row in net.history) > 0
    for name, p in net.network.state_dict().items():
        np.testing.assert_array_equal(again.network.state_dict()[name], p)


def test_an_interrupted_network_goes_on_after_its_last_epoch(setup, monkeypatch):
    whole = trained(setup)
    half, keep = another(setup, runs=setup.runs.parent / "half"), training.train

    def stopping(config, folder, **options):
        def say(line):
            if "1/2" in line:
                raise KeyboardInterrupt

        return train(config, folder, **options | {"say": say})

    monkeypatch.setattr(training, "train", stopping)
    with pytest.raises(KeyboardInterrupt):
        trained(half)
    monkeypatch.setattr(training, "train", keep)
    resumed = trained(another(half))
    assert len(resumed.history) == 2
    for name, p in whole.saved.parameters.items():
        np.testing.assert_array_equal(resumed.saved.parameters[name], p)


def test_everything_that_decides_the_numbers_is_in_the_name(setup):
    def name(setup=setup, **options):
        return name_of(configured(setup, options))

    assert name() == name(workers=5, on_bad_image="skip")
    others = [
        name(activation="relu"), name(lr=0.02), name(setup=another(setup, seed=4)), name(decay_slopes=True),
        name(setup=another(setup, data="toy")), name(setup=another(setup, device="cuda")), name(fc_init="he"),
    ]  # fmt: skip
    assert len({name(), *others}) == 8
    # Settings of the item that are no options of a training run, here "scales", have no part in it.
    assert name(setup=another(setup, budget=Budget(2, TINY | {"scales": [40]}))) == name()


def test_images_are_decoded_once_for_all_networks(setup, monkeypatch):
    opened.cache_clear()
    sets = opened(setup.data)
    loaded = []
    for dataset in sets:
        load = partial(lambda own, split, i: loaded.append((split, i)) or own(i), dataset._load, dataset.split)
        monkeypatch.setattr(dataset, "_load", load)
    setup.budget = Budget(1, TINY | {"workers": 0})
    nets = [trained(another(setup, seed=seed)) for seed in range(2)]
    training.tested(nets[:1])
    assert loaded and len(loaded) == len(set(loaded)) == sum(map(len, sets))


def test_several_networks_are_tested_as_an_ensemble(setup):
    nets = [trained(another(setup, seed=seed)) for seed in range(2)]
    rows = training.tested(nets, protocol="dense", scales=[24, 32]).rows
    assert [row.scale for row in rows] == ["24", "32", "all scales"] * 2 + ["all scales"]
    assert rows[-1].run == "ensemble" and all(str(net.last) in {row.run for row in rows} for net in nets)


def test_validation_hands_out_the_centre_crops_that_training_was_tested_on(setup):
    net = trained(setup)
    batches = list(net.validation().epoch(0))
    assert sum(len(t) for _, t in batches) == len(opened(setup.data)[1]) and batches[0][0].shape[1:] == (3, 24, 24)
    wrong = sum(int((net.network(Tensor(x)).data.argmax(axis=1) != t).sum()) for x, t in batches)
    assert net.final["val_top1_error"] == pytest.approx(100 * wrong / len(opened(setup.data)[1]))


def test_a_loss_that_does_not_stay_finite_is_told_apart(setup):
    with pytest.raises(Diverged, match="the loss became .*try a smaller --lr"):
        trained(setup, lr=1e30, activation="relu")
