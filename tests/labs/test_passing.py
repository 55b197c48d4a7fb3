"""What passes to and from the process of a student's code: unchanged, and read without trust."""

import io
import json
import pickle
from contextlib import suppress

import numpy as np
import pytest

from minidelve.labs.task import Task
from minidelve.labs.trial import calling, passing
from minidelve.labs.trial.calling import Observation

CASE = ("two rows", "float32")
MOST = 2**20


def sent(*parts: tuple[dict, bytes]) -> io.BytesIO:
    return io.BytesIO(b"".join(json.dumps(record).encode() + b"\n" + content for record, content in parts))


def seen(**changes) -> tuple[dict, bytes]:
    """A good record of a call, some of it changed."""
    record, content = passing.as_record("f", CASE, Observation({"y": np.arange(3.0)}, seconds=0.5))
    return record | changes, content


def test_inputs_come_as_they_were_given(tmp_path):
    inputs = {
        "x": np.asfortranarray(np.arange(6.0, dtype=np.float32).reshape(2, 3)), "n": 3, "slope": 0.25, "name": "he",
        "flag": True, "none": None, "pair": (1, (2.5, None)), "several": [np.arange(2), "a"], "empty": np.zeros((0, 3)),
        "scalar": np.float32(1.5), "zero": np.array(4), "by name": {"W": np.ones(2), 3: "three"},
    }  # fmt: skip
    passing.write_cases(tmp_path / "0.npz", {CASE: inputs, ("b", "float64"): {"x": np.array([np.nan, np.inf])}})
    read = passing.read_cases(tmp_path / "0.npz")
    assert list(read) == [CASE, ("b", "float64")]
    np.testing.assert_equal(read[CASE], inputs)
    for name in ("x", "empty", "scalar", "zero"):
        assert (type(read[CASE][name]), read[CASE][name].dtype) == (type(inputs[name]), inputs[name].dtype)
    assert type(read[CASE]["pair"]) is tuple and type(read[CASE]["several"]) is list
    np.testing.assert_array_equal(read["b", "float64"]["x"], [np.nan, np.inf])


def test_an_input_that_is_no_data_is_refused(tmp_path):
    with pytest.raises(TypeError, match="an input is a function; expected arrays"):
        passing.write_cases(tmp_path / "0.npz", {CASE: {"f": len and (lambda: 0)}})


@pytest.mark.parametrize("x", [
    np.arange(6.0).reshape(2, 3).T, np.array(2.5), np.array(True), np.zeros((0, 4), np.float32), np.array("a text"),
    np.array([1 + 2j]), np.arange(3, dtype=np.uint8), np.array([np.nan, -np.inf]), np.arange(3, dtype=">i4"),
    np.float16([1, 2]),
], ids=str)  # fmt: skip
def test_outputs_come_back_as_they_are(x):
    told = Observation({"y": x}, "", "", False, ("x",), ("y",), 0.25)
    (record,) = passing.records(sent(passing.as_record("f", CASE, told)), MOST)
    assert (record["task"], record["case"]) == ("f", CASE)
    back = record["seen"]
    np.testing.assert_array_equal(back.outputs["y"], x, strict=True)
    assert (back.modified, back.again, back.seconds) == (("x",), ("y",), 0.25)


def test_an_error_is_one_line():
    told = Observation(error="ValueError: two\nlines \x1b[31m" + "a" * 5000, line="a.py:3", blank=True)
    (record,) = passing.records(sent(passing.as_record("f", CASE, told)), MOST)
    back = record["seen"]
    assert back.error.startswith("ValueError: two\\nlines \\x1b[31m") and len(back.error) <= 200
    assert (back.line, back.blank) == ("a.py:3", True)


def test_a_long_text_comes_back_cut():
    (record,) = passing.records(sent(passing.as_record("f", CASE, Observation({"y": np.array("a" * 5000)}))), MOST)
    assert str(record["seen"].outputs["y"]) == "a" * 200


def npy_of(x) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(x, object), allow_pickle=True)
    return file.getvalue()


