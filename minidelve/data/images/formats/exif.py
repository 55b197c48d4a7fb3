"""The one thing of EXIF that concerns pixels: which way up they are to be shown.

EXIF is a TIFF without a picture: a byte order ("II" is little-endian, "MM" big-endian), the number 42, and where the
first directory lies. That is a count, and 12 bytes for each entry: tag, type, number of values, value.
(EXIF 2.32, section 4.6; tag 0x0112, Orientation.)

    1  as it is          2  mirror it          3  turn it by 180 degrees     4  mirror it top to bottom
    5  transpose it      6  turn it right      7  transpose it the other way  8  turn it left
"""

from typing import Literal

import numpy as np

ORIENTATION = 0x0112
BYTES_OF_TYPE = {1: 1, 3: 2, 4: 4}  # BYTE, SHORT, LONG


def orientation(exif: bytes) -> int:
    """The orientation, 1 to 8; 1 wherever the EXIF is broken or silent, for then nothing is known to be turned."""
    if exif[:2] not in (b"II", b"MM"):
        return 1
    order: Literal["little", "big"] = "little" if exif[:2] == b"II" else "big"

    def number(at: int, size: int) -> int:
        return int.from_bytes(exif[at : at + size], order)

    directory = number(4, 4)
    first, entries = directory + 2, number(directory, 2)
    for at in range(first, min(first + 12 * entries, len(exif) - 11), 12):
        if number(at, 2) == ORIENTATION:
            value = number(at + 8, BYTES_OF_TYPE.get(number(at + 2, 2), 0))
            return value if 1 <= value <= 8 else 1
    return 1


def upright(image: np.ndarray, exif: bytes) -> np.ndarray:
    """`image` (H, W, 3) as its EXIF says that it is to be shown: (H, W, 3) or (W, H, 3)."""
    return turned(image, orientation(exif))


def turned(image: np.ndarray, way: int) -> np.ndarray:
    """`image` (H, W, 3) turned and mirrored as orientation `way` asks for; as it is for any but 2 to 8."""
    if way in (5, 6, 7, 8):
        image = image.transpose(1, 0, 2)
    if way in (3, 4, 7, 8):
        image = image[::-1]
    if way in (2, 3, 6, 7):
        image = image[:, ::-1]
    return np.ascontiguousarray(image)
