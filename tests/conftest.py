"""What all tests share: seeded randomness, and real images where they are at hand."""

import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from minidelve.backend import threads

# derandomize: the same examples in every run, so a red test is red for everyone.
# deadline=None: the first call of a Numba kernel compiles it, which takes seconds.
settings.register_profile("minidelve", derandomize=True, deadline=None, max_examples=25)
settings.load_profile("minidelve")


def pytest_addoption(parser: pytest.Parser) -> None:
    """--fuzz-cases N: files that each reader is tried on (tests/fuzz)."""
    parser.addoption("--fuzz-cases", type=int, metavar="N", help="mutated files for each reader (default 2,000)")


def pytest_configure() -> None:
    """Ctrl-C means here what it means at a prompt: a shell starts what runs in its background deaf to it."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without a -m of the user's, what is marked slow is skipped, and the line of skips says how to run it."""
    if not config.option.markexpr:
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="slow: `pytest -m slow` runs these"))


@pytest.fixture(autouse=True)
def one_thread_of_pytorch() -> None:
    """Two threads that wait for each other at every tiny operation take ten times as long on a busy machine."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def no_word_of_compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which test compiles a kernel depends on what ran before: none of them expects to read of it."""
    monkeypatch.setattr("minidelve.backend.compiling.note", lambda line: None)


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


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set that trains in a moment: 4 classes of 12 + 4 pictures of 32 x 32, told apart by colour."""
    rng, root = np.random.default_rng(4), tmp_path_factory.mktemp("tiny_data") / "four"
    colours = {"red": (200, 60, 60), "green": (60, 200, 60), "blue": (60, 60, 200), "yellow": (200, 200, 60)}
    for split, count in (("train", 12), ("val", 4)):
        for name, colour in colours.items():
            folder = root / split / name
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = np.clip(rng.normal(colour, 60, (32, 32, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / f"{i:02}.png")
    return root


@pytest.fixture
def threads_are(monkeypatch: pytest.MonkeyPatch):
    """threads_are(n): as on a machine of n cores."""

    def set_to(n):
        monkeypatch.setattr(threads, "thread_count", lambda: n)
        threads._pool.cache_clear()

    yield set_to
    threads._pool.cache_clear()
