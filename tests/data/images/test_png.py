"""PNGs against their samples: every depth and colour, with and without tRNS and interlacing, whatever else they say."""

import itertools
import os
import warnings
import zlib

import numpy as np
import pytest

from minidelve.data import decode
from minidelve.errors import DataError
from tests.data.files import pixels_of
from tests.data.png import CHANNELS, DEPTHS, GRAY, MARK, PALETTE, RGB, chunk, header, png, scanlines, seen

SAMPLES = pixels_of(0, 9)
FORMS = [(colour, depth) for colour, depths in DEPTHS.items() for depth in depths]
SIZES = [(9, 11), (1, 1), (1, 5), (5, 1), (33, 40)]


@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("colour", "depth"), FORMS)
def test_pixels_are_those_of_the_specification_laid_on_white(colour, depth, interlaced, transparent, rng):
    for size in SIZES:
        samples = rng.integers(0, 2**depth, (*size, CHANNELS[colour]))
        palette = key = None
        before = []
        if colour == PALETTE:
            palette = rng.integers(0, 256, (2**depth, 3))
            key = rng.integers(0, 256, 2**depth).tolist() if transparent else None
            before = [chunk(b"PLTE", bytes(palette.ravel().tolist()))]
            before += [chunk(b"tRNS", bytes(key))] if key else []
        elif transparent and colour in (GRAY, RGB):
            key = samples[0, 0].tolist()
            samples[-1, -1], samples[-1, 0] = samples[0, 0] ^ 1, (samples[0, 0] + 256) % 2**depth  # nearly transparent
            unused = 2**16 - 2**depth  # bits above the depth do not count, whatever they are
            before = [chunk(b"tRNS", b"".join((sample | unused).to_bytes(2, "big") for sample in key))]
        pixels = decode(png(samples, depth, colour, interlaced=interlaced, before=before), "picture")
        expected = seen(samples, depth, colour, palette, key)
        assert np.abs(pixels.astype(int) - expected).max() <= 1, size


NAMES = [
    "gAMA", "sRGB", "cHRM", "pHYs", "acTL", "fcTL", "eXIf", "tIME", "sBIT", "bKGD", "hIST",
    "iCCP", "zTXt", "iTXt", "tEXt",
]  # fmt: skip
BODIES = [b"", b"\0", b"\xff" * 200, bytes(40), b"key\0\0" + zlib.compress(bytes(10**6)), b"key\0\7x"]
ODD = {
    "3 MB of noise for a profile": [chunk(b"iCCP", b"icc\0\0" + zlib.compress(os.urandom(3 * 10**6), 0))],
    "text that unfolds to 100 MB": [chunk(b"zTXt", b"key\0\0" + zlib.compress(bytes(10**8), 1))],
    "70 texts of 1 MB": [chunk(b"tEXt", b"key\0" + b"a" * 10**6)] * 70,
    "a wrong checksum of a text": [chunk(b"tEXt", b"key\0text")[:-4] + b"abcd"],
}


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("odd", ODD)
def test_metadata_do_not_matter_however_large(place, odd):
    np.testing.assert_array_equal(decode(png(SAMPLES, **{place: ODD[odd]})), SAMPLES)


@pytest.mark.parametrize("name", NAMES)
def test_metadata_do_not_matter_however_strange(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for body, place, upright in itertools.product(BODIES, ("before", "after"), (False, True)):
            content = png(SAMPLES, **{place: [chunk(name.encode(), body)]})
            np.testing.assert_array_equal(decode(content, "odd", upright=upright), SAMPLES)


def test_a_file_that_is_cut_behind_its_pixels_is_good():
    content = png(SAMPLES, after=[chunk(b"tEXt", b"key\0" + b"a" * 100)])
    np.testing.assert_array_equal(decode(content[:-50]), SAMPLES)


def refused(content, reason):
    with pytest.raises(DataError, match=f"picture: is broken or truncated .*{reason}"):
        decode(content, "picture")


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("colour", [GRAY, RGB, PALETTE])
def test_pixels_that_end_early_are_told(colour, interlaced):
    samples = np.ones((200, 40, CHANNELS[colour]), int)  # high: the last row is less than any pass of an interlaced one
    rows = scanlines(samples, 8, interlaced)
    palette = [chunk(b"PLTE", bytes(6))]
    for held in (len(rows) // 2, len(rows) - 1 - 40 * CHANNELS[colour]):
        refused(
            png(samples, 8, colour, interlaced=interlaced, before=palette, pixels=rows[:held]), "end early|truncated"
        )
    black = np.zeros_like(samples)
    assert not decode(png(black, 8, colour, interlaced=interlaced, before=palette)).any()  # all zero is not early


def test_a_changed_byte_of_the_pixels_is_told():
    content = bytearray(png(pixels_of(1, 40)))
    content[content.index(b"IDAT") + 40] ^= 1
    refused(bytes(content), "checksum of IDAT")


@pytest.mark.parametrize("size", [(100, 1_000_000), (10_000, 10_000), (90_000_000, 1)])
def test_a_forged_size_is_refused_before_memory_is_spent(size, monkeypatch):
    monkeypatch.setattr("minidelve.data.images.formats.png.PngImageFile", None)  # not even the decoder is made
    refused(MARK + header(*size) + chunk(b"IDAT", zlib.compress(bytes(9000))) + chunk(b"IEND", b""), "cannot hold")
