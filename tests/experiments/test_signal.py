"""The signal item: what it predicts, what it measures, and what it makes of both."""

import numpy as np
import pytest

from minidelve import Tensor
from minidelve.analysis import observe
from minidelve.experiments import Budget, Setup, signal, signal_stack
from minidelve.experiments.rows import select

SMALL = Budget(3, {"networks": 16, "widths": (32, 48)})


def rows_of(starts=tuple(signal_stack.STARTS), depth=4, seeds=3):
    rows = []
    for start in starts:
        for seed in range(seeds):
            part = signal.run(Setup(SMALL, "toy", f"{start}, {depth}", seed))
            rows += [{"variant": start, "seed": seed} | row for row in part]
    return rows


def test_every_position_of_a_torus_has_all_its_terms():
    layer = signal_stack.TorusConv2d(1, 1, 2, bias=False)
    layer.weight.data[...] = 1.0
    x = np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)
    window = [(0, 0), (0, 1), (1, 0), (1, 1)]
    around = [[x[0, 0, (i + di) % 3, (j + dj) % 3] for di, dj in window] for i in range(3) for j in range(3)]
    leaf = Tensor(x, requires_grad=True)
    y = layer(leaf)
    assert y.data.ravel().tolist() == [sum(terms) for terms in around]
    y.sum().backward()
    assert (leaf.grad == 4).all()  # nhat = 4 terms for each


# By hand: factor forward (1 + a^2)/2 n Var[w], backward with nhat; n = 4c, nhat = 4d.
@pytest.mark.parametrize(
    ("start", "response", "gradient"),
    [
        ("he forward", [1, 1, 1], [3, 1.5, 1]),
        ("he backward", [1, 1 / 2, 1 / 3], [1, 1, 1]),
        ("he (1+a²)", [1, 1, 1], [3, 1.5, 1]),
        ("xavier", [1, 1 / 2, 1 / 4], [0.75, 0.75, 1]),
        ("gaussian 0.01", [1, 16e-4, 16 * 32e-8], [48 * 32e-8, 48e-4, 1]),
    ],
)
def test_the_prediction_is_the_product_of_the_factors(start, response, gradient):
    np.testing.assert_allclose(signal_stack.predicted(start, [8, 16, 24], "response"), response)
    np.testing.assert_allclose(signal_stack.predicted(start, [8, 16, 24], "gradient"), gradient)


def test_small_networks_behave_as_predicted():
    courses = signal.all_courses(rows_of())
    assert len(courses) == 10
    for key, c in courses.items():
        assert (abs(c.measured / c.predicted - 1) < 0.05 + 4 * c.error).all(), (key, c)
        assert c.error.max() < 0.15


def test_the_slope_matters_to_a_prelu_network():
    """With He's std for ReLU the responses of a PReLU network would grow by 1 + a^2 a layer."""
    wrong = signal_stack.Start(signal_stack.STARTS["he forward"].fill, 1.0, signal_stack.STARTS["he forward"].variance)
    rng, squares = np.random.default_rng(0), []
    for _ in range(20):
        net = signal_stack.stack(3, (64,), wrong, rng)
        with observe(net, ["0", "4"]) as seen:
            net(Tensor(signal_stack.patches("toy", rng)))
        squares.append(seen.responses["4"].second_moment / seen.responses["0"].second_moment)
    assert np.mean(squares) == pytest.approx(4, rel=0.15)  # two layers, each (1 + 1)


def test_the_signal_of_a_badly_started_network_ends_below_float32():
    rows = signal.run(Setup(Budget(1, {"networks": 1, "widths": (4,)}), "toy", "gaussian 0.01, 40", 0))
    rows = [{"seed": 0} | row for row in rows]
    c = signal.course(rows, "gaussian 0.01", 40, "response")
    assert np.isnan(c.measured[-1]) and np.isfinite(c.measured[5])
    line = next(line for line in signal.table(rows)[1] if line[2] == "response")
    assert line[3] == "below float32"


def synthetic(factor, spread):
    rng = np.random.default_rng(0)
    rows = []
    for seed in range(4):
        for l in range(1, 31):
            noise = 1 + spread * rng.standard_normal(2)
            rows.append({
                "seed": seed, "start": "he forward", "depth": 30, "layer": l, "channels": 64,
                "response_ratio": factor * noise[0] if l > 1 else None,
                "gradient_ratio": noise[1] if l < 30 else None,
            })  # fmt: skip
    return rows


def test_the_trend_tells_right_wrong_and_not_to_be_told():
    assert signal.ITEM.verdict(synthetic(1.0, 0.001)).holds is True
    assert signal.ITEM.verdict(synthetic(1.01, 0.001)).holds is False  # 1.01^29 = 1.33
    assert signal.ITEM.verdict(synthetic(1.0039, 0.0001)).holds is False  # 12%, and that in the last layers alone
    assert signal.ITEM.verdict([row for row in synthetic(1.01, 0.001) if row["seed"] < 2]).holds is None
    noisy = signal.ITEM.verdict(synthetic(1.0, 0.2))
    assert noisy.holds is None and "More seeds would tell" in noisy.sentence
    worst = signal.ITEM.verdict(synthetic(1.01, 0.0001))
    assert "33% (he forward, 30 layers, response of layer 30" in worst.sentence


def test_patches_are_pieces_of_the_data_set_brought_to_one_scale(tiny_data):
    x = signal_stack.patches(str(tiny_data), np.random.default_rng(0))
    assert x.shape == (signal_stack.IMAGES, 3, 4, 4) and x.dtype == np.float32
    assert abs(x.mean()) < 1e-5 and (x**2).mean() == pytest.approx(1, rel=1e-4)
    assert not np.array_equal(x, signal_stack.patches("toy", np.random.default_rng(0)))


def test_the_same_seed_gives_the_same_rows_and_another_one_others():
    first, again, other = (signal.run(Setup(SMALL, "toy", "xavier, 3", seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert select(first, layer=3)[0]["gradient_ratio"] is None


def test_the_error_of_a_ratio_is_that_of_its_mean():
    """0.9 and 1.1: a standard deviation of sqrt(0.02), over sqrt(2) for two seeds: 0.1."""
    rows = [
        {"seed": seed, "start": "he forward", "depth": 2, "layer": l, "channels": 4,
         "response_ratio": r if l > 1 else None}
        for seed, r in enumerate((0.9, 1.1)) for l in (1, 2)
    ]  # fmt: skip
    assert signal.course(rows, "he forward", 2, "response").error == pytest.approx([0, 0.1])
