"""`minidelve import`, and weights that `export` writes: there and back; a mistake is one line and leaves nothing."""

import json
import os
import shutil
import struct
import sys

import numpy as np
import pytest

from minidelve import models
from minidelve.errors import RunError
from minidelve.interchange.weights import caffemodel
from minidelve.training import checkpoint
from minidelve.training.run_folder import RunFolder
from tests.interchange.weights import others

NARROW = {"width": 0.1, "fc": 8, "levels": [1]}
FLAGS = ["--model", "lab14", "--width", 0.1, "--fc", 8, "--levels", 1, "--size", 28]


def state(classes=4, **options):
    """The weights of a narrow lab14, small enough to be looked at."""
    network = models.create("lab14", classes, **{**NARROW, "activation": "relu", **options})
    return network.state_dict()


@pytest.fixture
def words(tiny_data, tmp_path):
    """words(file, ...): the command that imports it."""
    common = [*FLAGS, "--data", tiny_data, "--input", "none", "--out", tmp_path / "run"]
    return lambda file, *more: ["import", tmp_path / file, *common, *more]


def safetensors(path, arrays):
    pytest.importorskip("safetensors.numpy", reason="safetensors is not installed").save_file(arrays, path)


@pytest.mark.parametrize("ending", ["safetensors", "pt"])
def test_a_run_goes_out_and_comes_back_with_the_same_answers(ok, trained, tiny_data, tmp_path, ending):
    pytest.importorskip("torch" if ending == "pt" else "safetensors", reason="it is not installed")
    file = tmp_path / f"run.{ending}"
    assert "input" in ok("export", trained, file)
    model = ["--model", "lab14", "--data", tiny_data, "--short-side", 32]
    ok("import", file, *model, "--input", "minidelve", "--out", tmp_path / "again")
    before, after = (checkpoint.load(folder / "best.npz") for folder in (trained, tmp_path / "again"))
    assert before.parameters.keys() == after.parameters.keys() and before.meta["classes"] == after.meta["classes"]
    assert all(np.array_equal(before.parameters[name], after.parameters[name]) for name in before.parameters)
    assert np.array_equal(before.mean, after.mean) and np.float32(before.meta["std"]) == np.float32(after.meta["std"])
    answer = ok("evaluate", trained)
    assert ok("evaluate", tmp_path / "again") == answer


