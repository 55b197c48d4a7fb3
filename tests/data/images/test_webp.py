"""WebP: lossy, lossless, transparent, animated; as Pillow reads it, less its metadata."""

import io

import numpy as np
import pytest
from PIL import Image

from minidelve.data import decode, open_dataset
from minidelve.errors import DataError
from tests.data.files import encode, pixels_of

PIXELS = pixels_of(0, 21)
CLEAR = np.dstack([PIXELS, pixels_of(1, 21)[:, :, 0]])
EXIF = b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0"  # to be turned right


def on_white(content: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(content)).convert("RGBA")
    return np.asarray(Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB"))


@pytest.mark.parametrize("pixels", [PIXELS, CLEAR, PIXELS[:1], PIXELS[:, :1]])
@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 80}, {"exif": EXIF, "icc_profile": b"noise"}])
def test_pixels_are_those_of_pillow_laid_on_white(pixels, options):
    content = encode(pixels, "WEBP", **options)
    np.testing.assert_array_equal(decode(content), on_white(content))
    if options.get("lossless") and pixels.shape[2] == 3:
        np.testing.assert_array_equal(decode(content), pixels)


def test_a_photograph_is_turned_upright_if_asked():
    plain, turned = (encode(PIXELS[:9], "WEBP", lossless=True, **more) for more in ({}, {"exif": EXIF}))
    np.testing.assert_array_equal(decode(turned), decode(plain))
    np.testing.assert_array_equal(decode(turned, upright=True), decode(plain)[::-1].transpose(1, 0, 2))


@pytest.mark.parametrize("form", ["WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_read(form):
    frames, file = [Image.fromarray(pixels_of(k, 21)) for k in range(3)], io.BytesIO()
    frames[0].save(file, form, save_all=True, append_images=frames[1:], lossless=True)
    np.testing.assert_array_equal(decode(file.getvalue()), PIXELS)


def animation_on_a_canvas(width: int, height: int) -> bytes:
    """A first frame of 21 x 21 pixels at (4, 2) of a canvas."""
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "WEBP", save_all=True, append_images=[Image.fromarray(CLEAR)], lossless=True)
    content, canvas, frame = bytearray(file.getvalue()), file.getvalue().index(b"VP8X"), file.getvalue().index(b"ANMF")
    content[canvas + 12 : canvas + 18] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    content[frame + 8 : frame + 14] = (2).to_bytes(3, "little") + (1).to_bytes(3, "little")
    return bytes(content)


def test_a_first_frame_smaller_than_its_canvas_lies_on_white():
    expected = np.full((30, 40, 3), 255)
    expected[2:23, 4:25] = PIXELS
    np.testing.assert_array_equal(decode(animation_on_a_canvas(40, 30)), expected)
    with pytest.raises(DataError, match="first frame is larger than the canvas"):
        decode(animation_on_a_canvas(22, 22))


def test_a_still_picture_fills_its_canvas():
    content = bytearray(encode(PIXELS, "WEBP", exif=EXIF))
    content[content.index(b"VP8X") + 12] += 1
    with pytest.raises(DataError, match="is broken or truncated .its pixels are not as many as its canvas has"):
        decode(bytes(content))


@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 80}, {"exif": EXIF}])
def test_a_file_cut_anywhere_is_refused(options):
    content = encode(PIXELS, "WEBP", **options)
    for length in range(1, len(content) - 1, 17):
        with pytest.raises(DataError):
            decode(content[:length], "cut")


def test_a_canvas_of_too_many_pixels_is_refused_from_the_header():
    with pytest.raises(DataError, match="16384 x 16384 is 268 megapixels"):
        decode(animation_on_a_canvas(16384, 16384))


def test_webps_are_images_of_a_set(store):
    path = store({"train/a/0.webp": encode(PIXELS, "WEBP"), "train/b/0.WEBP": encode(CLEAR, "WEBP")})
    dataset = open_dataset(path)
    assert len(dataset) == 2 and dataset.image(1).shape == (21, 21, 3)
