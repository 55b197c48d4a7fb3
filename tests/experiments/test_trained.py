"""Networks trained for the items: once for all of them, resumed where they were, and tested as they are asked for."""

import copy
from dataclasses import fields, replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from minidelve import Tensor
from minidelve.errors import Diverged, RunError
from minidelve.experiments import Budget, Setup
from minidelve.experiments import trained as shared
from minidelve.experiments.trained import configured, name_of, opened, trained
from minidelve.training import checkpoint
from minidelve.training.config import Config
from minidelve.training.loop import train

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
    monkeypatch.setattr(shared, "train", None)  # nobody may train now
    later = another(setup, variant="something else")
    again = trained(later, activation="relu")
    assert again.folder == net.folder and later.earlier == sum(row["seconds"] for row in net.history) > 0
    for name, p in net.network.state_dict().items():
        np.testing.assert_array_equal(again.network.state_dict()[name], p)


def test_a_network_of_a_later_version_is_one_line_with_the_cure(setup):
    net = trained(setup)
    net.saved.meta["config"]["dropconnect"] = 0.5
    with pytest.raises(
        RunError, match=r"last\.npz: its run has the option 'dropconnect', .* another folder with --out"
    ):
        print(net.config)


def test_an_option_that_is_newer_than_the_network_has_its_default(setup):
    net = trained(setup)
    del net.saved.meta["config"]["normalize"]
    assert net.config.normalize == Config.normalize


def stop_after_one_epoch(setup: Setup, monkeypatch) -> None:
    """Train, and be interrupted when the first of two epochs is kept."""

    def stopping(config, folder, **options):
        def say(line):
            if "1/2" in line:
                raise KeyboardInterrupt

        return train(config, folder, **options | {"say": say})

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(shared, "train", stopping)
        trained(setup)


def test_an_interrupted_network_goes_on_after_its_last_epoch(setup, monkeypatch):
    whole = trained(setup)
    half = another(setup, runs=setup.runs.parent / "half")
    stop_after_one_epoch(half, monkeypatch)
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
    shared.tested(nets[:1])
    assert loaded and len(loaded) == len(set(loaded)) == sum(map(len, sets))


def test_several_networks_are_tested_as_an_ensemble(setup):
    nets = [trained(another(setup, seed=seed)) for seed in range(2)]
    rows = shared.tested(nets, protocol="dense", scales=[24, 32]).rows
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


def test_a_resumed_network_keeps_the_epochs_that_it_has(setup, monkeypatch):
    stop_after_one_epoch(setup, monkeypatch)
    (first,) = checkpoint.load_meta(setup.runs / name_of(configured(setup, {})) / "last.npz")["history"]
    again = another(setup)
    assert trained(again).history[0] == first and again.earlier == first["seconds"]


@pytest.mark.parametrize("field", [f.name for f in fields(Config) if f.name not in ("workers", "on_bad_image")])
def test_every_option_is_in_the_name(setup, field):
    config = configured(setup, {})
    changed = copy.copy(config)
    setattr(changed, field, "another")
    assert name_of(changed).rpartition("-")[2] != name_of(config).rpartition("-")[2]


def test_the_version_is_in_the_name(setup, monkeypatch):
    before = name_of(configured(setup, {}))
    monkeypatch.setattr(shared, "__version__", "another")
    assert name_of(configured(setup, {})) != before


def test_what_an_item_asks_for_overrides_the_budget(setup):
    assert configured(setup, {"width": 0.5, "epochs": 5}).width == 0.5


def test_only_the_last_checkpoint_is_looked_at_on_the_validation_set(setup):
    net = trained(setup)
    (net.folder / "best.npz").write_bytes(b"spoilt")
    sets = opened(setup.data)
    before = [dataset.cache_bytes for dataset in sets]
    again = trained(another(setup))
    found = shared.tested([again])
    assert [d.split for d in sets] == ["train", "val"] and found.dataset is sets[1]
    assert found.rows[0].tally.errors().top1 == pytest.approx(again.final["val_top1_error"])
    assert again.network is again.network and [dataset.cache_bytes for dataset in sets] == before


def test_the_time_of_several_networks_adds_up(setup):
    nets = [trained(another(setup), activation=a) for a in ("relu", "prelu")]
    later = another(setup)
    for net in nets:
        trained(later, activation=net.config.activation)
    assert later.earlier == pytest.approx(sum(row["seconds"] for net in nets for row in net.history))


def test_networks_are_tested_on_their_device(setup, monkeypatch):
    ways = []
    monkeypatch.setattr(shared, "evaluate_runs", lambda paths, way, dataset: ways.append(way))
    config = configured(another(setup, device="cuda"), {})
    shared.tested([SimpleNamespace(config=config, last=None)], protocol="dense")
    assert [(way.device, way.protocol) for way in ways] == [("cuda", "dense")]


def test_a_run_that_was_killed_while_it_kept_its_first_epoch_begins_anew(setup):
    folder = setup.runs / name_of(configured(setup, {}))
    folder.mkdir(parents=True)
    for name in ("config.json", "last.unfinished"):
        (folder / name).write_text("{")
    assert len(trained(setup).history) == 2 and not (folder / "last.unfinished").exists()
