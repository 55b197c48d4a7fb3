"""The frame itself: what it finds, and that it leaves the files as they were."""

import json
import random
import time
import zipfile
from io import BytesIO

import pytest

from minidelve.errors import UserError
from tests.data.files import zip_bytes
from tests.fuzz import frame, mutations
from tests.fuzz.frame import Reader


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "numbers.json"
    path.write_text(json.dumps({"a": [1, 2, 3], "b": "text"}))
    return path


def reading(file, **options):
    def read():
        try:
            return json.loads(file.read_bytes())
        except (ValueError, RecursionError) as error:
            raise UserError("it is not JSON") from error

    return Reader("numbers", [file], read, **options)


def test_a_good_reader_passes_and_its_file_is_left_as_it_was(file, tmp_path):
    before = file.read_bytes()
    assert frame.fuzz(reading(file), 300, tmp_path) == 300
    assert file.read_bytes() == before


def refusing(error):
    def read():
        raise error

    return read


class Unedited(UserError):
    """A message that did not go through the door at which all are made printable and short."""

    def __str__(self):
        return self.raw

    def __init__(self, raw):
        super().__init__("")
        self.raw = raw


@pytest.mark.parametrize(
    ("read", "cause"),
    [
        (lambda: {}["a"], "KeyError from"),
        (refusing(Unedited("bad \x1b[31m value")), "not one printable line"),
        (refusing(Unedited("a" * 5000)), "message of 5000 letters"),
        (refusing(UserError("set allow_pickle=True")), "load unsafely"),
        (lambda: time.sleep(2), "TimeoutError"),
        (lambda: sum(range(10**7)), "it took"),
        (lambda: 2, "taken silently"),
    ],
)
def test_what_is_no_good_reader_is_found(file, tmp_path, monkeypatch, read, cause):
    monkeypatch.setattr(frame, "HANG", 0.05)
    monkeypatch.setattr(frame, "STUCK", 0.5)
    values = iter([lambda: 1])  # the untouched file is read first
    reader = Reader("bad", [file], lambda: next(values, read)(), checked=True)
    with pytest.raises(AssertionError, match=cause):
        frame.fuzz(reader, 1, tmp_path)
    assert list(tmp_path.glob("bad-0-*"))


def test_a_change_that_a_checksum_could_tell_is_found(file, tmp_path):
    with pytest.raises(AssertionError, match="taken silently"):
        frame.fuzz(reading(file, mutations=[mutations.json_of], checked=True), 50, tmp_path)


def test_cases_are_the_same_in_every_run():
    content = b'{"a": 1}'
    for mutation in (mutations.bytes_of, mutations.json_of):
        drawn = [[mutation(random.Random(i), content) for i in range(200)] for _ in range(2)]
        assert drawn[0] == drawn[1] and len(set(drawn[0])) > 50


def test_a_mutated_zip_has_right_checksums():
    whole = zip_bytes([("a", b"a" * 100), ("b", b"b" * 100)])
    changed = 0
    for i in range(100):
        with zipfile.ZipFile(BytesIO(mutations.members_of()(random.Random(i), whole))) as file:
            assert file.testzip() is None
            changed += [file.read(info) for info in file.infolist()] != [b"a" * 100, b"b" * 100]
    assert changed > 60
