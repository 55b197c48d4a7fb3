"""A small lab14 whose biases are not 0, and what normalises its images."""

import numpy as np
import pytest

from minidelve import data, models

SIZE = 32


@pytest.fixture(scope="session")
def network():
    """lab14 for 6 classes in evaluation mode; a crop of 32 leaves a 4 x 4 map."""
    rng = np.random.default_rng(7)
    net = models.create("lab14", 6, seed=3)
    for name, p in net.named_parameters():
        if name.endswith(".bias"):
            p.data += 0.1 * rng.standard_normal(p.shape, np.float32)
        if name.endswith(".a"):
            p.data += rng.uniform(-0.2, 0.2, p.shape).astype(np.float32)
    net.eval()
    return net


@pytest.fixture(scope="session")
def statistics():
    """A mean image with structure, so that a mean that is mirrored, moved or left out is noticed."""
    mean = np.random.default_rng(8).uniform(60, 180, (SIZE, SIZE, 3)).astype(np.float32)
    return data.Statistics(mean, 60.0)


def picture(seed: int, height: int, width: int) -> np.ndarray:
    """Random blobs, uint8 (height, width, 3)."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 4 + 1, width // 4 + 1, 3))
    return np.kron(coarse, np.ones((4, 4, 1)))[:height, :width].astype(np.uint8)


@pytest.fixture(scope="session")
def pictures():
    """picture(seed, height, width)."""
    return picture
