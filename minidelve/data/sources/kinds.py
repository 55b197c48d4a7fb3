"""What a file is, told by its first bytes: an archive that is read in place, or something that is known by name."""

import os
from typing import NamedTuple

from minidelve.data.sources.zip_directory import ZIP_END, ZIP_MARK
from minidelve.disk.files import open_file


class Kind(NamedTuple):
    """What to call a file, and what to do with one that is no data set; no advice for an archive that is read."""

    name: str
    advice: str = ""


ZIP, TAR = Kind("a zip archive"), Kind("a tar archive")
PICTURE = "give the folder that its class folders lie in (or try one picture: minidelve predict RUN PICTURE)"
CONVERT = "give a folder of class folders; the pictures in them may be JPEG, PNG or WebP"
UNPACK = "unpack other archives first"
BEGINNINGS = {
    b"\xff\xd8\xff": Kind("a picture (JPEG)", PICTURE),
    b"\x89PNG\r\n": Kind("a picture (PNG)", PICTURE),
    b"GIF8": Kind("a picture (GIF)", CONVERT),
    b"II*\0": Kind("a picture (TIFF)", CONVERT),
    b"MM\0*": Kind("a picture (TIFF)", CONVERT),
    b"\x1f\x8b": Kind("compressed (gzip)", f"decompress a .tar.gz first (gunzip), {UNPACK}"),
    b"BZh": Kind("compressed (bzip2)", f"decompress a .tar.bz2 first (bunzip2), {UNPACK}"),
    b"\xfd7zXZ\0": Kind("compressed (xz)", f"decompress a .tar.xz first (unxz), {UNPACK}"),
    b"\x28\xb5\x2f\xfd": Kind("compressed (Zstandard)", f"decompress a .tar.zst first (unzstd), {UNPACK}"),
    b"7z\xbc\xaf\x27\x1c": Kind("a 7z archive", UNPACK),
    b"Rar!\x1a\x07": Kind("a RAR archive", UNPACK),
    b"\x93NUMPY": Kind("an array of NumPy's", "give images"),
    b"\x89HDF\r\n": Kind("an HDF5 file", "give images"),
}


def kind_of(path: str | os.PathLike[str]) -> Kind:
    """What the file is; a zip if nothing is known of it. Raises OSError.

    A tar is told by the mark in its first header, or else by its suffix; a zip by its end, for it may begin with
    anything.
    """
    with open_file(path) as file:
        head = file.read(2**12)
        file.seek(max(0, os.fstat(file.fileno()).st_size - ZIP_END))
        is_zip = ZIP_MARK in file.read(ZIP_END)
    if head[257:262] == b"ustar":
        return TAR
    if is_zip:
        return ZIP
    if str(path).lower().endswith(".tar"):
        return TAR
    for beginning, kind in BEGINNINGS.items():
        if head.startswith(beginning):
            return kind
    if head[4:8] == b"ftyp":
        return Kind("a picture or a film (HEIC, AVIF, MP4)", CONVERT)
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return Kind("a picture (WebP)", PICTURE)
    return Kind("a text file", "give the folder or archive that the images lie in") if _is_text(head) else ZIP


def _is_text(head: bytes) -> bool:
    """Whether bytes from the beginning of a file read as text: UTF-8 without control characters."""
    try:
        # The last character may be cut.
        text = head.decode(errors="strict") if len(head) < 2**12 else head[:-3].decode(errors="ignore")
    except UnicodeDecodeError:
        return False
    return bool(text) and all(character.isprintable() or character in "\t\r\n\f\ufeff" for character in text)
