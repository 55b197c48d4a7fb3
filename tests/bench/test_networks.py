"""No ratio from different work: both sides must answer alike before they are timed."""

import numpy as np
import pytest

from minidelve.backend import precision
from minidelve.bench import networks
from minidelve.bench.networks import Job, batch_of, our_side, settle, their_side
from minidelve.bench.same_work import BOUNDS, DifferentWork, check_same_work
from minidelve.bench.twin import allow_tf32, load_torch, relative_difference, within_torch_memory
from minidelve.errors import RunError
from minidelve.tensor import Tensor

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
JOB = Job("lab14", 2, 28, "training")


@pytest.fixture
def pair():
    network, step = our_side(JOB)
    twin, their_step = their_side(load_torch(1), JOB, network, "NCHW")
    return network, step, twin, their_step


def test_the_twin_answers_like_the_network(pair):
    network, _, twin, _ = pair
    (found,) = check_same_work(torch, JOB, network, twin).values()
    assert found < 1e-4
    assert network.training and twin.training
    assert all(p.grad is None for p in (*network.parameters(), *twin.parameters()))


@pytest.mark.parametrize("name", ["0.weight", "1.weight", "-1.bias"])
def test_other_weights_are_noticed(pair, name):
    """One wrong number in any kind of layer."""
    network, _, twin, _ = pair
    layer, kind = name.split(".")
    with torch.no_grad():
        getattr(twin[int(layer)], kind).view(-1)[0] += 1.0
    with pytest.raises(DifferentWork, match="lab14 training.*differ by"):
        check_same_work(torch, JOB, network, twin)


def test_a_wrong_gradient_is_noticed_though_the_logits_agree(pair):
    network, _, twin, _ = pair
    twin[0].weight.register_hook(lambda gradient: gradient * 1.05)
    with pytest.raises(DifferentWork, match="the gradient of conv1.weight differ by 0.048"):
        check_same_work(torch, JOB, network, twin)


def test_a_gradient_that_is_no_number_is_noticed(pair):
    network, _, twin, _ = pair
    twin[0].weight.register_hook(lambda gradient: gradient * float("nan"))
    with pytest.raises(DifferentWork, match="the gradient of conv1.weight differ by nan"):
        check_same_work(torch, JOB, network, twin)


def test_a_training_step_moves_the_weights_and_inference_does_not(pair):
    network, step, twin, their_step = pair
    before = network.fc3.weight.data.copy(), twin[-1].weight.detach().clone()
    step(), their_step()
    assert not np.array_equal(before[0], network.fc3.weight.data) and not torch.equal(before[1], twin[-1].weight)
    job = Job("lab14", 2, 28, "inference")
    network, infer = our_side(job)
    _, their_infer = their_side(torch, job, network, "channels_last")
    np.testing.assert_allclose(infer(), their_infer().numpy(), atol=1e-4)


def lower(name, mode="training", layout="NCHW"):
    """Both sides in a lower precision."""
    job = Job("lab14", 2, 28, mode, "cpu", name)
    network, step = our_side(job)
    return job, network, step, *their_side(torch, job, network, layout)


@pytest.mark.parametrize("name", ["tf32", "mixed"])
def test_a_lower_precision_is_compared_in_float32_too(name):
    """PyTorch knows no TF32 on the CPU: there this compares our rounding with none."""
    job, network, _, twin, _ = lower(name)
    found = check_same_work(torch, job, network, twin)
    assert list(found) == ["fp32", name]
    assert found["fp32"] < 1e-4 < found[name] < BOUNDS[name].gradients


def test_5_percent_too_much_is_noticed_in_float32_and_twice_in_mixed():
    job, network, _, twin, _ = lower("mixed")
    hook = twin[0].weight.register_hook(lambda gradient: gradient * 1.05)
    with pytest.raises(DifferentWork, match="conv1.weight differ by 0.048 of their size in fp32"):
        check_same_work(torch, job, network, twin)
    hook.remove()
    passes = []

    def double_the_second(gradient):
        passes.append(gradient)
        return gradient * len(passes)

    twin[0].weight.register_hook(double_the_second)
    with pytest.raises(DifferentWork, match="conv1.weight differ by 0.5 of their size in mixed; expected 0.3"):
        check_same_work(torch, job, network, twin)


def test_mixed_precision_is_float16_products_and_a_scaled_loss():
    _, network, infer, _, their_infer = lower("mixed", "inference")
    assert their_infer().dtype == torch.float16 and infer().dtype == np.float32
    strictly = network(Tensor(batch_of(Job("lab14", 2, 28, "inference"))[0])).data
    assert 1e-5 < relative_difference(infer(), strictly) < 1e-2
    job, network, step, twin, their_step = lower("mixed", layout="channels_last")
    before = network.fc3.weight.data.copy(), twin[-1].weight.detach().clone()
    settle(job, step), settle(job, their_step)
    assert not np.array_equal(before[0], network.fc3.weight.data) and not torch.equal(before[1], twin[-1].weight)
    assert network.conv1.weight.data.dtype == np.float32 and twin[0].weight.dtype == torch.float32


def test_their_forward_passes_alone_are_under_autocast():
    """As PyTorch's documentation wants it."""
    _, _, _, twin, their_step = lower("mixed")
    seen = []
    twin[0].register_forward_hook(lambda *_: seen.append(("forward", torch.is_autocast_enabled("cpu"))))
    twin[0].weight.register_hook(lambda _: seen.append(("backward", torch.is_autocast_enabled("cpu"))))
    their_step()
    assert seen == [("forward", True), ("backward", False)]


def test_tf32_is_allowed_in_both_of_pytorchs_places_or_in_neither():
    places = torch.backends.cuda.matmul, torch.backends.cudnn
    try:
        for name in ("tf32", "fp32", "tf32", "mixed"):
            allow_tf32(torch, name)
            assert [place.allow_tf32 for place in places] == 2 * [name == "tf32"]
        job, network, _, twin, _ = lower("tf32", "inference")
        check_same_work(torch, job, network, twin)  # in float32 first: what it set must not stay
        assert all(place.allow_tf32 for place in places)
    finally:
        allow_tf32(torch, "fp32")


def test_the_step_is_that_of_minidelve_train(monkeypatch):
    seen = []
    monkeypatch.setattr(networks, "train_step", lambda run, x, *_: seen.append((run, x, precision.factors())))
    _, step = our_side(Job("lab14", 2, 28, "training", "cpu", "mixed"))
    step()
    ((run, x, factors),) = seen
    assert (x.shape, factors, run.config.precision, run.optimizer.lr) == ((2, 3, 28, 28), "fp16", "mixed", networks.LR)
    assert run.loss_scale is not None and precision.is_strict()


def test_pytorchs_memory_error_is_one_line_and_no_other_error_is():
    full = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB. GPU 0 has a total capacity of 8 GiB")
    line = "CUDA out of memory. Tried to allocate 2 GiB.*--batch-size"
    with pytest.raises(RunError, match=line) as raised, within_torch_memory():
        raise full
    assert "capacity" not in str(raised.value)
    with pytest.raises(RuntimeError, match="^CUDA out of memory$"), within_torch_memory():
        raise RuntimeError("CUDA out of memory")
