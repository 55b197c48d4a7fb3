"""No ratio from different work: both sides must answer alike before they are timed."""

import numpy as np
import pytest

from minidelve.bench.networks import DifferentWork, Job, check_same_work, our_side, their_side
from minidelve.bench.twin import load_torch

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
JOB = Job("lab14", 2, 28, "training")


@pytest.fixture
def pair():
    network, step = our_side(JOB)
    twin, their_step = their_side(load_torch(1), JOB, network, "NCHW")
    return network, step, twin, their_step


def test_the_twin_answers_like_the_network(pair):
    network, _, twin, _ = pair
    assert check_same_work(torch, JOB, network, twin) < 1e-4
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
