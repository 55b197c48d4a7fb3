"""--precision: which products round their factors, and to what; what training with float16 factors needs."""

import json

import numpy as np
import pytest

from minidelve import Tensor, ops
from minidelve.backend.precision import PRECISIONS, as_factor, factors, is_strict, using_precision
from minidelve.cli import main
from minidelve.errors import RunError
from minidelve.models import create
from minidelve.nn import Parameter
from minidelve.optim import SGD, LossScale, loss_scale
from minidelve.training import checkpoint
from minidelve.training import loop as training
from minidelve.training.config import Config, title
from minidelve.training.loop import train_step
from minidelve.training.state import Run


def rounded(x: np.ndarray, precision: str) -> np.ndarray:
    """What a factor becomes, as float64 and by another way than the kernels': on the number's digits."""
    if precision == "mixed":
        return x.astype(np.float16).astype(np.float64)
    digits, exponent = np.frexp(x.astype(np.float64))  # digits in [1/2, 1): 11 of them are the leading one and 10 more
    return np.ldexp(np.round(digits * 2.0**11) / 2.0**11, exponent)


def gradients(op, df, *arrays):
    """(result, *gradients) of op from the cotangent df."""
    leaves = [Tensor(a, requires_grad=True) for a in arrays]
    y = op(*leaves)
    y.backward(df)
    return [y.data, *(leaf.grad for leaf in leaves)]


CASES = {
    "conv2d": (lambda x, w: ops.conv2d(x, w, None, 2, 1), (3, 4, 7, 7), (5, 4, 3, 3), (3, 5, 4, 4)),
    "conv2d 2x2": (lambda x, w: ops.conv2d(x, w, None, 1, 0), (2, 64, 6, 6), (64, 64, 2, 2), (2, 64, 5, 5)),
    "linear": (ops.linear, (6, 9), (4, 9), (6, 4)),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("precision", ["tf32", "mixed"])
def test_both_passes_multiply_rounded_factors_and_add_in_float32(name, precision, rng):
    op, *shapes = CASES[name]
    x, w, df = (rng.standard_normal(shape).astype(np.float32) for shape in shapes)
    with using_precision(precision):
        y, dx, dw = gradients(op, df, x, w)
    exact_y, *_ = gradients(op, df.astype(np.float64), rounded(x, precision), rounded(w, precision))
    _, exact_dx, exact_dw = gradients(op, rounded(df, precision), rounded(x, precision), rounded(w, precision))
    for got, exact in ((y, exact_y), (dx, exact_dx), (dw, exact_dw)):
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, exact, rtol=1e-5, atol=1e-5)
    strict = gradients(op, df, x, w)
    assert 1e-5 < abs(strict[0] - y).max() < 0.1  # it did round


@pytest.mark.parametrize("precision", PRECISIONS)
def test_float64_is_never_rounded(precision, rng):
    op, *shapes = CASES["conv2d"]
    x, w, df = (rng.standard_normal(shape) for shape in shapes)
    strict = gradients(op, df, x, w)
    with using_precision(precision):
        for got, expected in zip(gradients(op, df, x, w), strict, strict=True):
            np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("op", [
    lambda x: ops.prelu(x, Tensor(np.full(6, 0.25, np.float32))), lambda x: ops.max_pool2d(x, 2),
    lambda x: ops.spatial_pyramid_pool2d(x, (2, 1)), lambda x: ops.softmax(ops.flatten(x)),
])  # fmt: skip
def test_only_conv2d_and_linear_round(rng, op):
    x = Tensor(rng.standard_normal((4, 6, 8, 8)).astype(np.float32))
    expected = op(x).data
    with using_precision("mixed"):
        np.testing.assert_array_equal(op(x).data, expected)


def test_mixed_precision_keeps_the_convolution_s_input_in_half_the_bytes(rng):
    x = Tensor(rng.standard_normal((2, 4, 6, 6)).astype(np.float32), requires_grad=True)
    w = Tensor(rng.standard_normal((3, 4, 3, 3)).astype(np.float32), requires_grad=True)
    with using_precision("mixed"):
        y = ops.conv2d(x, w)
    assert y.function.saved[0].dtype == np.float16
    y.sum().backward()  # outside: what was kept decides
    assert x.grad.dtype == w.grad.dtype == np.float32


