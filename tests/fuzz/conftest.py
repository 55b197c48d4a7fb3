"""The fixture of the readers' tests; frame.py says how to add a reader."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fuzz import frame


@pytest.fixture
def fuzz(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[frame.Reader], int]:
    """fuzz(reader): as many cases as --fuzz-cases asks for."""
    keep: Path = tmp_path_factory.mktemp("failed")
    return lambda reader: frame.fuzz(reader, request.config.getoption("--fuzz-cases"), keep)
