"""What tests on the stand-in for CuPy share."""

import importlib

import numpy as np
import pytest

from minidelve import backend


@pytest.fixture
def dropout_draws_on_the_cpu(monkeypatch):
    """The device's generator gives other numbers than the CPU's, of course; here they are to be the same."""

    def uniform(rng, like):
        return backend.to_device(rng.random(like.shape, dtype=np.float32), backend.device_of(like))

    # The module by its path: minidelve.ops.dropout is the function that lies in it.
    monkeypatch.setattr(importlib.import_module("minidelve.ops.dropout"), "uniform", uniform)
