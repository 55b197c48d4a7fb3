"""JPEGs: what applications write into them does not matter, and what they claim costs nothing."""

import io
import os
import struct
import warnings

import numpy as np
import pytest
from PIL import Image, ImageOps

from minidelve.data import decode
from minidelve.errors import DataError
from tests.data.files import encode, pixels_of

WIDE = np.repeat(np.repeat(pixels_of(0, 4), 8, 0), 16, 1)  # 32 x 64: turned, it has another shape
JPEG = encode(WIDE, "JPEG", quality=95)
PIXELS = np.asarray(Image.open(io.BytesIO(JPEG)))


def with_segment(marker: int, body: bytes, jpeg: bytes = JPEG) -> bytes:
    return jpeg[:2] + b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def tiff(*entries: tuple[int, int, int, int], order: str = "<", count: int | None = None, following: int = 0) -> bytes:
    """A directory of EXIF; an entry is (tag, type, number of values, value), where type 3 has two bytes."""
    packed = b"".join(
        struct.pack(
            order + "HHL" + ("HH" if kind == 3 else "L"), tag, kind, number, *([value, 0] if kind == 3 else [value])
        )
        for tag, kind, number, value in entries
    )
    begin = struct.pack(order + "2sHLH", b"II" if order == "<" else b"MM", 42, 8, count or len(entries))
    return begin + packed + struct.pack(order + "L", following)


TURNED = (0x112, 3, 1, 6)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_turned_as_pillow_turns_it_if_asked(orientation, order):
    content = with_segment(0xE1, b"Exif\0\0" + tiff((0x112, 3, 1, orientation), order=order))
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))))
    np.testing.assert_array_equal(decode(content, upright=True), expected)
    np.testing.assert_array_equal(decode(content), PIXELS)


STRANGE = {  # and whether it still says that the picture is turned
    "a resolution in text": (tiff(TURNED, (0x11A, 2, 4, 0x414141)), True),
    "an offset outside": (tiff(TURNED, (0x11A, 5, 1, 0xFFFFFFF0)), True),
    "a count of four billion": (tiff(TURNED, (0x11A, 5, 0xFFFFFFFF, 8)), True),
    "sixty thousand entries announced": (tiff(TURNED, count=60_000), True),
    "a directory that leads to itself": (tiff(TURNED, (0x8769, 4, 1, 8), following=8), True),
    "a resolution of 0/0": (tiff(TURNED, (0x11A, 5, 1, 38)) + bytes(8), True),
    "an unknown type": (tiff((0x10E, 99, 1, 1), TURNED), True),
    "an orientation in text": (tiff((0x112, 2, 1, 6)), False),
    "an orientation of 77": (tiff((0x112, 3, 1, 77)), False),
    "a cut directory": (tiff(TURNED)[:14], False),
    "no byte order": (b"XX" + tiff(TURNED)[2:], False),
    "two bytes": (b"II", False),
    "noise": (os.urandom(300), False),
}


@pytest.mark.parametrize("strange", STRANGE)
def test_broken_exif_does_not_break_the_picture(strange):
    exif, turned = STRANGE[strange]
    content = with_segment(0xE1, b"Exif\0\0" + exif)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(decode(content), PIXELS)
        expected = PIXELS[::-1].transpose(1, 0, 2) if turned else PIXELS
        np.testing.assert_array_equal(decode(content, upright=True), expected)


SEGMENTS = {
    "APP0 of 3 bytes": (0xE0, b"JFI"),
    "JFIF of 6 bytes": (0xE0, b"JFIF\0\1"),
    "Adobe of 5 bytes": (0xEE, b"Adobe"),
    "Adobe of 6 bytes": (0xEE, b"Adobe\0"),
    "a profile in no parts": (0xE2, b"ICC_PROFILE\0"),
    "an index of pictures of noise": (0xE2, b"MPF\0" + b"\xff" * 30),
    "Photoshop's, cut": (0xED, b"Photoshop 3.0\0" + b"8BIM\x03\xed"),
    "Photoshop's, too short inside": (0xED, b"Photoshop 3.0\0" + b"8BIM\x03\xed\0\0\0\0\0\2ab"),
    "a thumbnail": (0xE1, b"Exif\0\0" + tiff() + JPEG),
    "an empty comment": (0xFE, b""),
}


@pytest.mark.parametrize("segment", SEGMENTS)
def test_segments_of_applications_do_not_matter(segment):
    np.testing.assert_array_equal(decode(with_segment(*SEGMENTS[segment]), upright=True), PIXELS)


@pytest.mark.parametrize("transform", [0, 1, 2, 9])
@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_what_adobe_says_of_the_colours_is_kept(mode, transform):
    jpeg = encode(WIDE, "JPEG", mode=mode)
    jpeg = jpeg if b"Adobe" in jpeg else with_segment(0xEE, b"Adobe\0\x64\0\0\0\0\0", jpeg)
    at = jpeg.index(b"Adobe") + 11
    jpeg = jpeg[:at] + bytes([transform]) + jpeg[at + 1 :]
    np.testing.assert_array_equal(decode(jpeg), np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")))


@pytest.mark.parametrize("options", [{"progressive": True}, {"subsampling": 2}, {"restart_marker_blocks": 1}])
def test_other_kinds_of_jpeg_are_read_as_pillow_reads_them(options):
    jpeg = encode(WIDE, "JPEG", **options)
    np.testing.assert_array_equal(decode(jpeg + b"a film of a phone"), np.asarray(Image.open(io.BytesIO(jpeg))))


def forged(jpeg: bytes, frame: int, width: int, height: int) -> bytes:
    at = jpeg.index(bytes([0xFF, frame]))
    return jpeg[: at + 5] + struct.pack(">HH", height, width) + jpeg[at + 9 :]


@pytest.mark.parametrize(("frame", "options"), [(0xC0, {}), (0xC2, {"progressive": True})])
def test_a_forged_size_is_refused_before_memory_is_spent(frame, options):
    content = forged(encode(WIDE, "JPEG", **options), frame, 65_500, 1500)
    with pytest.raises(DataError, match="bytes cannot hold 65500 x 1500 pixels"):
        decode(content)


def test_a_picture_of_too_many_scans_is_refused(monkeypatch):
    monkeypatch.setattr("minidelve.data.images.formats.jpeg.MOST_SCANNED_PIXELS", 10**5)
    jpeg = encode(WIDE, "JPEG", progressive=True)
    last = jpeg[jpeg.rindex(b"\xff\xda") : -2]
    np.testing.assert_array_equal(decode(jpeg), np.asarray(Image.open(io.BytesIO(jpeg))))
    with pytest.raises(DataError, match="it has 210 scans"):
        decode(jpeg[:-2] + last * 200 + jpeg[-2:])
