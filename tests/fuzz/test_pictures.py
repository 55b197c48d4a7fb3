"""Pictures of others, damaged anywhere: pixels, or one line."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image

from minidelve.data import decode
from tests.data.files import encode, pixels_of
from tests.data.png import GRAY, PALETTE, RGB, chunk, png
from tests.fuzz.frame import Reader
from tests.fuzz.mutations import bytes_of

EXIF = Image.Exif()
EXIF[0x0112], EXIF[0x010E] = 6, "a picture"
PIXELS = pixels_of(0, 12)
ALPHA = np.dstack([PIXELS, PIXELS[:, :, 0]])
PROFILE = {"icc_profile": b"p" * 300, "exif": EXIF.tobytes()}
FRAMES = [Image.fromarray(pixels_of(k, 8)) for k in range(3)]


def animated(form: str) -> bytes:
    file = io.BytesIO()
    FRAMES[0].save(file, form, save_all=True, append_images=FRAMES[1:])
    return file.getvalue()


NUMBERS = np.arange(144).reshape(12, 12)
PICTURES = {
    "jpeg": [
        encode(PIXELS, "JPEG", **PROFILE),
        encode(PIXELS, "JPEG", progressive=True, **PROFILE),
        encode(PIXELS, "JPEG", mode="L"),
        encode(PIXELS, "JPEG", mode="CMYK"),
    ],
    "png": [
        encode(PIXELS, **PROFILE),
        png(NUMBERS % 16, 4, PALETTE, before=[chunk(b"PLTE", bytes(range(48))), chunk(b"tRNS", bytes(range(16)))]),
        png(NUMBERS * 400, 16, GRAY, interlaced=True, before=[chunk(b"tRNS", b"\x01\x90")]),
        png(np.dstack([NUMBERS * 400] * 3), 16, RGB, before=[chunk(b"tRNS", b"\x01\x90" * 3)]),
        animated("PNG"),
    ],
    "webp": [
        encode(PIXELS, "WEBP", **PROFILE),
        encode(ALPHA, "WEBP", lossless=True),
        encode(ALPHA, "WEBP"),
        animated("WEBP"),
    ],
}


@pytest.mark.parametrize("kind", PICTURES)
def test_pictures(fuzz, tmp_path, kind):
    """After a change in a PNG its checksums would tell of it first, so half of them fit again."""
    paths = [tmp_path / f"{k}.{kind}" for k in range(len(PICTURES[kind]))]
    for path, content in zip(paths, PICTURES[kind], strict=True):
        path.write_bytes(content)
    mutations = [bytes_of, lambda rng, content: with_checksums(bytes_of(rng, content))] if kind == "png" else [bytes_of]

    def read():
        return [decode(path, upright=True).tobytes() for path in paths]

    fuzz(Reader(kind, paths, read, mutations))


def with_checksums(content: bytes) -> bytes:
    """A PNG in which the checksum of each chunk fits, as far as there are chunks."""
    fitting, at = bytearray(content), 8
    while at + 12 <= len(fitting):
        end = at + 8 + int.from_bytes(fitting[at : at + 4], "big")
        fitting[end : end + 4] = (
            zlib.crc32(fitting[at + 4 : end]).to_bytes(4, "big") if end + 4 <= len(content) else b""
        )
        at = end + 4
    return bytes(fitting)
