"""A submission comes from outside: it is read into its own folder, or refused by one line that says why."""

import contextlib
import io
import os
import stat
import struct
import zipfile
import zlib

import pytest

from minidelve.errors import DataError
from minidelve.labs.lecturer import submission
from minidelve.labs.lecturer.submission import unpacked
from tests.data.files import zip_bytes
from tests.helpers import raises

FILE = ("kernels/reference/prelu.py", b"def prelu_forward(): ...")
ANSWERS = ("lab3/answers.md", b"Anna")


def given(folder, members=(FILE, ANSWERS), name="lab3-anna.zip"):
    path = folder / name
    path.write_bytes(members if isinstance(members, bytes) else zip_bytes(members))
    return path


def files_in(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def into(tmp_path):
    (tmp_path / "fresh").mkdir()
    return tmp_path / "fresh"


def refused(path, into, *named):
    """One line; and nothing lies outside the fresh folder."""
    before = set(path.parent.rglob("*"))
    raises(DataError, lambda: unpacked(path, into), *named)
    assert {p for p in set(path.parent.rglob("*")) - before if into not in p.parents} == set()


def test_a_zip_is_read_whole(tmp_path, into):
    record = (".course/record.json", b"{}")
    assert unpacked(given(tmp_path, [FILE, ANSWERS, record]), into) == [FILE[0], ANSWERS[0], record[0]]
    assert files_in(into) == dict([FILE, ANSWERS, record])


@pytest.mark.parametrize("around", ["my lab 3/", "a/b/", "./"])
def test_folders_around_everything_are_taken_off(tmp_path, into, around):
    junk = ("__MACOSX/._x", b"-"), (around + ".DS_Store", b"-"), (around + "kernels/__pycache__/x.pyc", b"-")
    path = given(tmp_path, [(around + name, content) for name, content in (FILE, ANSWERS)] + [*junk])
    unpacked(path, into)
    assert files_in(into) == dict([FILE, ANSWERS])


def test_a_lonely_file_keeps_its_folders(tmp_path, into):
    assert unpacked(given(tmp_path, [FILE]), into) == [FILE[0]]


def test_names_with_backslashes_are_read_so(tmp_path, into):
    assert unpacked(given(tmp_path, [("kernels\\reference\\prelu.py", FILE[1])]), into) == [FILE[0]]


def test_a_folder_is_a_submission_too(tmp_path, into):
    (tmp_path / "anna" / "kernels" / "reference").mkdir(parents=True)
    (tmp_path / "anna" / FILE[0]).write_bytes(FILE[1])
    assert unpacked(tmp_path / "anna", into) == [FILE[0]]


def test_a_folder_with_a_zip_in_it_is_that_zip(tmp_path, into):
    (tmp_path / "Anna_12_assignsubmission_file_").mkdir()
    given(tmp_path / "Anna_12_assignsubmission_file_")
    assert len(unpacked(tmp_path / "Anna_12_assignsubmission_file_", into)) == 2


@pytest.mark.parametrize("name", [
    "../evil.py", "kernels/../../evil.py", "/etc/evil", "C:/evil.py", "c:evil", "..\\evil.py", "\\evil",
    "kernels/C:/evil.py", "kernels/a:b.py", "nul.py", "kernels/evil.py.", "kernels/evil\n.py", "kernels/" + "a" * 300,
])  # fmt: skip
def test_a_name_that_means_another_place_is_refused(tmp_path, into, name):
    refused(given(tmp_path, [FILE, (name, b"x")]), into)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK])
def test_links_and_devices_are_refused(tmp_path, into, kind):
    info = zipfile.ZipInfo("kernels/link")
    info.external_attr, info.create_system = (kind | 0o777) << 16, 3
    refused(given(tmp_path, [FILE, (info, b"/etc/passwd")]), into, "link or a device")


