"""What a message may look like: one printable line of bounded length, whatever stands in it."""

import pytest

from minidelve import errors
from minidelve.errors import DataError, RunError, UserError, one_line, shown

STRANGE = [
    "a" * 5000, "a " * 5000, "two\nlines", "\x1b[2J", "\r", "\t", "\0", "\u202e", "\u2028", "\u200b", "\xad", "\udcff",
    "\U000e0001", b"bytes\n", b"\xff" * 5000, 10**5000, -(10**5000), [10**5000], ["a" * 5000] * 5000,
    {"a" * 5000: [[[[[1]]]]]},
    {"a": {"b": {"c": {"d": {"e": 1}}}}}, float("nan"), None, True, (), set(), object(), ["\n"] * 3,
]  # fmt: skip


@pytest.mark.parametrize("value", STRANGE, ids=range(len(STRANGE)))
def test_any_value_is_shown_on_one_short_line(value):
    for text in (shown(value), str(RunError(shown(value), expected=shown(value), cure=shown(value)))):
        assert text.isprintable() and 1 <= len(text) < 300
    text.encode("utf-8")


@pytest.mark.parametrize("text", [value for value in STRANGE if isinstance(value, str)], ids=range(13))
def test_a_message_stays_one_line_whatever_is_put_into_it(text):
    message = str(DataError(f"{text}: is {text!r}", expected=text, cure=f"take {text}"))
    assert message.isprintable() and len(message) < 2500 and "; expected " in message and "; take " in message


def test_escapes_tell_what_was_there():
    assert str(UserError("a\nb\x1b\u202e\udcff")) == r"a\nb\x1b\u202e\udcff"
    assert shown("it's") == '"it\'s"' and shown("naïve 漢字") == "'naïve 漢字'"


def test_bytes_are_shown_as_text_also_where_a_library_put_them():
    assert shown(b"hello\n") == r"'hello\n'"
    said = "invalid literal for int() with base 10: b'hello\\n'"
    assert one_line(said) == "invalid literal for int() with base 10: 'hello\\n'"
    assert one_line("lib'x' and b\"it's\"") == "lib'x' and \"it's\""
    assert len(one_line(f"header b'{chr(92)}xff{'a' * 5000}' differs")) < 120


def test_beginning_and_end_of_what_is_long_are_kept():
    path = "/data/" + "a" * 300 + "/train/1.png"
    message = str(DataError(f"{path}: is broken", cure="fetch it again"))
    assert message.startswith("/data/aaa") and "aaa/train/1.png: is broken; fetch it again" in message
    assert len(message) < len(path) and len(path) > errors.LONGEST_WORD > 200  # most paths stay whole


def test_an_empty_part_is_left_out():
    assert str(UserError("it is wrong")) == "it is wrong"
    assert str(UserError("it is wrong", cure="mend it")) == "it is wrong; mend it"
