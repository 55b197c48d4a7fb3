"""State dicts of PyTorch, .pt and .pth: tensors by name, read and written by PyTorch itself.

Such a file is a pickle, which may run any code when it is read. PyTorch's weights_only=True makes tensors and
containers of them and refuses everything else; a file is never read in another way.

A state dict is an OrderedDict, and what normalises the input is written as attributes of it: state.input_mean. So it
travels with the weights, and load_state_dict finds the network's names and no others.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from minidelve.disk.files import status
from minidelve.disk.npy import open_npz
from minidelve.errors import CheckpointError, shown
from minidelve.interchange.libraries import library
from minidelve.interchange.weights.entries import Entries, Entry
from minidelve.interchange.weights.inputs import MEAN, STD

ATTRIBUTES = (MEAN, STD)  # written as attributes of the state dict
WRAPPERS = ("state_dict", "model_state_dict", "model")  # where training scripts put it, beside an epoch and the like
CODE = re.compile(r"(?:GLOBAL|global|function|class) ([\w.]+)")  # what PyTorch says of code that it was to run


def read(path: Path) -> Entries:
    """The tensors of a file. Raises CheckpointError where it wants code to be run, and what PyTorch raises."""
    status(path)
    if zipfile.is_zipfile(path):
        with open_npz(path):  # refuses what unfolds to many times its size
            pass
    state = loaded(path)
    for name in WRAPPERS:
        if isinstance(state, Mapping) and isinstance(state.get(name), Mapping):
            state = state[name]
    if not isinstance(state, Mapping):
        raise CheckpointError(
            f"{path} holds a {type(state).__name__}",
            expected="a state dict, tensors by name",
            cure="save one, torch.save(network.state_dict(), path)",
        )
    attributes = getattr(state, "__dict__", {})  # a plain dict has none
    beside = {name: attributes[attribute(name)] for name in ATTRIBUTES if attribute(name) in attributes}
    return {str(name): entry(str(name), tensor) for name, tensor in {**state, **beside}.items()}


def loaded(path: Path) -> Any:
    """What the file holds, where that is tensors."""
    torch = pytorch()
    try:
        with warnings.catch_warnings(action="ignore"):  # of what an old pickle may hold: it is refused below
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        if "weights_only" not in str(error):
            raise
        code = CODE.search(str(error))
        raise CheckpointError(
            f"{path} wants to run code{f', {code[1]},' if code else ''} when it is read; it was not run",
            expected="a state dict and nothing else",
            cure="get one from whoever wrote it: torch.save(network.state_dict(), path)",
        ) from error


def entry(name: str, tensor: Any) -> Entry:
    """A tensor, which lies in memory already. Raises ValueError for what is no dense tensor of floats.

    A stride of 0 would repeat a few numbers to any shape, however large: refused, before room is made for it.
    """
    torch = pytorch()
    if not isinstance(tensor, torch.Tensor) or tensor.layout != torch.strided or not tensor.is_floating_point():
        raise ValueError(f"{shown(name)} is no dense tensor of floats but {shown(type(tensor).__name__)}")
    if tensor.untyped_storage().nbytes() < tensor.numel() * tensor.element_size():
        raise ValueError(f"{shown(name)} of shape {shown(tuple(tensor.shape))} repeats fewer numbers than it has")
    return Entry(tuple(tensor.shape), lambda: tensor.detach().to(torch.float32).numpy())


def write(file: BinaryIO, arrays: dict[str, np.ndarray], beside: dict[str, np.ndarray]) -> None:
    """Write arrays as a state dict, and those beside it as its attributes."""
    torch = pytorch()
    state = OrderedDict((name, torch.from_numpy(np.array(array, order="C"))) for name, array in arrays.items())
    for name, array in beside.items():
        setattr(state, attribute(name), torch.from_numpy(np.array(array, order="C")))
    torch.save(state, file)


def attribute(name: str) -> str:
    """The attribute for a name: input_mean for input.mean."""
    return name.replace(".", "_")


def pytorch() -> Any:
    """PyTorch; RunError without it."""
    return library("torch", "bench", "a .pt file")
