"""records.py: what is of a kind and what is not, in which words; what a seal sees."""

import json

import pytest

from minidelve.disk import records
from minidelve.disk.records import check, integer, list_of, map_of, maybe, number, one_of, record, sealed, unsealed

NAN = float("nan")


@pytest.mark.parametrize(("kind", "good", "bad"), [
    (integer(0), [0, 7, 2**63 - 1], [-1, 2**63, True, False, 1.0, "1", None]),
    (integer(2, 4), [2, 4], [1, 5]),
    (number(), [0, -1.5, 1e300], [NAN, float("inf"), -float("inf"), True, "1", None, 10**400]),
    (number(0, 1), [0, 0.5, 1], [-1e-9, 1.01, NAN]),
    (records.text, ["", "a"], [1, None, b"a"]),
    (records.switch, [True, False], [1, 0, None]),
    (one_of("a", 1), ["a", 1], ["b", True, 1.0, None, []]),
    (maybe(integer(0)), [None, 3], [-3, "3"]),
    (list_of(integer(0), 1, 2), [[1], [1, 2]], [[], [1, 2, 3], [1, "2"], (1,), "1", None]),
    (list_of(integer(0)), [[], [1] * 9], [[-1], {}]),
    (map_of(integer(0)), [{}, {"a": 1}], [{"a": -1}, [], None]),
    (record({"a": integer(0)}, {"b": integer(0)}), [{"a": 1}, {"a": 1, "b": 2, "later": "?"}],
     [{}, {"b": 2}, {"a": -1}, {"a": 1, "b": -1}, [], None]),
])  # fmt: skip
def test_a_kind_takes_what_it_says_and_nothing_else(kind, good, bad):
    for value in good:
        check(value, kind)
    for value in bad:
        with pytest.raises(ValueError, match="expected|missing"):
            check(value, kind)


def test_the_first_part_that_is_wrong_is_named():
    plan = record({"a": list_of(record({"b": map_of(integer(0))}))})
    for value, said in (
        ({"a": [{"b": {"x": 1}}, {"b": {"x": 1, "y": "2"}}]}, "a[1].b['y'] is '2'; expected an integer of at least 0"),
        ({"a": [{}]}, "a[0].b is missing"), ([], "it is []; expected a table of a"),
    ):  # fmt: skip
        with pytest.raises(ValueError) as caught:
            check(value, plan)
        assert str(caught.value) == said


@pytest.mark.parametrize("text", ['{"a": 1, "a": 1}', "[" * 100_000, "{", b"\xff", "1" * 5_000, ""])
def test_json_that_is_broken_or_says_something_twice_is_refused(text):
    with pytest.raises(ValueError):
        records.parse(text)


def test_a_seal_sees_any_change_but_none_of_order_and_spaces():
    value = {"b": [1, 2.5, None], "a": {"d": "é", "c": True}}
    text = sealed(value)
    assert unsealed(text) == unsealed(sealed(value, indent=2)) == value
    turned = dict(reversed(json.loads(text).items()))
    assert unsealed(json.dumps(turned | {"a": {"c": True, "d": "é"}}, indent=1)) == value
    for change in ({"b": [1, 2.5]}, {"b": [2.5, 1, None]}, {"a": {"d": "è", "c": True}}, {"e": 0}, {"crc32": True}):
        with pytest.raises(ValueError, match="its checksum is wrong"):
            unsealed(json.dumps(turned | change))
    with pytest.raises(ValueError, match="it has no checksum"):
        unsealed(json.dumps(value))
