"""The bytes of images and archives that tests are made of."""

import io
import tarfile
import zipfile
import zlib

import numpy as np
from PIL import Image


def pixels_of(seed, size=8):
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)


def encode(pixels, format="PNG", mode=None, **options) -> bytes:
    """The bytes of an image file; it is converted to the mode first."""
    image, file = Image.fromarray(np.asarray(pixels)), io.BytesIO()
    (image.convert(mode) if mode else image).save(file, format, **options)
    return file.getvalue()


def huge_png(width, height) -> bytes:
    """A PNG of that many black pixels, in few bytes."""

    def chunk(name, data):
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x00\x00\x00\x00"
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def tar_bytes(members, mode="w", **options) -> bytes:
    """A tar; a member is (name, bytes) or a TarInfo without content."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode, **options) as archive:
        for member in members:
            info, content = (special(member[0]), member[1]) if isinstance(member, tuple) else (member, b"")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def special(name, kind=tarfile.REGTYPE, target="") -> tarfile.TarInfo:
    """A member of a tar: a file, or a link, a device, a pipe."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zip_bytes(members, **options) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()
