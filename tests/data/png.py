"""PNG files written chunk by chunk: every depth, colour type and interlacing, and what the metadata may hold.

Pillow writes few of them, and what it reads should be held against samples that are known.
"""

import zlib
from collections.abc import Sequence

import numpy as np

MARK = b"\x89PNG\r\n\x1a\n"
GRAY, RGB, PALETTE, GRAY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
CHANNELS = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, RGB_ALPHA: 4}
DEPTHS = {GRAY: (1, 2, 4, 8, 16), RGB: (8, 16), PALETTE: (1, 2, 4, 8), GRAY_ALPHA: (8, 16), RGB_ALPHA: (8, 16)}
# Adam7: first column, first row, and the steps to the next.
PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(name: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")


def header(width: int, height: int, depth: int = 8, colour: int = RGB, interlaced: bool = False) -> bytes:
    return chunk(
        b"IHDR",
        width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([depth, colour, 0, 0, interlaced]),
    )


def png(
    samples: np.ndarray,
    depth: int = 8,
    colour: int = RGB,
    *,
    interlaced: bool = False,
    before: Sequence[bytes] = (),
    after: Sequence[bytes] = (),
    pixels: bytes | None = None,
) -> bytes:
    """The bytes of a PNG with these samples, (H, W) or (H, W, channels), each in [0, 2**depth).

    before, after    whole chunks that lie before and after the pixels
    pixels           what to compress in place of the samples
    """
    height, width = samples.shape[:2]
    content = scanlines(samples, depth, interlaced) if pixels is None else pixels
    chunks = [
        header(width, height, depth, colour, interlaced),
        *before,
        chunk(b"IDAT", zlib.compress(content)),
        *after,
        chunk(b"IEND", b""),
    ]
    return MARK + b"".join(chunks)


def scanlines(samples: np.ndarray, depth: int, interlaced: bool = False) -> bytes:
    """The samples as PNG packs them, each row after the filter byte 0."""
    samples = samples.reshape(*samples.shape[:2], -1)
    passes = [samples[y::dy, x::dx] for x, y, dx, dy in PASSES] if interlaced else [samples]
    return b"".join(b"\0" + row for part in passes if part.size for row in map(packed(depth), part))


def packed(depth):
    def row_bytes(row: np.ndarray) -> bytes:
        if depth == 16:
            return row.astype(">u2").tobytes()
        if depth == 8:
            return row.astype(np.uint8).tobytes()
        bits = (row.reshape(-1, 1) >> np.arange(depth - 1, -1, -1)) & 1  # the most significant first
        return np.packbits(bits.astype(np.uint8)).tobytes()

    return row_bytes


def seen(samples: np.ndarray, depth: int, colour: int, palette=None, transparent=None) -> np.ndarray:
    """The uint8 (H, W, 3) that the PNG specification gives these samples, laid on white, within a level.

    palette        (n, 3), for PALETTE
    transparent    tRNS: the alpha of each palette entry, or the sample (gray or RGB) that is transparent
    """
    samples = samples.reshape(*samples.shape[:2], -1).astype(np.int64)
    if colour == PALETTE:
        rgb = np.asarray(palette)[samples[:, :, 0]]
        alpha = np.full(256, 255)
        alpha[: len(transparent or [])] = transparent or []
        alpha = alpha[samples[:, :, :1]]
    else:
        level = samples >> 8 if depth == 16 else samples * 255 // (2**depth - 1)
        if colour in (GRAY_ALPHA, RGB_ALPHA):
            rgb, alpha = level[:, :, :-1], level[:, :, -1:]
        else:
            key = samples == np.asarray(transparent) if transparent is not None else np.zeros_like(samples, bool)
            rgb, alpha = level, np.where(key.all(axis=2, keepdims=True), 0, 255)
    laid = np.round((rgb * alpha + 255 * (255 - alpha)) / 255)
    return np.broadcast_to(laid, (*samples.shape[:2], 3)).astype(np.uint8)
