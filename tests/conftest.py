"""What all tests share: seeded randomness, and real images where they are at hand."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

# derandomize: the same examples in every run, so a red test is red for everyone.
# deadline=None: the first call of a Numba kernel compiles it, which takes seconds.
settings.register_profile("minidelve", derandomize=True, deadline=None, max_examples=25)
settings.load_profile("minidelve")


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator that starts from the same seed in every test."""
    return np.random.default_rng(2015)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real images named by MINIDELVE_TEST_DATA."""
    names = ("tiny-imagenet-20.zip", "ilsvrc-100.zip")
    value = os.environ.get("MINIDELVE_TEST_DATA")
    if not value:
        pytest.skip(f"MINIDELVE_TEST_DATA is unset: set it to a folder with {' and '.join(names)}")
    folder = Path(value)
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        # A folder that was asked for but is wrong is a mistake, not a reason to skip.
        pytest.fail(f"MINIDELVE_TEST_DATA={value} has no {' and no '.join(missing)}")
    return folder
