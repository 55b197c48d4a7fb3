"""The fig2-responses item: means of the validation set's responses, compared by size."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from minidelve import Tensor, backend, models, no_grad
from minidelve.experiments import Budget, Setup, fig2_responses, table2
from minidelve.experiments.table2 import CHANNELS, RELU
from minidelve.experiments.trained import trained

TINY = Budget(1, {"model": "lab14", "width": 0.125, "fc": 16, "size": 32, "epochs": 1, "batch_size": 6, "lr": 0.01})


def by_hand(network, x):
    """Layer by layer with the whole set at once: name -> (mean, mean square) after every activation."""
    found = {}
    with no_grad():
        x = Tensor(x)
        for name, layer in network.named_children():
            x = layer(x)
            if "act" in name:
                y = x.data.astype(np.float64)
                found[name.split("_act")[0]] = (y.mean(), (y * y).mean())
    return found


def test_responses_are_those_of_the_validation_set_without_dropout(tiny_data, tmp_path):
    setup = Setup(TINY, str(tiny_data), CHANNELS, 0, tmp_path)
    rows = fig2_responses.run(setup)
    net = trained(setup, **table2.RUNS[CHANNELS])
    assert [folder.name for folder in tmp_path.iterdir()] == [net.folder.name]  # table2's network, no other
    images = np.concatenate([x for x, _ in net.validation().epoch(0)])
    assert len(images) == 16  # batches of 6, 6 and 4
    expected = by_hand(net.network, images)
    assert [row["layer"] for row in rows] == list(expected) and len(rows) == 13
    for row in rows:
        mean, square = expected[row["layer"]]
        assert (row["mean"], row["rms"]) == (pytest.approx(mean, abs=1e-6), pytest.approx(math.sqrt(square), rel=1e-5))
        assert row["scaled"] == pytest.approx(mean / math.sqrt(square), rel=1e-3, abs=1e-5)


def untrained(activation="relu", device="cpu"):
    net = models.create("lab14", num_classes=4, activation=activation, width=0.125, fc=16, seed=3)
    net.eval().to(device)
    images = np.random.default_rng(0).standard_normal((5, 3, 32, 32)).astype(np.float32)
    batches = SimpleNamespace(epoch=lambda number: ((images[k : k + 2], None) for k in (0, 2, 4)))
    config = SimpleNamespace(device=device)
    return SimpleNamespace(network=net, validation=lambda: batches, config=config)


def test_a_layers_scale_changes_the_mean_but_not_its_ratio():
    net = untrained()
    before = fig2_responses.responses(net)
    net.network.conv2_3.weight.data *= 2
    net.network.conv2_4.weight.data /= 2
    after = fig2_responses.responses(net)
    factors = [b["mean"] / a["mean"] for a, b in zip(before, after, strict=True)]
    assert factors == pytest.approx([2.0 if row["layer"] == "conv2_3" else 1.0 for row in before], rel=1e-5)
    assert [row["scaled"] for row in after] == pytest.approx([row["scaled"] for row in before], rel=1e-5)


def test_a_dead_layer_has_no_ratio():
    net = untrained()
    net.network.conv2_1.bias.data[...] = -1000
    row = next(row for row in fig2_responses.responses(net) if row["layer"] == "conv2_1")
    assert row["mean"] == row["rms"] == 0 and math.isnan(row["scaled"])


@pytest.mark.gpu
@pytest.mark.skipif(not backend.cuda_state()[0], reason="no CUDA device")
def test_the_device_gives_the_same():
    cpu, cuda = (fig2_responses.responses(untrained("prelu", device)) for device in ("cpu", "cuda"))
    for one, other in zip(cpu, cuda, strict=True):
        assert other.pop("layer") == one.pop("layer")
        assert other == pytest.approx(one, rel=1e-3, abs=1e-5)


def test_a_normal_response_has_the_derived_ratio():
    y = np.random.default_rng(0).standard_normal(400_000)
    for a in (0.0, 0.25, -0.3):
        f = np.where(y > 0, y, a * y)
        assert fig2_responses.expected(a) == pytest.approx(f.mean() / np.sqrt((f * f).mean()), rel=0.01)


def rows_of(relu, prelu, scaled=None, seeds=3):
    """Thirteen layers whose mean is relu's and prelu's (functions of seed and layer), and rms 1 unless said."""
    return [
        {"variant": variant, "seed": seed, "layer": f"l{i}", "mean": mean(seed, i), "rms": 1.0,
         "scaled": (scaled or mean)(seed, i) if variant == CHANNELS else mean(seed, i)}
        for variant, mean in ((RELU, relu), (CHANNELS, prelu)) for seed in range(seeds) for i in range(13)
    ]  # fmt: skip


def trend(rows):
    return fig2_responses.ITEM.verdict(fig2_responses.ITEM.whole(rows))


def one(seed, layer):
    return 1.0


def first(count, *, of_seed=0):
    """0.5, smaller than 1, in the first layers; 2 in the others."""
    return lambda seed, layer: 0.5 if layer < count + of_seed * seed else 2.0


def test_the_trend_tells_right_wrong_and_not_to_be_told():
    found = trend(rows_of(one, first(9)))
    assert found.holds is True and "less half of them: 2.5 ± 0.0 layers over 3 seeds" in found.sentence
    assert trend(rows_of(one, first(4))).holds is False
    assert trend(rows_of(one, first(3, of_seed=4))).holds is None  # 3, 7 and 11 layers
    alone = trend(rows_of(one, first(13), seeds=1))
    assert alone.holds is None and "with one seed" in alone.sentence


def test_both_measures_must_agree():
    assert trend(rows_of(one, first(12), scaled=first(2))).holds is False
    assert trend(rows_of(one, first(2), scaled=first(12))).holds is False


def test_a_mean_far_below_zero_is_not_small():
    far, near = (rows_of(one, lambda seed, layer, mean=mean: mean) for mean in (-2.0, -0.5))
    assert (trend(far).holds, trend(near).holds) == (False, True)
    header, lines = fig2_responses.table(near)
    assert lines[0][1:4] == ["1.000", "0.500", "-0.500 ± 0.000"] and "size of mean response" in header[2]


def test_the_printed_sizes_differ_by_the_printed_difference():
    """A mean of either sign: its size over the seeds is 0.4, not 0."""
    lines = fig2_responses.table(rows_of(one, lambda seed, layer: 0.4 * (-1) ** seed, seeds=2))[1]
    assert lines[0][1:4] == ["1.000", "0.400", "-0.600 ± 0.000"]


def test_two_seeds_that_agree_on_a_majority_of_one_layer_are_no_certainty():
    for count, holds in ((8, True), (7, None), (6, None), (5, False)):
        assert trend(rows_of(one, first(count), seeds=2)).holds is holds


def test_the_table_shows_both_measures_layer_by_layer():
    header, lines = fig2_responses.table(rows_of(one, first(9), scaled=first(12)))
    assert all(len(line) == len(header) for line in lines) and len(lines) == 14
    assert lines[0][:7] == ["l0", "1.000", "0.500", "-0.500 ± 0.000", "1.000", "0.500", "-0.500 ± 0.000"]
    assert lines[10][:7] == ["l10", "1.000", "2.000", "1.000 ± 0.000", "1.000", "0.500", "-0.500 ± 0.000"]
    assert (lines[-1][3], lines[-1][6]) == ("27 of 39 (69%)", "36 of 39 (92%)")


def test_missing_numbers_stop_nothing_and_are_not_counted():
    rows = rows_of(one, lambda seed, layer: None if layer == 5 else 0.5)
    found = trend(rows)
    assert found.holds is True and "6.0 ± 0.0 layers" in found.sentence
    assert fig2_responses.table(rows)[1][-1][3] == "36 of 36 (100%)"
    assert fig2_responses.table(rows)[1][5][2] == "" and fig2_responses.draw(rows)
    nothing = rows_of(one, lambda seed, layer: None)
    assert trend(nothing).holds is None
    assert fig2_responses.table(nothing) and fig2_responses.draw(nothing)
