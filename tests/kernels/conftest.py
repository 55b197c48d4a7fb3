"""Fixtures of the kernel tests: the folders found on disk and the arrays they are compared on."""

from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from minidelve import backend

KERNELS = Path(__file__).parents[2] / "kernels"
# Folders of other devices join when they exist and their device is there.
OTHERS = [name for name, device in backend.DEVICE_OF.items()
          if name != "reference" and device == "cpu" and (KERNELS / name / "__init__.py").is_file()]  # fmt: skip


@pytest.fixture(scope="session")
def reference() -> ModuleType:
    """Plain NumPy: the definition of correct."""
    return import_module("kernels.reference")


@pytest.fixture(scope="session", params=OTHERS)
def other(request) -> ModuleType:
    """Each further folder whose kernels take NumPy arrays."""
    return import_module(f"kernels.{request.param}")


@pytest.fixture(scope="session", params=["reference", *OTHERS])
def folder(request) -> ModuleType:
    """Each folder, reference included."""
    return import_module(f"kernels.{request.param}")