PICKLED, HUGE = npy_of([print]), passing.as_npy(np.zeros(2)).replace(b"(2,), ", b"(2000000000000,), ")
BAD = {
    "no JSON": b"{\n", "a number": b"7\n", "a list": b"[]\n", "NaN": b'{"seconds": NaN}\n', "no end": b'{"a": 1}',
    "a line without end": b'{"a": "' + b"x" * passing.LONGEST_LINE + b'"}\n', "bytes": b"\xff\xfe\n",
    "what a call gave, from there": b'{"seen": 5, "task": "f", "case": ["a", "float64"]}\n',
    "how it ended, from there": b'{"ended": ["time"]}\n', "deep": b"[" * 60_000 + b"\n",
    "too many outputs": sent(seen(outputs=[["y", 1]] * 1000)).read(),
    "a size below 0": sent(seen(outputs=[["y", -1]])).read(),
    "a size that is a truth": sent(seen(outputs=[["y", True]])).read(),
    "a huge size": sent(seen(outputs=[["y", 10**9]])).read(),
    "a size that is a text": sent(seen(outputs=[["y", "1"]])).read(),
    "a name that is a list": sent(seen(outputs=[[["y"], 10]])).read(),
    "half a pair": sent(seen(outputs=[["y"]])).read(),
    "outputs that are no list": sent(seen(outputs=3)).read(),
    "seconds below 0": sent(seen(seconds=-1)).read(), "seconds as text": sent(seen(seconds="1")).read(),
    "no error": sent(seen(error=None)).read(), "no case": sent(seen(case=None)).read(),
    "too much modified": sent(seen(modified=["x"] * 101)).read(),
    "modified by a number": sent(seen(modified=[1])).read(),
    "a size too short": sent(seen(outputs=[["y", 100]])).read(),
    "a size too long": sent(seen(outputs=[["y", 10_000]])).read(),
    "a pickle": sent((seen(outputs=[["y", len(PICKLED)]])[0], PICKLED)).read(),
    "a shape too large": sent((seen(outputs=[["y", len(HUGE)]])[0], HUGE)).read(),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_a_record_that_is_none_is_refused(kind):
    with pytest.raises((ValueError, EOFError, RecursionError)):
        list(passing.records(io.BytesIO(BAD[kind]), MOST))


def test_the_pickle_above_would_have_been_one():
    assert pickle.loads(PICKLED[PICKLED.index(b"\n") + 1 :]).tolist() == [print]


def test_no_more_is_read_than_is_allowed():
    many = sent(*[seen() for _ in range(50)])
    read = []
    with pytest.raises(ValueError, match="too"):
        for record in passing.records(many, 4000):
            read.append(record)
    assert 0 < len(read) < 15 and many.tell() < 4600


@pytest.mark.parametrize("seed", range(20))
def test_damaged_records_raise_nothing_else(seed):
    rng = np.random.default_rng(seed)
    content = bytearray(sent(seen(), seen()).read())
    for _ in range(100):
        damaged = bytearray(content)
        for at in rng.integers(0, len(content), rng.integers(1, 6)):
            damaged[at] = rng.integers(0, 256)
        with suppress(ValueError, EOFError, RecursionError):
            list(passing.records(io.BytesIO(bytes(damaged)), MOST))


@pytest.mark.parametrize("x", [b"bytes", object(), np.datetime64("2015-12-11"), [1, "a", None], np.zeros(2, "f4, f4")])
def test_a_result_that_is_no_number_and_no_text_is_an_error(x):
    with pytest.raises(TypeError, match="expected an array of numbers"):
        calling.as_output("y", x)


def test_alike_is_alike_in_shape_dtype_and_every_bit():
    x = np.array([1.0, np.nan])
    assert calling.same(x, x.copy()) and calling.same(np.array("a"), np.array("a"))
    others = [x.astype(np.float32), x[None], np.array([1.0, 2.0]), np.array([np.nextafter(1, 2), np.nan]), None]
    assert not any(calling.same(x, other) for other in others)


def test_the_deepest_line_in_the_student_s_files_is_told():
    frames = [("/a/f.py", 1), ("/a/g.py", 2), ("C:\\a\\f.py", 3), ("/numpy/core.py", 4), ("/a/ff.py", 5)]
    assert calling.deepest(frames, ["f.py", "g.py"]) == "f.py:3" and calling.deepest(frames, ["h.py"]) == ""


def test_each_call_has_inputs_of_its_own_and_the_first_is_looked_at():
    calls = []

    def call(x):
        calls.append(x)
        if len(calls) == 1:
            x += 1
        return {"y": x}

    given = np.arange(3.0)
    seen = calling.observe(Task("f", (), 1, None, call), {"x": given})
    assert (seen.modified, seen.again, len(calls)) == (("x",), ("y",), 2)
    np.testing.assert_array_equal(given, np.arange(3.0))


def test_only_a_lab_s_blank_is_a_blank():
    def call(x):
        raise NotImplementedError(x)

    task = Task("f", (), 1, None, call)
    assert calling.observe(task, {"x": "lab 3: f"}).blank and not calling.observe(task, {"x": "later"}).blank
