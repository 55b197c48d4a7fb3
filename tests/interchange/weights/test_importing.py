"""Weights of PyTorch and Caffe become runs that answer as the networks did there."""

import json

import numpy as np
import pytest

from minidelve import Tensor
from minidelve.cli import main
from minidelve.evaluation.crops import CropScorer
from minidelve.evaluation.dense import DenseScorer
from minidelve.evaluation.ten_views import CropViews
from minidelve.training import checkpoint
from tests.interchange.weights import others

SIZE = 64
# VGG-19 made small: its widths times 0.03125, and a pyramid that is its fifth pooling for crops of 64.
OPTIONS = ["--model", "vgg19", "--width", "0.03125", "--levels", "2", "--fc", "6", "--size", str(SIZE)]
CHANNELS = (2, 4, 8, 16, 16)
rng = np.random.default_rng(3)
PIXELS = rng.integers(0, 256, (5, SIZE, SIZE, 3), dtype=np.uint8)


def run_of(out):
    """(network, statistics) of a run folder."""
    saved = checkpoint.load(out / "best.npz")
    return checkpoint.trained_network(saved, out), saved.statistics


def logits_of(out, pixels=PIXELS):
    network, statistics = run_of(out)
    return network(Tensor(statistics.normalize(pixels).transpose(0, 3, 1, 2))).data


def imported(file, tiny_data, out, *more):
    assert main(["import", str(file), *OPTIONS, "--data", str(tiny_data), "--out", str(out), *more]) == 0
    return out


def state_of(net):
    return {name: p.detach().numpy() for name, p in net.named_parameters()}


def agree(ours, theirs):
    """To 1e-4 of their deviation."""
    assert np.abs(ours - theirs).max() < 1e-4 * theirs.std()


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed: nothing to import from")


@pytest.fixture(scope="module")
def vgg(torch):
    return others.torch_vgg(torch, CHANNELS, prelu=True)


def logits_there(torch, net, x):
    with torch.no_grad():
        return net(torch.from_numpy(x)).numpy()


def shuffled(state):
    names = sorted(state, reverse=True)
    rng.shuffle(names)
    return {name: state[name] for name in names}


@pytest.mark.parametrize(("ending", "prelu"), [(".safetensors", False), (".pt", True), (".npz", True)])
def test_a_vgg_of_torchvision_answers_as_it_did_there(torch, tiny_data, tmp_path, ending, prelu):
    vgg = others.torch_vgg(torch, CHANNELS, prelu=prelu)
    file, state = tmp_path / f"vgg{ending}", shuffled(state_of(vgg))
    if ending == ".pt":
        torch.save({"epoch": 3, "state_dict": vgg.state_dict()}, file)
    elif ending == ".npz":
        np.savez(file, **state)
    else:
        pytest.importorskip("safetensors.numpy").save_file(state, file)
    out = imported(file, tiny_data, tmp_path / "run", "--input", "torchvision")
    agree(logits_of(out), logits_there(torch, vgg, others.as_torchvision(PIXELS)))


@pytest.mark.parametrize(("generation", "prelu"), [(1, False), (2, True)])
def test_a_caffemodel_answers_as_it_did_there(torch, tiny_data, tmp_path, generation, prelu):
    pytest.importorskip("google.protobuf", reason="protobuf is not installed")
    vgg = others.torch_vgg(torch, CHANNELS, prelu=prelu)
    state = iter(state_of(vgg).values())
    names = [f"conv{stage}_{i}" for stage, count in enumerate((2, 2, 4, 4, 4), 1) for i in range(1, count + 1)]
    kinds = ["weight", "bias", *["slope"] * prelu]
    arrays = {f"{name}.{kind}": next(state) for name in (*names, "fc6", "fc7") for kind in kinds}
    arrays |= {f"fc8.{kind}": next(state) for kind in kinds[:2]}
    (tmp_path / "vgg.caffemodel").write_bytes(others.caffemodel(arrays, generation, double=prelu))
    out = imported(tmp_path / "vgg.caffemodel", tiny_data, tmp_path / "run", "--input", "caffe")
    agree(logits_of(out), logits_there(torch, vgg, others.as_caffe(PIXELS)))


