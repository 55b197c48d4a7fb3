"""Weights of others, damaged anywhere: read and put into a network, or refused by one line."""

import json
import struct

import numpy as np
import pytest

from minidelve import models
from minidelve.interchange.weights.names import likeliest, theirs
from minidelve.interchange.weights.reading import Weights, check, fill
from tests.fuzz.frame import Reader
from tests.fuzz.mutations import bytes_of, json_of, members_of
from tests.interchange.weights import others


@pytest.fixture(scope="module")
def network():
    return models.create("lab14", 2, width=0.02, fc=2, levels=[1])


@pytest.fixture
def arrays(network):
    """The network's own, by the names of Caffe and by ours."""
    return {naming: {name: network.state_dict()[ours] for ours, name in theirs(naming, network).items()}
            for naming in ("caffe", "minidelve")}  # fmt: skip


def used(path, network):
    """What an import does with the file, but for the run folder."""
    weights = Weights(path)
    naming = likeliest(weights.entries, network)
    check(weights, network, naming)
    fill(network, weights, naming)
    return [parameter.data.tobytes() for parameter in network.parameters()]


def header_of(rng, content):
    """The JSON of a safetensors header changed; the length before it follows."""
    length = int.from_bytes(content[:8], "little")
    header = json_of(rng, content[8 : 8 + length])
    return struct.pack("<Q", len(header)) + header + content[8 + length :]


def places_of(rng, content):
    """A number of a safetensors header changed, so that it stays JSON and an array's place or shape is another."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    array = rng.choice([array for name, array in header.items() if name != "__metadata__"])
    numbers = rng.choice((array["shape"], array["data_offsets"]))
    numbers[rng.randrange(len(numbers))] += rng.choice((-4, -1, 1, 4, 100, 2**31, 2**62))
    return others.safetensors(header, content[8 + length :])


def test_safetensors(fuzz, tmp_path, network, arrays):
    pytest.importorskip("safetensors.numpy", reason="safetensors is not installed").save_file(
        arrays["minidelve"], tmp_path / "net.safetensors"
    )
    file = tmp_path / "net.safetensors"
    fuzz(Reader("safetensors", [file], lambda: used(file, network), [bytes_of, header_of, places_of]))


def test_a_caffemodel(fuzz, tmp_path, network, arrays):
    pytest.importorskip("google.protobuf", reason="protobuf is not installed")
    files = [tmp_path / "one.caffemodel", tmp_path / "two.caffemodel"]
    for generation, file in enumerate(files, 1):
        known = {name: a for name, a in arrays["caffe"].items() if generation == 2 or not name.endswith(".slope")}
        file.write_bytes(others.caffemodel(known, generation))
    relu = models.create("lab14", 2, width=0.02, fc=2, levels=[1], activation="relu")
    networks = [(files[0], relu), (files[1], network)]
    fuzz(Reader("caffemodel", files, lambda: [used(file, net) for file, net in networks]))


def test_an_npz(fuzz, tmp_path, network, arrays):
    file = tmp_path / "net.npz"
    np.savez(file, **arrays["minidelve"])
    fuzz(Reader("npz of weights", [file], lambda: used(file, network), [bytes_of, members_of()]))


def test_a_state_dict(fuzz, tmp_path, network, arrays):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    files = [tmp_path / "new.pt", tmp_path / "old.pt"]
    state = {name: torch.from_numpy(array) for name, array in arrays["minidelve"].items()}
    for file in files:
        torch.save(state, file, _use_new_zipfile_serialization=file is files[0])
    fuzz(Reader("state dict", files, lambda: [used(file, network) for file in files]))
