import threading
import time

import numpy as np
import pytest

from minidelve.data import CenterCrop, Compose, Dataset, Loader, RandomCrop, RandomFlip, Statistics, ToyDataset
from minidelve.errors import DataError

STATISTICS = Statistics(np.full((56, 56, 3), 100, np.float32), 50.0)
AUGMENT = Compose([RandomCrop(56), RandomFlip()])
TOY = ToyDataset("train", train_size=110)


def loader(dataset=TOY, batch_size=32, transform=AUGMENT, statistics=STATISTICS, **options):
    return Loader(dataset, batch_size, transform, statistics, **{"shuffle": True, "seed": 0} | options)


def loader_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("minidelve-loader")]


class Numbered(Dataset):
    """n images of one pixel, labelled by their number; `at_load(i)` is called when one is read."""

    def __init__(self, n, at_load=lambda i: None):
        self.at_load = at_load
        words = {"name": "numbered", "kind": "test", "split": "train", "classes": ["a"], "class_names": ["a"]}
        super().__init__(**words, labels=np.arange(n), cache_bytes=0)

    def path(self, i):
        return f"number/{i}"

    def _load(self, i):
        self.at_load(i)
        return np.full((1, 1, 3), i % 256, np.uint8)


def numbered(n, at_load=lambda i: None, **options):
    options = {"batch_size": 4, "shuffle": False, "transform": CenterCrop(1)} | options
    return loader(Numbered(n, at_load), statistics=Statistics(np.zeros((1, 1, 3), np.float32), 1.0), **options)


def labels_of(epoch):
    return np.concatenate([labels for _, labels in epoch])


@pytest.mark.parametrize(("options", "dtype"), [({}, np.float32), ({"dtype": np.float64}, np.float64)])
def test_batches_are_channels_first_views_of_channels_last_memory(options, dtype):
    images, labels = next(loader(**options).epoch(0))
    assert images.shape == (32, 3, 56, 56) and images.dtype == dtype
    assert images.transpose(0, 2, 3, 1).flags.c_contiguous
    assert labels.shape == (32,) and labels.dtype == np.int64


def test_without_randomness_a_batch_is_the_normalised_images_in_order():
    batches = list(loader(transform=CenterCrop(56), shuffle=False).epoch(0))
    assert [len(labels) for _, labels in batches] == [32, 32, 32, 14]
    np.testing.assert_array_equal(labels_of(batches), TOY.labels)
    expected = (TOY.image(35)[4:60, 4:60].astype(np.float32) - 100) / 50
    np.testing.assert_allclose(batches[1][0][3], expected.transpose(2, 0, 1), rtol=1e-6)


def test_len_is_the_number_of_batches():
    assert len(loader()) == loader().batches == 4
    assert len(loader(drop_last=True)) == len(list(loader(drop_last=True).epoch(0))) == 3
    assert len(loader(batch_size=110, drop_last=True)) == 1


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_any_number_of_workers_gives_the_same_batches(workers):
    for epoch in (0, 3):
        alone, together = loader(workers=0).epoch(epoch), loader(workers=workers).epoch(epoch)
        for (images, labels), (other_images, other_labels) in zip(alone, together, strict=True):
            np.testing.assert_array_equal(images, other_images)
            np.testing.assert_array_equal(labels, other_labels)


def test_order_is_kept_when_later_batches_are_ready_first():
    slow_start = numbered(16, lambda i: time.sleep(0.05 if i < 4 else 0), workers=4)
    assert labels_of(slow_start.epoch(0)).tolist() == list(range(16))


def test_every_epoch_shows_each_image_once_in_an_order_of_its_own():
    orders = [
        labels_of(numbered(50, shuffle=True, seed=seed).epoch(epoch)).tolist()
        for seed, epoch in ((0, 0), (0, 1), (1, 0), (1, 1))
    ]
    assert len({tuple(order) for order in [range(50), *orders]}) == 5
    assert all(sorted(order) == list(range(50)) for order in orders)


def test_an_epoch_depends_on_seed_and_epoch_alone():
    def first(seed, epoch):
        return next(loader(seed=seed).epoch(epoch))[0]

    used = loader(seed=1)
    list(used.epoch(0))
    np.testing.assert_array_equal(next(used.epoch(1))[0], first(1, 1))
    assert not np.array_equal(first(1, 1), first(1, 2))
    assert not np.array_equal(first(1, 1), first(2, 1))


