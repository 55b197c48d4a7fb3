"""--warm-start: which layers are copied from another run, and what is said about it."""

import numpy as np
import pytest

from minidelve import models
from minidelve.errors import CheckpointError, RunError
from minidelve.training import checkpoint
from minidelve.training.checkpoint import Checkpoint
from minidelve.training.warm_start import ranges, warm_start

CLASSES = ["a", "b", "c"]


def net(name: str, seed: int = 0, classes: int = 3, **options) -> models.Network:
    return models.create(name, classes, seed=seed, **{"width": 0.1, "fc": 6, "levels": (2, 1), **options})


@pytest.fixture
def saved(tmp_path):
    """saved(network): the run folder it was trained in, and its parameters."""

    def save(network, file="best.npz", classes=CLASSES):
        meta = {
            "config": {"model": network.title, "activation": "prelu", "init": "he"}, "std": 60.0, "classes": classes,
            "class_names": [name.upper() for name in classes], "history": [], "schedule": {}, "lr": 0.1, "skipped": {},
        }  # fmt: skip
        parameters = network.state_dict()
        checkpoint.save(tmp_path / file, Checkpoint(parameters, [], np.zeros((4, 4, 3), np.float32), meta))
        return tmp_path, parameters

    return save


def changed(network, before) -> set[str]:
    return {name for name, value in network.state_dict().items() if not np.array_equal(value, before[name])}


def marked(network, seed):
    """No parameter is 0, as biases are at the start, so that a copy shows."""
    for p in network.parameters():
        p.data[...] = np.random.default_rng(seed).standard_normal(p.shape)
    return network


def test_the_shallow_network_gives_the_deep_one_every_layer_they_share(saved):
    run, shallow = saved(marked(net("small14"), 1))
    deep = net("small30", seed=5)
    before = deep.state_dict()
    line = warm_start(deep, run, CLASSES)
    after = deep.state_dict()
    for name in after:
        np.testing.assert_array_equal(after[name], shallow[name] if name in shallow else before[name], err_msg=name)
    assert changed(deep, before) == set(shallow)
    # small14: 14 layers of weights and biases, 13 of slopes; small30 has sixteen conv layers more
    assert line == (
        f"warm start from {run}/best.npz: 41 of 89 parameters copied; not copied: conv3_7 to conv3_22_act"
    )  # fmt: skip


# what is unlike: the other run, this network, its classes; what is said, and the parameters that are drawn
UNLIKE = [
    ({}, {}, CLASSES, "41 of 41 parameters copied", set()),
    # The rows of the last layer are classes, in their order.
    ({}, {}, ["a", "b", "d"], "39 of 41 parameters copied; not copied: fc3", {"fc3"}),
    ({}, {}, ["a", "c", "b"], "39 of 41 parameters copied; not copied: fc3", {"fc3"}),
    ({}, {}, ["a", "b", "c", "d"], "39 of 41 parameters copied; not copied: fc3", {"fc3"}),
    # fc1 reads another pyramid: its weights have another shape, its biases have not.
    ({"levels": (3, 1)}, {}, CLASSES, "39 of 41 parameters copied; not copied: fc1", {"fc1"}),
    # A classifier of the same shape at another place is drawn; a run with one serves a network without.
    ({"aux_after": "conv2_1"}, {"aux_after": "conv2_2"}, CLASSES,
     "41 of 43 parameters copied; not copied: aux.fc", {"aux.fc"}),
    ({"aux_after": "conv2_1"}, {}, CLASSES, "41 of 41 parameters copied", set()),
]  # fmt: skip


@pytest.mark.parametrize(("theirs", "ours", "classes", "said", "drawn"), UNLIKE)
def test_only_what_does_not_fit_is_drawn(saved, theirs, ours, classes, said, drawn):
    run, parameters = saved(marked(net("lab14", **theirs), 1))
    network = net("lab14", seed=5, classes=len(classes), **ours)
    before = network.state_dict()
    assert warm_start(network, str(run / "best.npz"), classes).endswith(f"best.npz: {said}")
    copied = changed(network, before)
    assert set(before) - copied == {f"{layer}.{name}" for layer in drawn for name in ("weight", "bias")}
    assert all(np.array_equal(network.state_dict()[name], parameters[name]) for name in copied)


def test_best_npz_is_preferred_to_last_npz(saved):
    saved(marked(net("lab14"), 2), "last.npz")
    run, best = saved(marked(net("lab14"), 1), "best.npz")
    network = net("lab14")
    warm_start(network, run, CLASSES)
    np.testing.assert_array_equal(network.conv1.bias.data, best["conv1.bias"])


def test_a_run_of_which_nothing_fits_is_refused_and_changes_nothing(saved):
    run, _ = saved(marked(net("lab14", width=0.3, fc=9), 1))
    network = net("lab14", activation="relu")
    before = network.state_dict()
    with pytest.raises(RunError, match=rf"--warm-start {run}: no layer of its lab14 fits lab14 .*--width") as caught:
        warm_start(network, run, ["x", "y", "z"])
    assert "\n" not in str(caught.value) and not changed(network, before)


def test_a_place_without_a_run_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"a folder without best.npz"):
        warm_start(net("lab14"), tmp_path, CLASSES)


def test_neighbours_are_drawn_together():
    assert list(ranges(list("abcdefg"), set("ce"))) == ["a to b", "d", "f to g"]
    assert list(ranges(list("ab"), set("ab"))) == []
