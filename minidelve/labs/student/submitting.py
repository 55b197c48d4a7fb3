"""A lab's work as one file to hand in: labN-NAME.zip, with the student's files, the answers and the numbers."""

from __future__ import annotations

import io
import re
import unicodedata
import zipfile

from minidelve.disk.files import read_file
from minidelve.disk.records import MOST_BYTES, parse
from minidelve.errors import UserError
from minidelve.labs.course import Lab
from minidelve.labs.student.experimenting import digest
from minidelve.labs.student.files import student_files
from minidelve.labs.student.folder import ANSWERS, KEPT, NUMBERS_FILE, Folder

NAME = re.compile(r"^Name:[ \t]*(\S.*?)[ \t]*$", re.MULTILINE)
LONGEST_NAME = 60
WHEN = (1980, 1, 1, 0, 0, 0)  # of every file in the zip: the same work is the same zip
INCOMPLETE = "--incomplete hands in what is there"


def to_hand_in(lab: Lab, folder: Folder, incomplete: bool = False) -> tuple[dict[str, bytes], list[str]]:
    """The files by their names in the zip, and remarks on them. UserError for what is missing or cannot be read.

    incomplete    what is wrong becomes a remark, and what is missing is left out
    """
    remarks: list[str] = []

    def wrong(error: UserError) -> None:
        if not incomplete:
            raise error
        remarks.append(str(error))

    texts: dict[str, str] = {}
    for each in lab.tried_on:
        try:
            files = student_files(each, folder.path)
            remarks += [f"{f.file}: {', '.join(f.left)} still to be written" for f in files.values() if f.left]
            texts |= {f.file: f.text for f in files.values()}
        except UserError as error:
            wrong(error)
    names = [*lab.files, f"lab{lab.number}/{ANSWERS}", f"lab{lab.number}/{NUMBERS_FILE}", f"{KEPT}/record.json"]
    contents = {}
    for name in names:
        try:
            contents[name] = content_of(lab, folder, name)
        except UserError as error:
            wrong(error)
    if numbers := contents.get(f"lab{lab.number}/{NUMBERS_FILE}"):
        remarks += outdated(numbers, texts, lab)
    return contents, remarks


def content_of(lab: Lab, folder: Folder, name: str) -> bytes:
    """The bytes of a file to hand in; UserError if it is missing or was not touched."""
    path = folder.path / name
    cures = {
        ANSWERS: f"`minidelve lab start {lab.number} {folder.path}` writes the page to fill in; {INCOMPLETE}",
        NUMBERS_FILE: f"`minidelve lab run {lab.number} {folder.path}` writes it; {INCOMPLETE}",
    }
    try:
        content = read_file(path, MOST_BYTES)
    except FileNotFoundError:
        raise UserError(f"{path} is missing", cure=cures.get(path.name, INCOMPLETE)) from None
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror or error})", cure=INCOMPLETE) from None
    before = folder.handed_out(name)
    if path.name == ANSWERS and before.is_file() and before.read_bytes() == content:
        raise UserError(f"{path} is as it was handed out", expected="your name and your answer", cure=INCOMPLETE)
    return content


def outdated(numbers: bytes, texts: dict[str, str], lab: Lab) -> list[str]:
    """A remark for numbers that came from other files than those that are handed in."""
    try:
        found = parse(numbers)["files"]
        changed = [file for file, text in texts.items() if found.get(file) != digest(text)]
    except (ValueError, KeyError, TypeError, AttributeError):
        return [f"lab{lab.number}/{NUMBERS_FILE} is not what `minidelve lab run` wrote"]
    return [f"{file} has changed since `minidelve lab run {lab.number}`: run it again" for file in changed]


def student_name(contents: dict[str, bytes], lab: Lab, given: str | None) -> str:
    """Whose work it is: as given, or as the answers say; UserError if neither does."""
    page = f"lab{lab.number}/{ANSWERS}"
    written = NAME.search(contents.get(page, b"").decode("utf-8", "replace"))
    if not (name := given or (written[1] if written else "")):
        raise UserError(f"{page} has no name", expected="a line `Name: ...`", cure="write it there, or give --student")
    plain = in_a_file_s_name(name)
    if not plain:
        raise UserError(f"the name {name!r} has no letter or digit", cure="give another with --student")
    return plain


def in_a_file_s_name(name: str) -> str:
    """A person's name as a part of a file's name.

    >>> in_a_file_s_name("Zoë van der Berg, 4711"), in_a_file_s_name("../..")
    ('Zoë-van-der-Berg-4711', '')
    """
    return re.sub(r"[^\w]+", "-", unicodedata.normalize("NFC", name)).strip("-_")[:LONGEST_NAME].rstrip("-_")


def packed(contents: dict[str, bytes]) -> bytes:
    """The zip."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name, WHEN), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()