def test_what_an_image_draws_does_not_depend_on_its_place_in_the_epoch():
    ours, theirs = (next(loader(TOY, 110, shuffle=shuffle).epoch(0))[0] for shuffle in (True, False))
    flat = {image.tobytes() for image in ours}
    assert len(flat) == 110 and flat == {image.tobytes() for image in theirs}


def test_no_two_streams_of_random_numbers_are_one():
    # NumPy pads a seed with zeros: [7, 3] and [7, 3, 0] are the same generator.
    draws = []

    def spy(image, rng):
        draws.append(rng.random())
        return image[:56, :56]

    for epoch in (0, 3):
        list(loader(TOY, 10, spy, shuffle=False, seed=7, workers=0).epoch(epoch))
        draws.append(np.random.default_rng([7, epoch]).random())
    assert len(set(draws)) == len(draws) == 222


@pytest.mark.parametrize("option, value", [("batch_size", 0), ("workers", -1), ("seed", -1), ("on_bad_image", "warn")])
def test_a_wrong_option_is_refused(option, value):
    with pytest.raises(ValueError, match=f"{option} is {value!r}; expected"):
        loader(**{option: value})
    with pytest.raises(DataError, match="batch of 111 .* the 110 images"):
        loader(batch_size=111)


def bad_images(*bad):
    def at_load(i):
        if i in bad:
            raise DataError(f"number/{i}: is broken")

    return at_load


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_a_bad_image_stops_the_epoch_when_its_batch_is_due(workers):
    seen = []
    with pytest.raises(DataError, match=r"^number/9: is broken \(.*--on-bad-image skip"):
        for _, labels in numbered(40, bad_images(9), workers=workers).epoch(0):
            seen += labels.tolist()
    assert seen == list(range(8))
    assert not loader_threads()


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_bad_images_are_left_out_and_noted(workers):
    skipping = numbered(14, bad_images(1, 4, 5, 6, 7), on_bad_image="skip", workers=workers)
    batches = list(skipping.epoch(0))
    assert [labels.tolist() for _, labels in batches] == [[0, 2, 3], [8, 9, 10, 11], [12, 13]]  # and no empty batch
    for images, labels in batches:
        np.testing.assert_array_equal(images, labels[:, None, None, None].repeat(3, axis=1))  # still side by side
    list(skipping.epoch(1))
    assert skipping.skipped == {f"number/{i}": f"number/{i}: is broken" for i in (1, 4, 5, 6, 7)}


@pytest.mark.parametrize("workers", [0, 4])
def test_breaking_off_ends_the_threads_and_notes_nothing_read_ahead(workers):
    skipping = numbered(40, bad_images(2, 9), on_bad_image="skip", workers=workers)
    for _ in skipping.epoch(0):
        break
    assert list(skipping.skipped) == ["number/2"] and not loader_threads()


def test_images_of_another_size_than_the_mean_are_named():
    with pytest.raises(DataError, match="toy!train/.*is 64 x 64 pixels after .* expected 56 x 56"):
        next(loader(transform=RandomFlip()).epoch(0))


def test_any_error_of_a_thread_reaches_the_consumer():
    def bug(image, rng):
        raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError, match="a bug"):
        next(loader(transform=bug, workers=2).epoch(0))
    assert not loader_threads()


@pytest.mark.parametrize("interrupt", [None, KeyboardInterrupt, RuntimeError])
def test_leaving_early_ends_the_threads_at_the_image_they_are_at(interrupt):
    loads = []
    epoch = numbered(2000, lambda i: (loads.append(i), time.sleep(0.001)), batch_size=200, workers=2).epoch(0)
    next(epoch)
    loaded = len(loads)
    if interrupt:
        with pytest.raises(interrupt):
            epoch.throw(interrupt)
    else:
        epoch.close()
    assert not loader_threads()
    assert len(loads) - loaded < 20  # to the end of the two batches at hand: up to 400


def test_prefetching_is_bounded():
    loads = []
    epoch = numbered(400, loads.append, workers=2).epoch(0)
    next(epoch)
    time.sleep(0.1)
    assert len(loads) <= 5 * 4  # the batch at hand and two for each worker
    epoch.close()


def test_threads_prepare_batches_side_by_side():
    everyone = threading.Barrier(4, timeout=10)  # opens only if four images are read at once
    meeting = numbered(8, lambda i: everyone.wait(), batch_size=1, workers=4)
    assert [labels.item() for _, labels in meeting.epoch(0)] == list(range(8))
