"""Setting a module's parameters from arrays by name: what fits, what is missing, what is unknown.

Everything is looked at before the first parameter is set, so a state that does not fit leaves the module as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from minidelve.backend import native, to_device
from minidelve.errors import shown
from minidelve.tensor import Tensor


class Unmatched(NamedTuple):
    """Names that a module and a state do not share; PyTorch calls them so too."""

    missing_keys: list[str]  # the module's, of which the state has none
    unexpected_keys: list[str]  # the state's, of which the module has none


def load_parameters(own: Mapping[str, Tensor], state: Mapping[str, Any], strict: bool) -> Unmatched:
    """Set each parameter from the state's array of its name, keeping dtype, device and memory layout.

    strict   whether every name must be in both

    Raises ValueError, naming missing and unknown entries or a wrong shape, and TypeError for what is no state or holds
    no arrays.
    """
    if not isinstance(state, Mapping):
        raise TypeError(f"load_state_dict: got a {type(state).__name__}; expected arrays by name, as of state_dict()")
    if strict not in (True, False):
        raise TypeError(f"load_state_dict: strict is {shown(strict)}; expected True or False")
    unmatched = Unmatched(sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys()))
    if strict:
        _refuse(unmatched)
    arrays = {name: _fitting(name, state[name], own[name].shape) for name in own if name in state}
    for name, array in arrays.items():
        parameter = own[name]
        parameter.data[...] = to_device(array.astype(parameter.dtype), parameter.device)
    return unmatched


def _refuse(unmatched: Unmatched) -> None:
    """ValueError if there are any."""
    if unmatched.missing_keys:
        names = ", ".join(unmatched.missing_keys)
        raise ValueError(f"load_state_dict: no entry for {names}; is it another model's state?")
    if unmatched.unexpected_keys:
        names = ", ".join(unmatched.unexpected_keys)
        raise ValueError(f"load_state_dict: the model has no {names}; is it another model's state?")


def _fitting(name: str, given: Any, shape: tuple[int, ...]) -> np.ndarray:
    """The entry of this name as an array on the CPU; ValueError or TypeError unless it holds numbers of this shape."""
    try:
        found = _array_of(given)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"load_state_dict: {name}: {error}") from error
    array = to_device(found, "cpu")
    if array.shape != shape or array.dtype.kind not in "fiub":  # float, int, unsigned, bool
        raise ValueError(
            f"load_state_dict: {name} is {array.dtype} of shape {array.shape}; expected numbers of shape {shape}"
        )
    return array


def _array_of(given: Any) -> Any:
    if isinstance(given, Tensor):  # such as those of named_parameters()
        return given.data
    return native(given) if hasattr(given, "__dlpack__") else np.asarray(given)