def test_rounded_factors_go_through_im2col(rng):
    shapes = (2, 64, 13, 13), (64, 64, 2, 2)
    x, w = (Tensor(rng.standard_normal(shape).astype(np.float32), requires_grad=True) for shape in shapes)
    made_by = {}
    for precision in PRECISIONS:
        with using_precision(precision):
            made_by[precision] = type(ops.conv2d(x, w).function).__name__
    assert made_by == {"fp32": "Winograd2d", "tf32": "Conv2d", "mixed": "Conv2d"}


def test_an_activation_behind_the_layer_gives_the_same_as_one_after_it(rng):
    x, w, b = (rng.standard_normal(s).astype(np.float32) for s in ((2, 5, 6, 6), (8, 5, 2, 2), (8,)))
    a, df = np.full(8, 0.25, np.float32), rng.standard_normal((2, 8, 5, 5)).astype(np.float32)
    with using_precision("mixed"):
        fused = gradients(lambda x, w, b, a: ops.conv2d(x, w, b, activation=a), df, x, w, b, a)
        apart = gradients(lambda x, w, b, a: ops.prelu(ops.conv2d(x, w, b), a), df, x, w, b, a)
    for one, other in zip(fused, apart, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_the_setting_ends_with_the_block_and_names_are_checked():
    with pytest.raises(ZeroDivisionError), using_precision("mixed"):
        assert factors() == "fp16" and not is_strict()
        raise ZeroDivisionError
    with using_precision("tf32"):
        with using_precision("mixed"):
            pass
        assert factors() == "tf32"
    assert is_strict() and as_factor(np.ones(1, np.float32)).dtype == np.float32
    with pytest.raises(ValueError, match="precision 'half' is unknown; expected one of fp32, tf32, mixed"):
        using_precision("half").__enter__()


# -- loss scaling ----------------------------------------------------------------------------------


def test_a_gradient_too_small_for_float16_survives_by_loss_scaling():
    """dE/dw = 1e-9 * x: as a factor of dw the 1e-9 is 0 in float16, 65536e-9 is not."""
    x, w = Tensor(np.float32([[3.0]])), Parameter(np.float32([[1.0]]))

    def loss():
        w.grad = None
        return (ops.linear(x, w) * np.float32(1e-9)).sum()

    with using_precision("mixed"):
        loss().backward()
        assert w.grad.item() == 0
        scale, scaled = LossScale(), loss()
        scaled.backward(scale.gradient(scaled))
        assert scale.unscale([w])
    assert w.grad.item() == pytest.approx(3e-9, rel=1e-3)


def run_of(precision: str, lr: float = 1e-4):
    """A Run of lab14 without dropout, on noise."""
    network = create("lab14", 4, seed=0)
    for name in ("fc1_drop", "fc2_drop"):
        getattr(network, name).p = 0.0
    config = Config(model="lab14", precision=precision)
    run = Run(config, network, SGD(network.parameters(), lr), None, None, [], [])  # type: ignore[arg-type]
    run.loss_scale = LossScale() if precision == "mixed" else None
    return run


ONES = np.ones((8, 3, 32, 32), np.float32)


def step(run: Run, x=ONES) -> tuple[float, int]:
    """A training step of the run, in its precision: (loss, number misclassified)."""
    with using_precision(run.config.precision):
        return train_step(run, x, np.arange(len(x)) % 4, "step 3")


def noise(rng) -> np.ndarray:
    return rng.standard_normal((8, 3, 32, 32), dtype=np.float32)


def losses(precision: str, steps: int = 6) -> tuple[list[float], Run]:
    rng, run = np.random.default_rng(5), run_of(precision)
    return [step(run, noise(rng))[0] for _ in range(steps)], run


def test_steps_in_each_precision_stay_close_to_strict_ones():
    strict, _ = losses("fp32")
    for precision in ("tf32", "mixed"):
        found, run = losses(precision)
        assert found != strict
        np.testing.assert_allclose(found, strict, rtol=0.05)
        assert {p.dtype for p in run.network.parameters()} == {np.dtype(np.float32)}


def test_a_step_with_infinite_gradients_is_left_out_and_changes_no_weight():
    run = run_of("mixed")
    run.loss_scale = LossScale(2.0**100)  # float16 ends at 65504
    before = run.network.state_dict()
    step(run)
    assert run.loss_scale.scale == 2.0**99
    for name, value in run.network.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_step_counts_what_was_misclassified_in_every_precision(rng, precision):
    x, run = noise(rng), run_of(precision)
    with using_precision(precision):
        expected = int((run.network(Tensor(x)).data.argmax(axis=1) != np.arange(8) % 4).sum())
    assert expected > 0 and step(run, x)[1] == expected


def test_a_loss_that_is_not_finite_stops_a_mixed_run_too():
    run = run_of("mixed")
    run.network.conv1.weight.data[...] = 1e30  # infinite in float16
    before = run.network.fc1.weight.data.copy()
    with pytest.raises(RunError, match=r"the loss became (nan|inf) in step 3; .*conv1"):
        step(run)
    np.testing.assert_array_equal(run.network.fc1.weight.data, before)


def test_gradients_that_no_scale_makes_finite_are_one_line(monkeypatch):
    run = run_of("mixed")
    run.loss_scale = LossScale(1.0)
    monkeypatch.setattr(loss_scale, "all_finite", lambda gradients: False)
    said = r"not finite even with a loss scale of 1, in step 3; try a smaller --lr than 0.0001, or --precision fp32"
    with pytest.raises(RunError, match=said):
        step(run)


def test_the_name_of_a_run_says_its_precision():
    assert "precision mixed" in title(Config(precision="mixed")) and "precision" not in title(Config())


def test_validation_is_computed_as_the_run_is(tiny_data, tmp_path, monkeypatch):
    seen, real = [], training.evaluate
    monkeypatch.setattr(training, "evaluate", lambda *args: seen.append(factors()) or real(*args))
    config = Config(data=str(tiny_data), size=28, batch_size=8, lr=0.001, epochs=1, workers=0, precision="tf32")
    training.train(config, tmp_path / "run", say=lambda line: None)
    assert seen == ["tf32"]
    assert checkpoint.load_meta(tmp_path / "run" / "last.npz")["loss_scale"] is None  # only float16 needs one


def test_a_mixed_run_resumes_where_its_loss_scale_was(tiny_data, tmp_path, capsys):
    words = ["train", "--data", str(tiny_data), "--size", "28", "--batch-size", "8", "--lr", "0.001", "--workers", "0"]
    mixed = [*words, "--plateau", "--precision", "mixed"]
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    assert main([*mixed, "--epochs", "2", "--out", str(whole)]) == 0
    assert is_strict()
    assert main([*mixed, "--epochs", "1", "--out", str(halves)]) == 0
    assert checkpoint.load_meta(halves / "last.npz")["loss_scale"]["good_steps"] >= 1
    assert main([*words, "--precision", "tf32", "--epochs", "2", "--out", str(halves), "--resume"]) == 2
    assert "--precision tf32 differs from the run's mixed" in capsys.readouterr().err
    assert main([*words, "--epochs", "2", "--out", str(halves), "--resume"]) == 0  # the precision is the run's
    ours, theirs = (checkpoint.load_meta(folder / "last.npz") for folder in (whole, halves))
    assert theirs["config"]["precision"] == "mixed" and ours["loss_scale"] == theirs["loss_scale"]
    second_epoch = [meta["history"][1]["train_loss"] for meta in (ours, theirs)]
    assert second_epoch[0] == pytest.approx(second_epoch[1], rel=1e-6)


def test_a_precision_that_is_none_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["train", "--data", "toy", "--precision", "half", "--out", str(tmp_path / "run")])
    assert stop.value.code == 2 and "there is no 'half'" in capsys.readouterr().err


def test_evaluation_can_round_too(tiny_data, tmp_path, capsys):
    out = str(tmp_path / "run")
    words = ["--data", str(tiny_data), "--workers", "0"]
    training = ["--size", "28", "--batch-size", "8", "--lr", "0.001", "--epochs", "1", "--out", out]
    assert main(["train", *words, *training]) == 0
    entropies = set()
    for precision in PRECISIONS:
        capsys.readouterr()
        report = tmp_path / precision
        assert main(["evaluate", out, *words, "--precision", precision, "--out", str(report)]) == 0
        entropies.add(json.loads((report / "evaluation.json").read_text())["rows"][0]["cross_entropy"])
    assert len(entropies) > 1