def test_a_state_dict_is_that_of_the_twin_of_the_benchmarks(ok, trained, tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from minidelve.bench.twin import twin_of

    ends = "for inputs (pixels - state.input_mean) / state.input_std"
    for options, names in (
        (["--names", "torchvision"], "in torchvision's names"),
        ([], "for torch.nn.Sequential(layers)"),
    ):
        said = ok("export", trained, tmp_path / "run.pt", "--overwrite", *options)
        assert f"tensors {names}, {ends}" in said
    found = torch.load(tmp_path / "run.pt", weights_only=True)
    saved = checkpoint.load(trained / "best.npz")
    twin = twin_of(torch, checkpoint.trained_network(saved, trained))
    assert all(torch.equal(found[name], value) for name, value in twin.state_dict().items())
    twin.load_state_dict(found)  # raises where a name or shape is not the twin's
    assert np.array_equal(found.input_mean.numpy(), saved.mean) and found.input_std.item() == pytest.approx(
        saved.meta["std"]
    )


def test_a_name_of_another_program_is_that_of_the_same_layer(ok, trained, tmp_path):
    numpy = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")
    files = {}
    for names in ("minidelve", "torchvision"):
        ok("export", trained, tmp_path / f"{names}.safetensors", "--names", names)
        files[names] = numpy.load_file(tmp_path / f"{names}.safetensors")
    ours, theirs = files.values()
    assert np.array_equal(ours["conv2_1.weight"], theirs["features.3.weight"])
    assert np.array_equal(ours["fc2_act.a"], theirs["classifier.4.weight"])
    with pytest.importorskip("safetensors").safe_open(tmp_path / "minidelve.safetensors", framework="np") as file:
        facts = json.loads(file.metadata()["minidelve"])
    assert facts["classes"] == facts["class_names"] == ["blue", "green", "red", "yellow"]
    assert (facts["model"], facts["activation"]) == ("lab14", "prelu")


def test_names_are_of_weights(refused, trained, tmp_path):
    refused(["export", trained, tmp_path / "a.onnx", "--names", "torch"], "--names is not for", "leave it out")


# ---- mistakes ----


def test_what_the_input_is_is_never_guessed(refused, words):
    without = [word for word in words("a.npz") if word not in ("--input", "none")]
    refused(without, "--input is missing", "torchvision (RGB from 0 to 1", "caffe (BGR", "none (RGB from 0 to 255")


def test_a_file_of_no_known_kind(refused, words, tmp_path):
    (tmp_path / "a.h5").write_bytes(b"")
    refused(words("a.h5"), "a.h5 ends in .h5", ".safetensors, .pt, .pth, .caffemodel, .npz")
    refused(words("b.npz"), "b.npz cannot be read", "No such file")
    for ending in ("npz", "safetensors", "caffemodel"):
        (tmp_path / f"folder.{ending}").mkdir()
        refused(words(f"folder.{ending}"), "it is a folder, not a file")


def test_weights_of_another_network(refused, words, tmp_path):
    """The first wrong name and shape, and how many others."""
    whole = state()
    np.savez(tmp_path / "a.npz", **state(width=0.2))
    line = refused(words("a.npz"), "a.npz does not hold the weights of lab14 in minidelve's names")
    assert "conv1.weight has shape (6, 3, 7, 7) where lab14 has (3, 3, 7, 7); arrays of a wrong shape: 23" in line
    np.savez(tmp_path / "b.npz", **{("x" if name == "conv2_2.bias" else name): whole[name] for name in whole})
    refused(words("b.npz"), "missing: conv2_2.bias; unknown: x;", "--names")
    np.savez(tmp_path / "c.npz", a=np.zeros(3), **{f"layer{i}": np.zeros(2) for i in range(9)})
    refused(words("c.npz"), "missing:", "and 24 others", "unknown: a, layer0, layer1, layer2 and 6 others")
    np.savez(tmp_path / "d.npz", **state(activation="prelu"))
    refused(words("d.npz", "--activation", "relu"), "unknown: conv1_act.a")


def test_another_number_of_classes(refused, words, tmp_path):
    np.savez(tmp_path / "a.npz", **state(classes=1000))
    refused(words("a.npz"), "a.npz tells 1000 classes apart", "four has 4", "--data")


def test_other_classes_of_the_same_number(ok, refused, trained, words, tiny_data, tmp_path):
    """The file of a run says which row of its last layer is which class."""
    ok("export", trained, tmp_path / "a.safetensors")
    other = tmp_path / "other"
    shutil.copytree(tiny_data, other)
    for split in ("train", "val"):
        (other / split / "blue").rename(other / split / "azure")
    given = ["import", tmp_path / "a.safetensors", "--model", "lab14", "--data", other, "--input", "minidelve", "--out"]
    refused([*given, tmp_path / "new"], "a.safetensors tells 'blue' where other has the class 'azure'", "--data")
    assert not (tmp_path / "new").exists()


def test_numbers_that_are_none(refused, words, tmp_path):
    arrays = state()
    arrays["fc2.bias"][3] = np.nan
    np.savez(tmp_path / "a.npz", **arrays)
    refused(words("a.npz"), "a.npz: 'fc2.bias' is not finite")


def test_a_checkpoint_is_a_run_already(refused, words, trained, tmp_path):
    (tmp_path / "a.npz").write_bytes((trained / "best.npz").read_bytes())
    refused(words("a.npz"), "a.npz is a run's checkpoint already", "as it is")


def test_an_input_that_the_file_does_not_tell(refused, words, tmp_path):
    own = ["--input", "minidelve", "--activation", "relu"]
    np.savez(tmp_path / "a.npz", **state())
    refused(words("a.npz", *own), "has neither", "input.mean of shape (28, 28, 3)")
    np.savez(tmp_path / "b.npz", **state(), **{"input.mean": np.zeros((28, 28, 3)), "input.std": np.zeros(1)})
    refused(words("b.npz", *own), "input.std is 0.0", "above 0")
    np.savez(tmp_path / "c.npz", **state(), **{"input.mean": np.zeros(()), "input.std": np.ones(1)})
    without_size = [word for word in words("c.npz", *own) if word not in ("--size", 28)]
    refused(without_size, "has input.mean of shape () and input.std of shape (1,)")


def test_a_file_without_slopes_that_was_exported_here(refused, words, tmp_path):
    """ReLU and LReLU have the same names: taken for the other one, a network would answer a little wrong."""
    np.savez(tmp_path / "a.npz", **state(), **{"input.mean": np.zeros((28, 28, 3)), "input.std": np.ones(1)})
    refused(words("a.npz", "--input", "minidelve"), "a.npz has no slopes of PReLU", "--activation relu, or lrelu")


def test_a_file_that_was_exported_here_says_what_its_input_is(ok, refused, trained, tiny_data, tmp_path):
    ok("export", trained, tmp_path / "a.safetensors")
    given = ["import", tmp_path / "a.safetensors", "--data", tiny_data, "--out", tmp_path / "new", "--model"]
    refused([*given, "lab14", "--input", "caffe"], "--input caffe", "says itself", "give --input minidelve")
    refused([*given, "small14", "--input", "minidelve"], "does not hold the weights of small14", "--model")


def test_room_is_looked_for_before_anything_is_written(refused, words, tmp_path, monkeypatch):
    def full(self, size):
        raise RunError(f"no room for {size} bytes")

    np.savez(tmp_path / "a.npz", **state())
    monkeypatch.setattr(RunFolder, "try_room", full)
    refused(words("a.npz"), "no room for")


def test_a_crop_that_is_too_small(refused, words, tmp_path):
    np.savez(tmp_path / "a.npz", **state())
    refused(words("a.npz", "--size", 5), "--size 5 is too small for lab14")


TWO = {"a": others.array_of([2], 0), "b": others.array_of([2], 4)}
DAMAGED = {
    "empty": (b"", "header"),
    "cut short": (others.safetensors({"a": others.array_of([9], 0)}, bytes(8)), "not fully covered"),
    "cut in its header": (others.safetensors(TWO, bytes(16))[:40], "header would have"),
    "a header of 100 GB": (struct.pack("<Q", 10**11) + b"{}", "100,000,000,000 bytes, of a file of 10"),
    "overlapping": (others.safetensors(TWO, bytes(12)), "offset"),
    "names twice": (others.safetensors(b'{"a": 1, "a": 2}'), "'a' is in it twice"),
    "no table": (others.safetensors(b"[1, 2]"), "no table"),
    "no JSON": (others.safetensors(b"\x00\xff"), "is not an intact .safetensors file"),
    "a strange type": (others.safetensors({"a": {**others.array_of([2], 0), "dtype": "I8"}}, bytes(2)), "a is of I8"),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_a_damaged_safetensors_file(refused, words, tmp_path, what):
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    content, part = DAMAGED[what]
    (tmp_path / "a.safetensors").write_bytes(content)
    refused(words("a.safetensors"), "a.safetensors is not an intact .safetensors file", part, "fetch the file again")


def test_a_damaged_caffemodel(refused, words, tmp_path):
    pytest.importorskip("google.protobuf", reason="protobuf is not installed")
    whole = others.caffemodel({"fc6.weight": np.zeros((2, 3)), "fc6.bias": np.zeros(2)}, 2)
    for content, part in (
        (b"I am no protobuf", "not an intact"), (whole[:-5], "not an intact"), (b"", "no layer in it has weights"),
        (others.field(1, b"a net"), "no layer in it has weights"), (2 * whole, "'fc6.weight' is in it twice"),
    ):  # fmt: skip
        (tmp_path / "a.caffemodel").write_bytes(content)
        refused(words("a.caffemodel"), "a.caffemodel is not an intact .caffemodel file", part)


class Evil:
    """What is unpickled by running code."""

    def __reduce__(self):
        return os.mkdir, ("pwned",)


def test_a_state_dict_that_wants_to_run_code_does_not(refused, words, tmp_path, monkeypatch):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    monkeypatch.chdir(tmp_path)
    for old in (False, True):
        torch.save({"a": Evil()}, tmp_path / "a.pt", _use_new_zipfile_serialization=not old)
        line = refused(words("a.pt"), "a.pt wants to run code, posix.mkdir, when it is read; it was not run")
        assert "weights_only" not in line and "pickle" not in line


def test_a_state_dict_that_is_none(refused, words, tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    for content, part in (({"a": 1}, "'a' is no dense"), ({"a": torch.zeros(2).long()}, "'a' is no")):
        torch.save(content, tmp_path / "a.pt")
        refused(words("a.pt"), "a.pt is not an intact .pt file", part)
    (tmp_path / "a.pt").write_bytes((tmp_path / "a.pt").read_bytes()[:-30])
    refused(words("a.pt"), "a.pt is not an intact .pt file", "fetch the file again")
    torch.save({"conv1.weight": torch.zeros(1).expand(10**6, 10**6)}, tmp_path / "a.pt")
    refused(words("a.pt"), "'conv1.weight' of shape (1000000, 1000000) repeats fewer numbers")


@pytest.mark.parametrize(
    ("library", "ending", "extra"),
    [("safetensors", "safetensors", "weights"), ("google", "caffemodel", "weights"), ("torch", "pt", "bench")],
)
def test_a_library_that_is_not_there(refused, words, tmp_path, monkeypatch, library, ending, extra):
    content = others.safetensors(TWO, bytes(16)) if ending == "safetensors" else b""
    (tmp_path / f"a.{ending}").write_bytes(content)
    for name in [name for name in sys.modules if name.split(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    caffemodel.net_parameter.cache_clear()
    refused(words(f"a.{ending}"), f"a .{ending} file needs the library {library}", f"minidelve[{extra}]")


def test_a_pt_file_that_holds_something_else(refused, words, tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    for content in ([torch.ones(2)], torch.ones(2)):
        torch.save(content, tmp_path / "a.pt")
        refused(words("a.pt"), f"a.pt holds a {type(content).__name__}; expected a state dict, tensors by name; save")
    for content in (b"text, and no weights", b""):
        (tmp_path / "a.pt").write_bytes(content)
        refused(words("a.pt"), "a.pt is not an intact .pt file (", " ", "); fetch the file again")
