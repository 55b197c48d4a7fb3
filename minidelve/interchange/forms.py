"""The kinds of file that `minidelve export` writes, by the ending of their names.

A writer fills an open file with a trained network and returns what a user should know of it. It raises UserError if
that kind of file cannot hold this network; what it has written by then is removed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from minidelve.interchange.to_onnx.model import write_onnx
from minidelve.interchange.weights.exporting import write_safetensors, write_torch


class Form(NamedTuple):
    """A kind of file.

    what      what it holds
    write     write(file, saved, network, **options) -> a line for the user; `saved` is the run's Checkpoint
    options   the options of `minidelve export` that it has
    """

    what: str
    write: Callable[..., str]
    options: frozenset[str] = frozenset()


FORMS = {
    "onnx": Form("the network as an ONNX graph", write_onnx, frozenset({"dense"})),
    "safetensors": Form("the weights as arrays by name", write_safetensors, frozenset({"names"})),
    "pt": Form("the weights as a state dict of PyTorch", write_torch, frozenset({"names"})),
}