@pytest.mark.parametrize("second", ["lab3/answers.md", "LAB3/Answers.md", "lab3//answers.md", "lab3/./answers.md"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice_is_refused(tmp_path, into, second):
    refused(given(tmp_path, [FILE, ANSWERS, (second, b"x")]), into, "twice")


def test_one_name_in_two_forms_of_unicode_is_there_twice(tmp_path, into):
    refused(given(tmp_path, [("lab3/\xe9.png", b""), ("lab3/e\u0301.png", b"")]), into, "twice")


def test_a_long_name_is_a_short_student():
    assert submission.student_of(f"lab3-{'a' * 59}_{'b' * 40}.zip", 3) == "a" * 59


def test_an_encrypted_member_is_refused(tmp_path, into):
    content = bytearray(zip_bytes([FILE]))
    at = content.index(b"PK\1\2")
    content[at + 8] |= 1
    refused(given(tmp_path, bytes(content)), into, "encrypted")


def test_a_huge_member_is_refused_as_it_is_read(tmp_path, into):
    content = zip_bytes([("kernels/zeros", bytes(submission.MOST_FILE + 1))], compression=zipfile.ZIP_DEFLATED)
    refused(given(tmp_path, content), into, "MiB")
    declared = bytearray(content)  # as if it were small
    at = declared.index(b"PK\1\2")
    struct.pack_into("<L", declared, at + 24, 10)
    struct.pack_into("<L", declared, at + 16, zlib.crc32(bytes(10)))
    refused(given(tmp_path, bytes(declared), "other.zip"), into, "kernels/zeros")


def test_a_bomb_of_many_members_is_refused(tmp_path, into, monkeypatch):
    monkeypatch.setattr(submission, "MOST_BYTES", 2**20)
    members = [(f"kernels/{i}", os.urandom(2**10) * 300) for i in range(4)]
    refused(given(tmp_path, zip_bytes(members, compression=zipfile.ZIP_DEFLATED)), into, "more than 1 MiB")


def test_a_ratio_that_no_source_has_is_refused(tmp_path, into):
    refused(given(tmp_path, zip_bytes([("kernels/a", bytes(2**20))], compression=zipfile.ZIP_DEFLATED)), into, "times")


def test_a_submission_of_too_many_files_is_refused(tmp_path, into, monkeypatch):
    monkeypatch.setattr(submission, "MOST_FILES", 5)
    refused(given(tmp_path, [(f"kernels/{i}.py", b"") for i in range(6)]), into, "more than 5 files")
    refused(given(tmp_path, [(f"kernels/{i}/", b"") for i in range(30)], "other.zip"), into, "more than 5 files")


@pytest.mark.parametrize("content", [b"", b"Rar!\x1a\x07", b"name,points\n", zip_bytes([FILE])[:-30]])
def test_what_is_no_zip_is_refused(tmp_path, into, content):
    refused(given(tmp_path, content), into, "lab3-anna.zip")


def test_a_zip_of_nothing_is_refused(tmp_path, into):
    refused(given(tmp_path, []), into, "holds no files")


def test_a_large_zip_is_refused_unread(tmp_path, into):
    path = given(tmp_path)
    os.truncate(path, submission.MOST_PACKED + 1)
    refused(path, into, "at most 16")


@pytest.mark.skipif(os.name == "nt", reason="Windows makes links only for administrators")
def test_links_in_a_folder_are_refused(tmp_path, into):
    (tmp_path / "anna").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "private").write_text("x")
    (tmp_path / "anna" / "kernels").symlink_to(tmp_path / "elsewhere")
    refused(tmp_path / "anna", into, "anna/kernels", "link")
    (tmp_path / "berta").symlink_to(tmp_path / "anna")
    refused(tmp_path / "berta", into, "is a link")
    os.mkfifo(tmp_path / "lab3-carl.zip")
    refused(tmp_path / "lab3-carl.zip", into, "pipe")


def test_random_damage_is_one_line_or_harmless(tmp_path, into, rng):
    """Nothing is written outside, and nothing but DataError is raised, whatever bytes have changed."""
    good = zip_bytes([FILE, ANSWERS], compression=zipfile.ZIP_DEFLATED)
    for trial in range(300):
        content = bytearray(good)
        for place in rng.integers(0, len(good), 3):
            content[place] = rng.integers(256)
        fresh = into / str(trial)
        fresh.mkdir()
        with contextlib.suppress(DataError):
            unpacked(given(tmp_path, bytes(content)), fresh)
    assert sorted(os.listdir(tmp_path)) == ["fresh", "lab3-anna.zip"]


def test_a_place_that_cannot_be_written_is_refused(tmp_path, into):
    refused(given(tmp_path, [FILE, ("/".join(["d" * 90] * 60), b"")]), into, "cannot be written")


def test_a_zip_with_something_before_it_is_read(tmp_path, into):
    content = io.BytesIO(b"#!/bin/sh\n" + zip_bytes([FILE])).getvalue()
    assert unpacked(given(tmp_path, content), into) == [FILE[0]]