def test_without_a_normalisation_the_pixels_are_the_input(torch, vgg, tiny_data, tmp_path):
    torch.save(vgg.state_dict(), tmp_path / "vgg.pth")
    out = imported(tmp_path / "vgg.pth", tiny_data, tmp_path / "run", "--input", "none")
    agree(logits_of(out), logits_there(torch, vgg, PIXELS.transpose(0, 3, 1, 2).astype(np.float32)))


def probabilities(z):
    """(N, classes) -> the mean of their softmax."""
    p = np.exp(z.astype(np.float64) - z.max(axis=1, keepdims=True))
    return (p / p.sum(axis=1, keepdims=True)).mean(axis=0)


def test_ten_views_are_those_of_the_network_there(torch, vgg, tiny_data, tmp_path):
    torch.save(vgg.state_dict(), tmp_path / "vgg.pt")
    out = imported(tmp_path / "vgg.pt", tiny_data, tmp_path / "run", "--input", "torchvision")
    image = rng.integers(0, 256, (96, 80, 3), dtype=np.uint8)
    ours = CropScorer(*run_of(out), CropViews(SIZE, True, True), 64, 10**9)([image])[0]
    corners = [(i, j) for i in (0, 96 - SIZE) for j in (0, 80 - SIZE)] + [((96 - SIZE) // 2, (80 - SIZE) // 2)]
    crops = [image[i : i + SIZE, j : j + SIZE] for i, j in corners]
    views = np.stack([*crops, *(crop[:, ::-1] for crop in crops)])
    assert np.abs(ours - probabilities(logits_there(torch, vgg, others.as_torchvision(views)))).max() < 1e-5


def test_dense_windows_are_those_of_the_map_there(torch, vgg, tiny_data, tmp_path):
    """The map of a whole image, and its windows of 4 x 4 through the fifth pooling and the classifier."""
    torch.save(vgg.state_dict(), tmp_path / "vgg.pt")
    out = imported(tmp_path / "vgg.pt", tiny_data, tmp_path / "run", "--input", "torchvision")
    image = rng.integers(0, 256, (96, 80, 3), dtype=np.uint8)
    ours = DenseScorer(*run_of(out), False, 64, 10**9)([image])[0]
    with torch.no_grad():
        maps = vgg.features[:-1](torch.from_numpy(others.as_torchvision(image[None])))
        windows = [maps[:, :, i : i + 4, j : j + 4] for i in range(3) for j in range(2)]
        z = [vgg.classifier(vgg.features[-1](window).flatten(1)).numpy() for window in windows]
    assert maps.shape[2:] == (6, 5) and np.abs(ours - probabilities(np.concatenate(z))).max() < 1e-5


def test_what_is_left_is_a_run_that_every_command_takes(torch, vgg, tiny_data, tmp_path, capsys):
    torch.save(vgg.state_dict(), tmp_path / "vgg.pt")
    out = imported(tmp_path / "vgg.pt", tiny_data, tmp_path / "run", "--input", "torchvision")
    assert "vgg.pt: vgg19 (" in capsys.readouterr().out
    assert sorted(p.name for p in out.iterdir()) == [
        "best.npz",
        "config.json",
        "last.npz",
        "metrics.csv",
        "result.json",
    ]
    assert json.loads((out / "result.json").read_text()) == {
        "imported": {"file": "vgg.pt", "names": "torchvision", "input": "torchvision"},
        "epochs": 0,
        "parameters": sum(p.numel() for p in vgg.parameters()),
    }
    assert main(["evaluate", str(out), "--protocol", "dense", "--scales", "72,80"]) == 0
    picture = str(next((tiny_data / "val").rglob("*.png")))
    assert main(["predict", str(out), picture, "--out", str(tmp_path / "guess.png")]) == 0
    assert "top-1 error" in capsys.readouterr().out


def test_a_run_without_epochs_cannot_be_resumed_and_can_be_replaced(torch, vgg, tiny_data, tmp_path, capsys):
    torch.save(vgg.state_dict(), tmp_path / "vgg.pt")
    out = imported(tmp_path / "vgg.pt", tiny_data, tmp_path / "run", "--input", "torchvision")
    again = ["import", str(tmp_path / "vgg.pt"), *OPTIONS, "--data", str(tiny_data), "--out", str(out)]
    assert main([*again, "--input", "none"]) == 2
    err = capsys.readouterr().err
    assert "is not empty" in err and "--overwrite" in err and "--resume" not in err
    assert main([*again, "--input", "none", "--overwrite"]) == 0
    assert json.loads((out / "result.json").read_text())["imported"]["input"] == "none"
