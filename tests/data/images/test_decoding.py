import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from minidelve.data import decode
from minidelve.errors import DataError

GRADIENT = np.arange(256, dtype=np.uint8).reshape(16, 16)


def check_message(error, *parts):
    """One line that holds all the parts."""
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_png_pixels_come_back_exactly(encode, pixels_of):
    pixels = pixels_of(0)
    image = decode(encode(pixels), "a.png")
    assert image.dtype == np.uint8 and image.shape == (8, 8, 3)
    np.testing.assert_array_equal(image, pixels)


def test_jpeg_is_decoded(encode):
    pixels = np.full((9, 7, 3), (200, 100, 50), np.uint8)
    image = decode(encode(pixels, "JPEG"), "a.jpg")
    assert image.shape == (9, 7, 3)
    assert abs(image.astype(int) - pixels).max() <= 4


def test_a_path_and_an_open_file_are_decoded_like_bytes(encode, pixels_of, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encode(pixels_of(0)))
    np.testing.assert_array_equal(decode(path), pixels_of(0))
    with path.open("rb") as file:
        np.testing.assert_array_equal(decode(file), pixels_of(0))


def test_the_content_and_not_the_suffix_tells_the_format(encode, pixels_of):
    np.testing.assert_array_equal(decode(encode(pixels_of(0), "PNG"), "a.JPEG"), pixels_of(0))


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_gray_becomes_three_equal_channels(encode, format):
    image = decode(encode(GRADIENT, format, quality=100) if format == "JPEG" else encode(GRADIENT), "gray")
    assert image.shape == (16, 16, 3)
    assert (image == image[:, :, :1]).all()
    assert abs(image[:, :, 0].astype(int) - GRADIENT).max() <= (2 if format == "JPEG" else 0)


def test_one_bit_becomes_black_and_white(encode):
    image = decode(encode(GRADIENT > 127), "bits")
    assert set(np.unique(image)) == {0, 255}
    np.testing.assert_array_equal(image[:, :, 1] == 255, GRADIENT > 127)


def test_sixteen_bit_gray_is_scaled_and_not_clipped(encode):
    image = decode(encode(GRADIENT.astype(np.uint16) * 257), "deep")
    np.testing.assert_array_equal(image, np.repeat(GRADIENT[:, :, None], 3, axis=2))


def test_cmyk_becomes_rgb(encode):
    pixels = np.full((8, 8, 3), (200, 100, 50), np.uint8)
    image = decode(encode(pixels, "JPEG", mode="CMYK"), "cmyk")
    assert image.shape == (8, 8, 3)
    assert abs(image.astype(int) - pixels).max() <= 6


def test_palette_colours_are_looked_up(encode):
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:4] = (255, 0, 0)
    np.testing.assert_array_equal(decode(encode(pixels, mode="P"), "palette"), pixels)


def test_alpha_is_laid_on_white(encode):
    pixels = np.zeros((3, 1, 4), np.uint8)  # black: opaque, half, and fully transparent
    pixels[:, 0, 3] = 255, 128, 0
    np.testing.assert_array_equal(decode(encode(pixels), "alpha")[:, 0, 0], [0, 127, 255])


def test_a_transparent_palette_colour_is_laid_on_white(encode):
    image = decode(encode(np.zeros((4, 4, 3), np.uint8), mode="P", transparency=0), "palette")
    assert (image == 255).all()


def test_exif_orientation_is_ignored():
    import io

    exif = Image.Exif()
    exif[0x0112] = 6  # "turn me by 90 degrees"
    file = io.BytesIO()
    Image.new("RGB", (10, 4)).save(file, "JPEG", exif=exif)
    assert decode(file.getvalue(), "turned").shape == (4, 10, 3)


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
    with pytest.raises(DataError) as error:
        decode(content, "set.zip!train/n01/a.JPEG")
    check_message(error, "set.zip!train/n01/a.JPEG: ", reason, "remove it")


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_a_truncated_file_is_named_wherever_it_ends(encode, pixels_of, format):
    content = encode(pixels_of(0, size=32), format)
    # The last bytes are an end mark that a decoder can do without.
    for length in range(1, len(content) - 30, 37):
        with pytest.raises(DataError) as error:
            decode(content[:length], "cut.JPEG")
        check_message(error, "cut.JPEG: ")


def test_damaged_bytes_give_an_image_or_a_data_error_and_nothing_else(encode, pixels_of):
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


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError) as error:
        decode(tmp_path / "no.png")
    check_message(error, str(tmp_path / "no.png"), "cannot be read")


def huge_png(width, height):
    """A PNG of so many black pixels, in few bytes."""

    def chunk(name, data):
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x00\x00\x00\x00"
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize("width, height", [(20_000, 10_000), (10_001, 10_000), (2**31 - 1, 2**31 - 1)])
def test_too_many_pixels_are_refused_before_decoding_and_without_a_warning(width, height):
    # The file has no pixel data: an attempt to decode it would end in another error.
    with warnings.catch_warnings(), pytest.raises(DataError) as error:
        warnings.simplefilter("error")
        decode(huge_png(width, height), "huge.png")
    check_message(error, "huge.png", f"{width} x {height}", "at most 100")


def test_the_pixel_bound_can_be_set(encode, pixels_of):
    content = encode(pixels_of(0))
    assert decode(content, "a", max_pixels=64).shape == (8, 8, 3)
    with pytest.raises(DataError):
        decode(content, "a", max_pixels=63)
