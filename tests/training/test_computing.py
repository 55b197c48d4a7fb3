"""--kernels and --algorithm: one declaration, in effect where it was asked for, kept with the run."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from minidelve import Tensor, __version__, conv2d, nn
from minidelve.backend import DEVICE_OF, chosen, kernels_for, watching_kernels
from minidelve.errors import RunError
from minidelve.experiments.item import Budget
from minidelve.experiments.parts import Parts
from minidelve.experiments.table2 import ITEM
from minidelve.experiments.trained import name_of
from minidelve.models.option import options_of
from minidelve.ops.conv.choice import ALGORITHMS, Layer, asked, choose, using_algorithm
from minidelve.training.computing import asked_for, computing_with
from minidelve.training.config import Config, resolve, title

LAYER = Layer(weight=(64, 64, 3, 3), stride=(1, 1), padding=(1, 1), size=(14, 14))


def test_an_algorithm_is_used_where_it_can_compute_the_layer():
    for name in ALGORITHMS:
        with using_algorithm(name):
            assert choose(LAYER) == name
            able = ALGORITHMS[name].cannot(LAYER._replace(stride=(2, 2))) is None
            assert choose(LAYER._replace(stride=(2, 2))) == (name if able else "im2col")
        assert asked() == "auto"
    with pytest.raises(ValueError, match="algorithm 'fft' is unknown; expected one of auto, "), using_algorithm("fft"):
        pass


@pytest.mark.parametrize("name", ALGORITHMS)
def test_conv2d_takes_what_was_asked_for_but_not_over_its_own_argument(name, rng):
    x, w = (Tensor(rng.standard_normal(s), requires_grad=True) for s in ((1, 2, 6, 6), (3, 2, 3, 3)))
    with using_algorithm(name):
        assert type(conv2d(x, w).function) is ALGORITHMS[name]
        assert type(conv2d(x, w, algorithm="im2col").function) is ALGORITHMS["im2col"]


def test_both_are_in_effect_inside_the_block_alone():
    before = chosen("cpu")
    with computing_with("reference", "im2col"), watching_kernels() as seen:
        assert asked_for() == {"kernels": "reference", "algorithm": "im2col"}
        with computing_with():  # nothing asked for: what is in effect stays
            nn.Conv2d(2, 3, 3)(Tensor(np.ones((1, 2, 5, 5), np.float32)))
    assert seen == {"kernels/reference/im2col.py"}
    assert (chosen("cpu"), asked(), asked_for()) == (before, "auto", {})
    assert kernels_for(np.ones(1)).__name__ == f"kernels.{before}"


@pytest.mark.parametrize(("kernels", "device", "expected"), [
    ("cupy_cuda", "cpu", "expected reference or numba_cpu"), ("reference", "cuda", "--device is cuda")])  # fmt: skip
def test_kernels_of_another_device_are_refused_in_a_line(kernels, device, expected):
    with (
        pytest.raises(RunError, match=f"--kernels {kernels} compute on .*{expected}"),
        computing_with(kernels, "auto", device),
    ):
        pass


def test_they_are_options_of_a_run_and_stand_in_its_title():
    config = resolve({"kernels": "reference", "algorithm": "im2col"})
    assert (config.kernels, config.algorithm) == ("reference", "im2col")
    assert "kernels reference, algorithm im2col" in title(config)
    assert "kernels" not in title(Config())
    declared = options_of(Config)
    assert set(declared["algorithm"].choices) == {"auto", *ALGORITHMS}
    assert declared["kernels"].choices == tuple(DEVICE_OF)


def test_what_is_reproduced_with_them_is_kept_apart():
    usual = name_of(Config()), Parts.path(parts(), "a", 0).name
    with computing_with("reference", "im2col"):
        asked_config = Config(**asked_for())
        assert name_of(asked_config) != usual[0] and Parts.path(parts(), "a", 0).name != usual[1]
    assert (name_of(Config(kernels=None)), Parts.path(parts(), "a", 0).name) == usual


def parts() -> Parts:
    return Parts(Path("parts"), ITEM, Budget(1, {}), "toy")


def test_a_digest_of_usual_options_is_what_it_was_before_there_were_these():
    told = asdict(Config()) | {"version": __version__}
    for name in ("workers", "on_bad_image", "kernels", "algorithm"):
        del told[name]
    digits = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:8]
    assert name_of(Config()).endswith(digits)
