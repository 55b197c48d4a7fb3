"""Files of weights, whoever wrote them: opened, compared with a network by name and shape, and copied into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from minidelve.errors import CheckpointError, RunError, shown
from minidelve.interchange.weights import caffemodel, npz_file, safetensors_file, torch_file
from minidelve.interchange.weights.entries import Entries
from minidelve.interchange.weights.names import theirs
from minidelve.models import Network

READERS: dict[str, Callable[[Path], Entries]] = {
    ".safetensors": safetensors_file.read, ".pt": torch_file.read, ".pth": torch_file.read,
    ".caffemodel": caffemodel.read, ".npz": npz_file.read,
}  # fmt: skip
MOST_NAMES = 4  # of a kind of mistake that are shown


class Weights:
    """A file of weights, by the ending of its name.

    RunError for another ending, CheckpointError where the file is missing, damaged or not of its kind.
    """

    def __init__(self, path: Path):
        self.path = path
        reader = READERS.get(path.suffix.lower())
        if reader is None:
            raise RunError(f"{path} ends in {path.suffix or 'nothing'}", expected=f"one of: {', '.join(READERS)}")
        with self.intact():
            self.entries = reader(path)

    def array(self, name: str) -> np.ndarray:
        """The numbers of an entry, in float32; CheckpointError where one is not finite."""
        with self.intact(), np.errstate(over="ignore"):
            array = np.asarray(self.entries[name].read()).astype(np.float32, copy=False)
        if not np.isfinite(array).all():
            raise CheckpointError(
                f"{self.path}: {shown(name)} is not finite (NaN or infinite)", cure="get another file"
            )
        return array

    def classes(self) -> list[str] | None:
        """The ids of the classes in their order, where the file says them."""
        with self.intact():
            return safetensors_file.classes_of(self.path) if self.path.suffix.lower() == ".safetensors" else None

    def short_side(self) -> int | None:
        """The shorter side to which images are brought, where the file says it."""
        with self.intact():
            return safetensors_file.short_side_of(self.path) if self.path.suffix.lower() == ".safetensors" else None

    @contextmanager
    def intact(self) -> Iterator[None]:
        """CheckpointError inside this block for whatever a library raises about the file."""
        try:
            yield
        except (CheckpointError, RunError, MemoryError):
            raise
        except OSError as error:
            raise CheckpointError(
                f"{self.path} cannot be read ({error.strerror or error})", cure="check the path"
            ) from error
        except Exception as error:  # a damaged file can fail in many ways
            words = str(error).partition("\n")[0]
            reason = words if " " in words else "its content is of another kind"  # a bare number or name tells nothing
            kind = self.path.suffix.lower()
            raise CheckpointError(
                f"{self.path} is not an intact {kind} file ({reason})", cure="fetch the file again"
            ) from error


def check(weights: Weights, network: Network, naming: str, besides: frozenset[str] = frozenset()) -> None:
    """RunError unless the file holds every parameter of the network in its shape, and nothing else but `besides`.

    All that is wrong is said in one line: the first array in the order of the layers, then how many others.
    """
    shapes = {name: parameter.shape for name, parameter in network.named_parameters()}
    names, entries = theirs(naming, network), weights.entries
    missing = [name for name in names.values() if name not in entries]
    unknown = [name for name in entries if name not in {*names.values(), *besides}]
    wrong = [ours for ours, name in names.items() if name in entries and entries[name].shape != shapes[ours]]
    if not (missing or unknown or wrong):
        return
    parts = []
    if wrong:
        name, expected = names[wrong[0]], shapes[wrong[0]]
        others = f"; arrays of a wrong shape: {len(wrong)}" if wrong[1:] else ""
        parts.append(f"{name} has shape {shown(entries[name].shape)} where {network.title} has {expected}{others}")
    parts += [f"missing: {listed(missing)}"] if missing else []
    parts += [f"unknown: {listed(unknown)}"] if unknown else []
    raise RunError(
        f"{weights.path} does not hold the weights of {network.title} in {naming}'s names: {'; '.join(parts)}",
        cure="give the --model, --activation and other options that it is of, and its --names",
    )


def listed(names: list[str]) -> str:
    """The first names, and how many others there are.

    >>> listed(["a", "b", "c", "d", "e", "f"])
    'a, b, c, d and 2 others'
    """
    more = len(names) - MOST_NAMES
    first = ", ".join(name if name.isidentifier() else shown(name).strip("'") for name in names[:MOST_NAMES])
    return first + (f" and {more} other{'s' if more > 1 else ''}" if more > 0 else "")


def fill(network: Network, weights: Weights, naming: str) -> None:
    """Copy the file's arrays, which `check` has looked at, into the network."""
    parameters = dict(network.named_parameters())
    for ours, name in theirs(naming, network).items():
        parameters[ours].data[...] = weights.array(name)
