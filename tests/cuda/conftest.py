"""Which files here are collected where, and how to run pytest once more in another environment.

fake/           a stand-in for CuPy: never collected, as importing it would hide the real one
with_fake/      tests for a process that finds the stand-in (PYTHONPATH=tests/cuda/fake)
in_simulator/   tests for a process with Numba's simulator (NUMBA_ENABLE_CUDASIM=1)
test_*.py       start such processes
"""

import importlib.util
import re
from pathlib import Path

import pytest

from minidelve import backend
from tests.helpers import FAKE, python


def cupy_is_the_fake() -> bool:
    found = importlib.util.find_spec("cupy")
    return found is not None and FAKE in Path(found.origin or "").parents


collect_ignore = ["fake"]
if not cupy_is_the_fake():
    collect_ignore.append("with_fake")
if backend.DEVICE_OF["numba_cuda"] != "cpu":
    collect_ignore.append("in_simulator")


@pytest.fixture(scope="session")
def contract() -> list[str]:
    """The tests of the kernels' contract, parametrised by folder (tests/kernels/conftest.py)."""
    return [f"tests/kernels/test_{name}.py" for name in ("contract", "properties", "beyond_a_block")]


@pytest.fixture(scope="session")
def outcomes_of():
    """outcomes_of(environment, *arguments): {"passed": 49, "deselected": 80, ...} of a run that must succeed."""

    def run(environment: dict[str, str], *arguments: str) -> dict[str, int]:
        command = "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments
        last = python(*command, environment=environment, timeout=600).stdout.strip().splitlines()[-1]
        return {word: int(number) for number, word in re.findall(r"(\d+)(?:/\d+)? (?:tests? )?([a-z]+)", last)}

    return run
