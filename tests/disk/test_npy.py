"""npy.py: what NumPy wrote is read to the bit; what a file only says of itself is not believed."""

import io
import os
import struct
import zipfile

import numpy as np
import pytest

from minidelve.disk import npy
from minidelve.disk.npy import FLOATS, open_npz, read_npy, read_text


def npy_of(array):
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def read(content, size=None):
    return read_npy(io.BytesIO(content), len(content) if size is None else size, FLOATS, "floats")


@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<f2"])
def test_arrays_of_any_order_and_shape_are_as_they_were(dtype):
    x = np.arange(24).reshape(2, 3, 4).astype(dtype)
    for array in (x, np.asfortranarray(x), x[0, 0], x[:0], x[0, 0, 0]):
        found = read(npy_of(array))
        np.testing.assert_array_equal(found, array)
        assert found.dtype == array.dtype and found.flags.c_contiguous


def test_a_header_has_to_fit_the_bytes_of_its_file():
    content = npy_of(np.arange(6.0))
    for wrong in (content[:-1], content + b"\0", content[:-48], content.replace(b"(6,)", b"(5,)")):
        for size in {len(content), len(wrong)}:
            with pytest.raises(ValueError, match="does not fit its|ends too early|longer than its header"):
                read(wrong, size)
    with pytest.raises(ValueError, match="it holds '<i8'; expected floats"):
        read(npy_of(np.arange(3)))
    with pytest.raises(ValueError, match="it has no header of a .npy file"):
        read(b"\x93NUMPY\x02" + content[7:])


def test_a_text_is_one_text_of_bounded_length(monkeypatch):
    content = npy_of(np.array("naïve 猫"))
    assert read_text(io.BytesIO(content), len(content)) == "naïve 猫"
    for wrong in (npy_of(np.array(["a", "b"])), npy_of(np.arange(2.0))):
        with pytest.raises(ValueError, match="expected one text"):
            read_text(io.BytesIO(wrong), len(wrong))
    monkeypatch.setattr(npy, "MOST_LETTERS", 7)
    with pytest.raises(ValueError, match="its text of 8 letters .* is too long"):
        read_text(io.BytesIO(npy_of(np.array("8letters"))), len(npy_of(np.array("8letters"))))


def archive(path, entries, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in entries:
            file.writestr(name, content)
    return path


def test_entries_are_read_by_name_and_each_is_there_once(tmp_path):
    one, two = npy_of(np.arange(3.0)), npy_of(np.array("text"))
    with open_npz(archive(tmp_path / "a.npz", [("b.npy", one), ("a.npy", two)])) as entries:
        assert entries.names == ["b", "a"] and entries.text("a") == "text" and entries.floats("b").tolist() == [0, 1, 2]
        with pytest.raises(ValueError, match="it has no entry c"):
            entries.floats("c")
    with pytest.warns(UserWarning, match="Duplicate"):
        archive(tmp_path / "b.npz", [("a.npy", one), ("a.npy", one)])
    for twice in (tmp_path / "b.npz", archive(tmp_path / "c.npz", [("a.npy", one), ("a", one)])):
        with pytest.raises(ValueError, match="one of its entries is in it twice"), open_npz(twice):
            pass


def test_what_unfolds_to_much_more_than_the_file_is_refused(tmp_path):
    """Also in an entry that nobody asks for."""
    content = npy_of(np.zeros(2**19))  # 4 MiB
    few = archive(tmp_path / "few.npz", [(f"{i}.npy", content) for i in range(3)], zipfile.ZIP_DEFLATED)
    with open_npz(few) as entries:
        assert not entries.floats("2").any()
    many = archive(tmp_path / "many.npz", [(f"{i}.npy", content) for i in range(5)], zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="its entries unfold to 21 MB"), open_npz(many):
        pass


def test_other_compressions_are_refused_before_they_unfold(tmp_path):
    path = archive(tmp_path / "a.npz", [("a.npy", npy_of(np.zeros(9)))], zipfile.ZIP_BZIP2)
    with open_npz(path) as entries, pytest.raises(ValueError, match="a is compressed in an unusual way"):
        entries.floats("a")


def test_a_changed_byte_of_an_array_is_seen(tmp_path):
    path = archive(tmp_path / "a.npz", [("a.npy", npy_of(np.full(9, 2.0)))])
    path.write_bytes(path.read_bytes().replace(struct.pack("<d", 2.0), struct.pack("<d", 4.0), 1))
    with open_npz(path) as entries, pytest.raises(zipfile.BadZipFile):
        entries.floats("a")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes among its files")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "best.npz")
    with pytest.raises(OSError, match="it is a pipe, not a file"), open_npz(tmp_path / "best.npz"):
        pass
