"""Arrays by name as `np.savez("net.npz", **net.state_dict())` writes them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from minidelve.disk.npy import open_npz
from minidelve.errors import CheckpointError
from minidelve.interchange.weights.entries import Entries, Entry


def read(path: Path) -> Entries:
    """The arrays of a file. Raises CheckpointError for a run's checkpoint, ValueError, OSError and zipfile's errors."""
    with open_npz(path) as file:
        if "meta" in file.names:
            raise CheckpointError(f"{path} is a run's checkpoint already", cure="evaluate or train on with it as it is")
        arrays = {name: file.floats(name) for name in file.names}
    return {name: Entry(array.shape, partial(arrays.__getitem__, name)) for name, array in arrays.items()}
