"""A run's weights as a file for other programs, with what its input is normalised by.

What is left out: an auxiliary classifier, which no score depends on, and the optimizer.
"""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from minidelve import __version__
from minidelve.interchange.weights import safetensors_file, torch_file
from minidelve.interchange.weights.inputs import MEAN, STD
from minidelve.interchange.weights.names import theirs
from minidelve.models import Network
from minidelve.training.checkpoint import Checkpoint


def write_safetensors(file: BinaryIO, saved: Checkpoint, network: Network, names: str = "minidelve") -> str:
    """Weights, mean image and deviation, and what the classes are in the metadata; a line for the user."""
    arrays, meta = named(saved, network, names), saved.meta
    facts = {
        "version": __version__, "model": meta["config"]["model"], "activation": meta["config"]["activation"],
        "classes": meta["classes"], "class_names": meta["class_names"], "short_side": meta["config"].get("short_side"),
    }  # fmt: skip
    safetensors_file.write(file, arrays | normalisation(saved), facts)
    return f"{len(arrays)} arrays in {names}'s names, for inputs (pixels - {MEAN}) / {STD}, which are in it too"


def write_torch(file: BinaryIO, saved: Checkpoint, network: Network, names: str = "torch") -> str:
    """A state dict; a line for the user."""
    arrays = named(saved, network, names)
    torch_file.write(file, arrays, normalisation(saved))
    of = " for torch.nn.Sequential(layers)" if names == "torch" else f" in {names}'s names"
    mean, std = torch_file.attribute(MEAN), torch_file.attribute(STD)
    return f"a state dict of {len(arrays)} tensors{of}, for inputs (pixels - state.{mean}) / state.{std}"


def named(saved: Checkpoint, network: Network, names: str) -> dict[str, np.ndarray]:
    """The parameters under another program's names."""
    return {name: saved.parameters[ours] for ours, name in theirs(names, network).items()}


def normalisation(saved: Checkpoint) -> dict[str, np.ndarray]:
    """What the input is normalised by: pixels (N, size, size, 3) of red, green and blue from 0 to 255."""
    return {MEAN: saved.mean, STD: np.array([saved.statistics.std], np.float32)}
