"""Initialization: measured standard deviations against the paper's formulas, relatively; signal through depth."""

import numpy as np
import pytest

import minidelve as md
from minidelve import Tensor
from minidelve.nn import Linear, Parameter, init
from tests.helpers import raises

SEEDS = range(4, 8)  # networks of random weights
CONV, LINEAR = (128, 64, 3, 3), (300, 500)
FAN_IN, FAN_OUT = {CONV: 576, LINEAR: 500}, {CONV: 1152, LINEAR: 300}


def he(shape, mode="fan_in", a=0.0):
    fan = (FAN_IN if mode == "fan_in" else FAN_OUT)[shape]
    return np.sqrt(2 / ((1 + a**2) * fan))


def xavier(shape, mode="fan_avg"):
    fan = {"fan_in": FAN_IN[shape], "fan_out": FAN_OUT[shape], "fan_avg": (FAN_IN[shape] + FAN_OUT[shape]) / 2}[mode]
    return np.sqrt(1 / fan)


CASES = [(init.he_normal_, init.he_uniform_, he, {"mode": mode, "a": a})
         for mode in ("fan_in", "fan_out") for a in (0.0, 0.25, 1.0)]  # fmt: skip
CASES += [(init.xavier_normal_, init.xavier_uniform_, xavier, {"mode": mode})
          for mode in ("fan_avg", "fan_in", "fan_out")]  # fmt: skip
CASES += [(init.he_normal_, init.he_uniform_, he, {}), (init.xavier_normal_, init.xavier_uniform_, xavier, {})]


@pytest.mark.parametrize("shape", [CONV, LINEAR], ids=["conv", "linear"])
@pytest.mark.parametrize(("normal_", "uniform_", "formula", "options"), CASES)
def test_weights_have_the_formulas_std(shape, normal_, uniform_, formula, options, rng):
    w, std = Tensor(np.zeros(shape, np.float32)), formula(shape, **options)
    array = w.data
    for fill in (normal_, uniform_):
        assert fill(w, **options, rng=rng) is w and w.data is array and w.dtype == np.float32
        assert array.std() == pytest.approx(std, rel=0.01)
        assert abs(array.mean()) < 0.01 * std
        if fill is normal_:
            assert np.mean(np.abs(array) > 2 * std) == pytest.approx(0.0455, rel=0.1)  # a normal distribution's tails
        else:
            assert np.abs(array).max() == pytest.approx(np.sqrt(3) * std, rel=1e-3)  # its bound


@pytest.mark.parametrize("fill", [init.he_normal_, init.he_uniform_, init.xavier_normal_, init.xavier_uniform_])
def test_draws_are_distinct_and_repeated_by_the_seed_only(fill):
    draw = lambda seed: fill(Tensor(np.zeros((40, 50))), rng=np.random.default_rng(seed)).data  # noqa: E731
    assert len(np.unique(draw(1))) == 2000
    np.testing.assert_array_equal(draw(1), draw(1))
    assert not np.array_equal(draw(1), draw(2))
    one, two = (fill(Tensor(np.zeros(CONV))).data for _ in range(2))
    assert not np.array_equal(one, two)  # unseeded


