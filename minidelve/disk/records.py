"""Records: what the framework writes as JSON and reads again, checked whole before any of it is used.

    PLAN = record({"source": text, "short_side": integer(1), "classes": list_of(text, least=1)})

    check(value, PLAN)           ValueError: "classes[3] is 7; expected a text"
    parse(content)               JSON to a value; ValueError for everything that is not JSON of ours
    sealed(value)                JSON with a CRC-32 of the rest in it ...
    unsealed(content)            ... compared: a record that was damaged raises ValueError

A kind is a function of a value and its name that raises ValueError where the value is not of that kind. `record`,
`list_of`, `map_of` and `maybe` make kinds of kinds.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from minidelve.errors import shown

Kind = Callable[[Any, str], None]
MOST_BYTES = 32 * 2**20  # of a JSON text: ImageNet's classes and 100,000 images left out need fewer
SEAL = "crc32"


def check(value: Any, kind: Kind, name: str = "it") -> None:
    """ValueError that names the first part of the value which is not of its kind.

    >>> check({"a": [1, "2"]}, record({"a": list_of(integer(0))}))
    Traceback (most recent call last):
        ...
    ValueError: a[1] is '2'; expected an integer of at least 0
    """
    kind(value, "" if isinstance(value, dict) and name == "it" else name)


# ---- kinds ----


def is_a(what: str, good: Callable[[Any], bool]) -> Kind:
    """A value for which `good` says yes."""

    def kind(value: Any, name: str) -> None:
        if not good(value):
            raise ValueError(f"{name} is {shown(value)}; expected {what}")

    return kind


text = is_a("a text", lambda value: isinstance(value, str))
switch = is_a("true or false", lambda value: isinstance(value, bool))


def integer(least: int, most: int = 2**63 - 1) -> Kind:
    """An integer in these bounds; True and False are none."""
    what = f"an integer of at least {least}" if most == 2**63 - 1 else f"an integer from {least} to {most}"
    return is_a(what, lambda value: type(value) is int and least <= value <= most)


def number(least: float = -1e300, most: float = 1e300, what: str = "a number") -> Kind:
    """A finite number in these bounds; True and False are none."""
    return is_a(what, lambda value: type(value) in (int, float) and least <= value <= most)


def one_of(*values: Any) -> Kind:
    """One of these texts or numbers."""
    what = "one of: " + ", ".join(map(str, values))
    return is_a(what, lambda value: type(value) in (str, int) and value in values)


def maybe(kind: Kind) -> Kind:
    """None, or a value of the kind."""

    def either(value: Any, name: str) -> None:
        if value is not None:
            kind(value, name)

    return either


def list_of(kind: Kind, least: int = 0, most: int | None = None) -> Kind:
    """A list of `least` to `most` values of the kind."""
    what = "a list" if not least and most is None else f"a list of {least if least == most else f'at least {least}'}"

    def listed(value: Any, name: str) -> None:
        if not isinstance(value, list) or len(value) < least or most is not None and len(value) > most:
            raise ValueError(f"{name} is {shown(value)}; expected {what}")
        for i, item in enumerate(value):
            kind(item, f"{name}[{i}]")

    return listed


def map_of(kind: Kind) -> Kind:
    """A dict from texts to values of the kind."""

    def mapped(value: Any, name: str) -> None:
        if not isinstance(value, dict):
            raise ValueError(f"{name} is {shown(value)}; expected a table")
        for key, item in value.items():
            kind(item, f"{name}[{shown(key)}]")

    return mapped


def record(required: Mapping[str, Kind], optional: Mapping[str, Kind] | None = None) -> Kind:
    """A dict with these keys; others are let through, for a later version may have more."""
    kinds = {**required, **(optional or {})}

    def recorded(value: Any, name: str) -> None:
        if not isinstance(value, dict):
            raise ValueError(f"{name or 'it'} is {shown(value)}; expected a table of {', '.join(required)}")
        for key, kind in kinds.items():
            where = f"{name}.{key}" if name else key
            if key in value:
                kind(value[key], where)
            elif key in required:
                raise ValueError(f"{where} is missing")

    return recorded


# ---- JSON ----


def parse(content: bytes | str) -> Any:
    """The value of a JSON text, in UTF-8. ValueError for all that is not such a text, or says something twice."""
    try:
        return json.loads(content if isinstance(content, str) else content.decode("utf-8"), object_pairs_hook=_once)
    except RecursionError:
        raise ValueError("its brackets are nested too deeply") from None
    except ValueError as error:
        raise ValueError(too_long(error) or str(error)) from error


def too_long(error: ValueError) -> str:
    """What to say in place of int()'s complaint about a number of thousands of digits; else nothing."""
    return "a number in it has too many digits" if str(error).startswith("Exceeds the limit") else ""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"{shown(max(keys, key=keys.count))} is in it twice")
    return found


def sealed(value: Mapping[str, Any], indent: int | None = None) -> str:
    """A JSON text of the value that holds a checksum of all of it.

    >>> sealed({"a": 1})
    '{"a": 1, "crc32": 1444654255}'
    """
    plain = json.loads(json.dumps(value))  # as it will be read: tuples are lists, and keys are texts
    plain.pop(SEAL, None)
    return json.dumps({**plain, SEAL: seal_of(plain)}, indent=indent)


def unsealed(content: bytes | str) -> dict[str, Any]:
    """The value that `sealed` wrote, its seal left out; ValueError if anything in it has changed.

    >>> unsealed('{"a": 2, "crc32": 1444654255}')
    Traceback (most recent call last):
        ...
    ValueError: its checksum is wrong
    """
    return without_seal(parse(content))


def without_seal(value: Any) -> dict[str, Any]:
    """The rest of a record that has a seal; ValueError if it has none, or one that does not fit it."""
    if not isinstance(value, dict) or SEAL not in value:
        raise ValueError("it has no checksum")
    rest = {key: item for key, item in value.items() if key != SEAL}
    if type(value[SEAL]) is not int or value[SEAL] != seal_of(rest):
        raise ValueError("its checksum is wrong")
    return rest


def seal_of(value: dict[str, Any]) -> int:
    """CRC-32 of a value as JSON in its plainest form, so that spaces and the order of keys do not count."""
    return zlib.crc32(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())
