"""One way to handle a bad image: whoever reads images stops at it by name, or leaves it out, counted and named."""

import numpy as np
import pytest

from minidelve.data import BadImages, CenterCrop, ImageStream, Loader, Statistics, compute_statistics, open_dataset
from minidelve.data.packing.pack import pack
from minidelve.errors import DataError
from tests.data.files import encode, pixels_of

BLANK = Statistics(np.zeros((8, 8, 3), np.float32), 1.0)
READERS = ["loader 0", "loader 1", "loader 4", "stream 0", "stream 3", "statistics", "packing 1", "packing 4"]
SEES = [reader for reader in READERS if not reader.startswith("packing")]  # packing takes images of any size


@pytest.fixture
def read(tmp_path):
    """read(reader, path, policy, size=8) -> (mean of the images read, what was left out); the reader by name."""

    def read_images(reader, path, policy, size=8):
        name, _, workers = reader.partition(" ")
        dataset, crop = open_dataset(path), CenterCrop(size)
        if name == "loader":
            loader = Loader(dataset, 2, crop, BLANK, shuffle=True, seed=0, workers=int(workers), on_bad_image=policy)
            batches = [images.transpose(0, 2, 3, 1) for images, _ in loader.epoch(0)]
            return np.concatenate(batches).mean(axis=0), loader.skipped
        if name == "stream":
            stream = ImageStream(dataset, [crop], int(workers), policy)
            return np.mean([picture.images[0] for picture in stream], axis=0), stream.skipped
        if name == "statistics":
            return compute_statistics(dataset, crop, on_bad_image=policy).mean, None
        header = pack(path, tmp_path / "store", workers=int(workers), on_bad_image=policy)
        packed = open_dataset(tmp_path / "store")
        mean = np.mean([packed.image(i) for i in range(len(packed))], axis=0)
        return mean, dict(header["splits"]["train"]["skipped"])

    return read_images


@pytest.mark.parametrize("form", ["folder", "zip"])
@pytest.mark.parametrize("reader", READERS)
def test_a_bad_image_stops_the_work_or_is_left_out(read, reader, form, store, imagenet_files):
    path = store(imagenet_files | {"train/bee/0.JPEG": b"I am text"}, form)
    bad = f"{path}{'!' if form == 'zip' else '/'}train/bee/0.JPEG"
    cure = "" if reader == "statistics" else r"[^\n]*--on-bad-image skip"
    with pytest.raises(DataError, match=rf"^{bad}: is neither JPEG nor PNG{cure}[^\n]*\Z") as error:
        read(reader, path, "error")
    assert ("goes on from here" in str(error.value)) == reader.startswith("packing")
    mean, skipped = read(reader, path, "skip")
    np.testing.assert_allclose(mean, np.mean([pixels_of(seed) for seed in (0, 1, 101, 200, 201)], axis=0), rtol=1e-6)
    if skipped is not None:
        assert list(skipped) == [bad] and skipped[bad].startswith(f"{bad}: is neither JPEG nor PNG")
        assert "--on-bad-image" not in skipped[bad]


@pytest.mark.parametrize("reader", READERS)
def test_not_one_readable_image_is_an_error(read, reader, store, imagenet_files):
    path = store(dict.fromkeys(imagenet_files, b"text"))
    expected = "not one image of the split 'train' can be used; the first: .*/train/.*: is neither JPEG nor PNG"
    with pytest.raises(DataError, match=expected):
        read(reader, path, "skip")


@pytest.mark.parametrize("reader", SEES)
def test_an_image_smaller_than_the_crop_is_bad_too(read, reader, store, imagenet_files):
    path = store(imagenet_files | {"train/bee/0.JPEG": encode(pixels_of(100, size=7))})
    bad = str(path / "train/bee/0.JPEG")
    expected = f"{bad}: the image of 7 x 7 pixels is smaller than the crop of 8 x 8; train with a --size of at most 7, "
    with pytest.raises(DataError, match=f"^{expected}or with --short-side 8, which enlarges it"):
        read(reader, path, "error", size=8)
    mean, skipped = read(reader, path, "skip", size=8)
    np.testing.assert_allclose(mean, np.mean([pixels_of(seed) for seed in (0, 1, 101, 200, 201)], axis=0), rtol=1e-6)
    if skipped is not None:
        assert list(skipped) == [bad] and skipped[bad].startswith(expected)
    with pytest.raises(DataError, match="not one image of the split 'train' can be used; the first: .*crop of 9 x 9"):
        read(reader, path, "skip", size=9)


def test_a_check_looks_at_the_image_as_reading_does(store, imagenet_files, monkeypatch):
    dataset = open_dataset(store(imagenet_files | {"train/bee/0.JPEG": b"text"}))
    bad = BadImages(dataset, "skip")
    problems = [bad.check(i) for i in range(6)]
    assert [i for i, problem in enumerate(problems) if problem] == [2] and problems[2] == bad.read(2)
    assert bad.skipped == {}  # what was only read ahead does not count
    bad.leave_out(problems[2])
    assert bad.skipped == {dataset.path(2): problems[2].reason}
    with pytest.raises(DataError, match=r"0.JPEG: is neither .* \(leave it\)$"):
        BadImages(dataset, "error", "(leave it)").check(2)
    monkeypatch.setattr(dataset, "_load", lambda i: 1 / 0)
    with pytest.raises(ZeroDivisionError):  # an error of our own is never forgiven
        list(BadImages(dataset, "skip").images(range(6)))
