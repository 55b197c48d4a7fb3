import io
import warnings

import numpy as np
import pytest
from PIL import Image

from minidelve.data import decode, from_pillow
from minidelve.errors import DataError
from tests.data.files import encode, huge_png, pixels_of
from tests.helpers import raises

GRADIENT = np.arange(256, dtype=np.uint8).reshape(16, 16)


def refused(content, name, *parts):
    raises(DataError, lambda: decode(content, name), f"{name}: ", *parts)


def test_a_path_an_open_file_and_bytes_are_decoded_whatever_the_suffix(tmp_path):
    path = tmp_path / "a.JPEG"
    raises(DataError, lambda: decode(path), str(path), "cannot be read")
    path.write_bytes(encode(pixels_of(0), "PNG"))
    with path.open("rb") as file:
        for image in (decode(path), decode(file), decode(path.read_bytes(), "a.JPEG")):
            assert image.dtype == np.uint8 and image.shape == (8, 8, 3)
            np.testing.assert_array_equal(image, pixels_of(0))


ONE = np.full((8, 8, 3), (200, 100, 50), np.uint8)
HALVES = np.where(np.arange(8)[:, None, None] < 4, (255, 0, 0), (0, 0, 0)).repeat(8, axis=1).astype(np.uint8)
BLACK = np.zeros((3, 1, 4), np.uint8)
BLACK[:, 0, 3] = 255, 128, 0  # opaque, half, and fully transparent
# What is encoded, how, the pixels that come back, by how much they may differ.
MODES = {
    "gray": (GRADIENT, {}, GRADIENT[:, :, None], 0),
    "gray jpeg": (GRADIENT, {"format": "JPEG", "quality": 100}, GRADIENT[:, :, None], 2),
    "one bit": (GRADIENT > 127, {}, np.where(GRADIENT > 127, 255, 0)[:, :, None], 0),
    "16 bits are scaled and not clipped": (GRADIENT.astype(np.uint16) * 256 + 7, {}, GRADIENT[:, :, None], 0),
    "jpeg": (ONE, {"format": "JPEG"}, ONE, 4),
    "cmyk": (ONE, {"format": "JPEG", "mode": "CMYK"}, ONE, 6),
    "palette": (HALVES, {"mode": "P"}, HALVES, 0),
    "alpha is laid on white": (BLACK, {}, np.array([0, 127, 255])[:, None, None], 0),
    "a transparent palette colour too": (ONE * 0, {"mode": "P", "transparency": 0}, np.array(255), 0),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_becomes_rgb(mode):
    pixels, options, expected, tolerance = MODES[mode]
    image = decode(encode(pixels, **options), mode)
    assert image.shape == (*pixels.shape[:2], 3) and image.dtype == np.uint8
    assert abs(image.astype(int) - expected).max() <= tolerance
    assert "gray" not in mode or (image == image[:, :, :1]).all()


def test_exif_orientation_is_ignored():
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6  # "turn me by 90 degrees"
    Image.new("RGB", (10, 4)).save(file, "JPEG", exif=exif)
    assert decode(file.getvalue(), "turned").shape == (4, 10, 3)


@pytest.mark.parametrize("mode", [mode for mode in MODES if not mode.startswith("16 bits")])
def test_what_pillow_has_opened_is_as_its_file(mode):
    pixels, options, *_ = MODES[mode]
    content = encode(pixels, **options)
    np.testing.assert_array_equal(from_pillow(Image.open(io.BytesIO(content))), decode(content))


@pytest.mark.parametrize("way", range(1, 9))
def test_what_pillow_has_opened_is_turned_as_its_file(way):
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = way
    Image.fromarray(pixels_of(3)).save(file, "PNG", exif=exif)
    for upright in (True, False):
        image = from_pillow(Image.open(file), upright=upright)
        np.testing.assert_array_equal(image, decode(file.getvalue(), upright=upright))


def test_what_pillow_has_opened_and_is_no_picture_is_named():
    raises(DataError, lambda: from_pillow(Image.new("F", (8, 8)), "a"), "a: its mode is F", "8 bits a channel")
    raises(DataError, lambda: from_pillow(Image.new("L", (0, 8)), "a"), "a: is 0 x 8 pixels", "million")
    cut = Image.open(io.BytesIO(encode(pixels_of(0), "PNG")[:90]))
    raises(DataError, lambda: from_pillow(cut, "cut"), "cut: is broken or truncated")


@pytest.mark.parametrize(
    "content, reason",
    [
        (b"", "is empty"),
        (b"hello, I am text", "neither JPEG nor PNG"),
        (b"GIF89a and more", "neither JPEG nor PNG"),
        (b"\xff\xd8\xff", "broken or truncated"),
        (b"\x89PNG\r\n\x1a\n", "broken or truncated"),
    ],
)
def test_a_file_that_is_no_image_is_named(content, reason):
    refused(content, "set.zip!train/n01/a.JPEG", reason, "remove it")


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_a_truncated_file_is_named_wherever_it_ends(format):
    content = encode(pixels_of(0, size=32), format)
    # The last bytes are an end mark that a decoder can do without.
    for length in range(1, len(content) - 30, 37):
        refused(content[:length], "cut.JPEG")


def test_damaged_bytes_give_an_image_or_a_data_error_and_nothing_else():
    rng = np.random.default_rng(0)
    files = [encode(pixels_of(0, size=16), "JPEG"), encode(pixels_of(0, size=16), mode="P")]
    refused = 0
    for trial in range(300):
        content = bytearray(files[trial % 2])
        for at in rng.integers(3, len(content), 4):
            content[at] = rng.integers(256)
        try:
            assert decode(bytes(content), "damaged").dtype == np.uint8
        except DataError:
            refused += 1
    assert 50 < refused < 300


@pytest.mark.parametrize("width, height", [(20_000, 10_000), (10_001, 10_000), (2**31 - 1, 2**31 - 1)])
def test_too_many_pixels_are_refused_before_decoding_and_without_a_warning(width, height):
    # The file has no pixel data: an attempt to decode it would end in another error.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        refused(huge_png(width, height), "huge.png", f"{width} x {height}", "at most 100")


def test_the_pixel_bound_can_be_set():
    content = encode(pixels_of(0))
    assert decode(content, "a", max_pixels=64).shape == (8, 8, 3)
    with pytest.raises(DataError):
        decode(content, "a", max_pixels=63)