def test_normal_takes_its_std_and_fills_a_channels_last_weight_in_place(rng):
    assert init.normal_(Tensor(np.zeros(LINEAR)), 0.01, rng).data.std() == pytest.approx(0.01, rel=0.01)
    plain = Tensor(np.zeros((4, 3, 2, 2)))
    strided = Tensor(np.zeros((4, 2, 2, 3)).transpose(0, 3, 1, 2))
    init.he_normal_(plain, rng=np.random.default_rng(0))
    init.he_normal_(strided, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(plain.data, strided.data)
    assert strided.data.transpose(0, 2, 3, 1).flags.c_contiguous


def test_vgg_b_stds_are_those_of_the_paper():
    """Section 2.2: .059, .042, .029, .021; a fixed 0.01 loses a factor 1.7e4 from conv10 to conv2."""
    channels = [64, 64, 128, 128, 256, 256, 512, 512, 512, 512]
    stds = [init.he_std((d, d, 3, 3), "fan_out") for d in channels]
    assert sorted({round(s, 3) for s in stds}, reverse=True) == [0.059, 0.042, 0.029, 0.021]
    # conv2 to conv10 but for the last: eight or nine factors, as the paper counts 5.9 * 4.2^2 * 2.9^2 * 2.1^4
    assert np.prod([s / 0.01 for s in stds[1:]]) == pytest.approx(1.7e4, rel=0.05)


@pytest.mark.parametrize("fill", [init.he_normal_, init.he_uniform_, init.xavier_normal_, init.xavier_uniform_])
def test_an_unknown_mode_lists_the_known_ones(fill):
    modes = "fan_in, fan_out, fan_avg" if "xavier" in fill.__name__ else "fan_in, fan_out$"
    with pytest.raises(ValueError, match=f"init: mode 'fan-in' is unknown; expected one of {modes}"):
        fill(Tensor(np.zeros((2, 2))), mode="fan-in")
    with pytest.raises(ValueError, match=r"weight of shape \(3,\) has no fan-in"):
        fill(Tensor(np.zeros(3)))


# -- through depth ---------------------------------------------------------------------------------


def signal_through(layers: int, direction: str, slope: float, fill, **options) -> float:
    """Std at the end over std at the start of random rectifier layers of width 512, root mean square of 4 nets.

    Of one net alone it scatters by about sqrt(5 layers / width) / 2 = 27%.
    """
    squares = []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        a = Tensor(np.full(512, slope, np.float32))
        y = start = Tensor(rng.standard_normal((100, 512)).astype(np.float32), requires_grad=True)
        for _ in range(layers):
            y = md.linear(md.prelu(y, a), fill(Tensor(np.empty((512, 512), np.float32)), rng=rng, **options))
        before, after = start.data, y.data
        if direction == "backward":
            before = rng.standard_normal(y.shape).astype(np.float32)
            y.backward(before)
            after = start.grad
        squares.append(after.var() / before.var())
    return np.sqrt(np.mean(squares))


@pytest.mark.parametrize(("direction", "mode"), [("forward", "fan_in"), ("backward", "fan_out")])
@pytest.mark.parametrize(("slope", "fill", "options", "a_layer"), [
    (0.0, init.he_normal_, {"a": 0.0}, 1), (0.25, init.he_normal_, {"a": 0.25}, 1),
    (0.0, init.xavier_normal_, {}, 2**-0.5), (0.5, init.he_normal_, {"a": 0.0}, 1.25**0.5),
])  # fmt: skip
def test_he_keeps_the_signal_of_its_slope_xavier_and_another_do_not(direction, mode, slope, fill, options, a_layer):
    ratio = signal_through(30, direction, slope, fill, mode=mode, **options)
    assert ratio == pytest.approx(a_layer**30, rel=0.15)


def test_integers_are_not_filled_with_random_zeros():
    for fill in (init.he_normal_, init.xavier_uniform_, lambda w: init.normal_(w, 0.01)):
        raises(TypeError, lambda fill=fill: fill(Tensor(np.zeros((2, 3), np.int64))), "int64", "expected float32")


@pytest.mark.parametrize("name", ["kaiming_normal_", "kaiming_uniform_"])
@pytest.mark.parametrize(
    "by_place", [(), (0.25,), (0.25, "fan_out"), (0.25, "fan_in", "relu"), (0.0, "fan_out", "linear")]
)
def test_kaiming_draws_as_pytorch_does(name, by_place):
    torch = pytest.importorskip("torch")
    w = Parameter(np.empty((60, 50, 3, 3), np.float32))
    theirs = getattr(torch.nn.init, name)(torch.empty(60, 50, 3, 3), *by_place)
    assert getattr(init, name)(w, *by_place, rng=np.random.default_rng(0)) is w
    assert w.data.std() == pytest.approx(theirs.std().item(), rel=0.02)
    assert abs(w.data).max() == pytest.approx(theirs.abs().max().item(), rel=0.3 if "normal" in name else 0.001)


def test_what_is_no_rectifier_has_no_slope():
    for name in ("kaiming_normal_", "kaiming_uniform_"):
        with pytest.raises(
            ValueError, match=r"nonlinearity 'tanh' is unknown; expected one of .*; write normal_\(w, std"
        ):
            getattr(init, name)(Parameter(np.empty((2, 3))), nonlinearity="tanh")


def test_a_word_in_place_of_the_slope_is_told_so():
    w = Parameter(np.empty((2, 3)))
    for call in (lambda: init.kaiming_normal_(w, "relu"), lambda: init.he_uniform_(w, a="relu")):
        raises(TypeError, call, "init: a is 'relu'; expected a number, the slope")


def test_glorot_is_xavier():
    for kind in ("normal_", "uniform_"):
        drawn = [
            getattr(init, f"{who}_{kind}")(Parameter(np.empty((4, 3))), "fan_in", rng=np.random.default_rng(0)).data
            for who in ("glorot", "xavier")
        ]
        np.testing.assert_array_equal(*drawn)


@pytest.mark.parametrize("fill", [init.he_normal_, init.xavier_uniform_, lambda w: init.normal_(w, 0.1)])
def test_a_layer_in_place_of_its_weight_is_told_so(fill):
    with pytest.raises(TypeError, match=r"init works on a weight; got a Linear: pass its weight, layer\.weight"):
        fill(Linear(3, 2))
    with pytest.raises(TypeError, match="init works on Tensors; got a NoneType"):
        fill(None)
