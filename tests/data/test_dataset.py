"""What every data set offers: images decoded at most once while they fit in memory."""

import pytest

from minidelve.data import open_dataset


def test_images_are_kept_up_to_the_limit_and_decoded_again_beyond_it(store, imagenet_files, monkeypatch):
    dataset = open_dataset(store(imagenet_files), cache_bytes=2 * 8 * 8 * 3)
    loaded, load = [], dataset._load
    monkeypatch.setattr(dataset, "_load", lambda i: (loaded.append(i), load(i))[1])
    for i in 2 * (4, 1, 3):
        dataset.image(i)
    assert loaded == [4, 1, 3, 3]
    with pytest.raises(ValueError, match="read-only"):
        dataset.image(4)[0] = 0
