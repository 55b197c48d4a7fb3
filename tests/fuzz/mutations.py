"""Mutations: a good file in, a damaged or strange one out. Every choice is drawn from the `random.Random` given.

bytes_of      whatever bytes: flipped, cut, doubled, replaced by extreme numbers and strange text
json_of       a value in a JSON text replaced by one of another type, size or depth
members_of    a zip (or .npz) written anew around one member that is changed, renamed, doubled or gone:
              its checksums are right, so the damage gets past them
"""

import copy
import io
import json
import random
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

Mutation = Callable[[random.Random, bytes], bytes]

EXTREMES = (0, 1, -1, 127, 128, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)
DIGITS = "9" * 5000  # more than int() reads
NUMBERS = ("-1", "0", "1e999", "-0", "nan", "inf", "2147483648", "9223372036854775808", "0.5", "1_0", DIGITS)
TEXTS = (
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\x1b[31m", b"\r\n", b"\t", b" ", b"/", b"\\", b"..", b'"', b"'", b"{",
    b"}", b"[", b"]", b",", b":", b"=", b"#", b"true", b"null", b"NaN", b"A" * 5000, "\u202e\u2028é漢".encode(),
    b"[" * 3000, b'{"a":' * 1500, b"a." * 1500,
)  # fmt: skip
MARK = "a number of 5,000 digits"  # json.dumps cannot write it: put in afterwards
VALUES = (
    None, True, False, 0, 1, -1, 2, 9, 2**31, 2**63, 2**64, 10**30, -(2**40), 0.5, -1.5, 1e300, float("nan"),
    float("inf"), "", "a", "3", "a" * 5000, "\x00\x1b[2J\n\u202e", "\ud800", MARK, [], {}, [[]], [{}], [None], ["a"],
    [1], {"a": 1}, {"": {}}, [0] * 1000,
)  # fmt: skip


def bytes_of(rng: random.Random, content: bytes) -> bytes:
    """One to eight changes at random places."""
    changed = bytearray(content)
    for _ in range(min(8, 1 + int(rng.expovariate(0.7)))):
        rng.choice(CHANGES)(rng, changed)
    return bytes(changed)


def _span(rng: random.Random, content: bytearray) -> tuple[int, int]:
    """A place and a length that is mostly small."""
    at = rng.randrange(len(content) + 1)
    return at, min(len(content) - at, int(2 ** (rng.random() * 12)))


def _flip(rng: random.Random, content: bytearray) -> None:
    if content:
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)


def _byte(rng: random.Random, content: bytearray) -> None:
    if content:
        content[rng.randrange(len(content))] = rng.choice((0, 1, 255, 127, 128, 32, rng.randrange(256)))


def _cut(rng: random.Random, content: bytearray) -> None:
    at, length = _span(rng, content)
    del content[at : at + length]


def _truncate(rng: random.Random, content: bytearray) -> None:
    del content[rng.randrange(len(content) + 1) :]


def _double(rng: random.Random, content: bytearray) -> None:
    at, length = _span(rng, content)
    to = rng.randrange(len(content) + 1)
    content[to:to] = content[at : at + length]


def _noise(rng: random.Random, content: bytearray) -> None:
    at, length = _span(rng, content)
    content[at : at + length] = rng.randbytes(length)


def _extreme(rng: random.Random, content: bytearray) -> None:
    size = rng.choice((1, 2, 4, 8))
    at = rng.randrange(len(content) + 1)
    value = rng.choice(EXTREMES) % 256**size
    content[at : at + size] = value.to_bytes(size, rng.choice(("little", "big")))


def _text(rng: random.Random, content: bytearray) -> None:
    at, length = _span(rng, content)
    content[at : at + rng.choice((0, length))] = rng.choice(TEXTS)


def _number(rng: random.Random, content: bytearray) -> None:
    """One of the numbers written in digits becomes another."""
    there = list(re.finditer(rb"-?\d[\d.]*", content))
    if there:
        start, end = rng.choice(there).span()
        content[start:end] = rng.choice(NUMBERS).encode()


CHANGES = (_flip, _flip, _byte, _byte, _cut, _truncate, _double, _noise, _extreme, _text, _number)


def json_of(rng: random.Random, content: bytes) -> bytes:
    """One to three values of a JSON text replaced, removed, or exchanged for another of the same text."""
    tree = json.loads(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        tree = json_value_of(rng, tree)
    return dump(tree)


def json_value_of(rng: random.Random, tree: Any) -> Any:
    """The tree with one change."""
    tree = copy.deepcopy(tree)
    places = list(_places(tree))
    if not places or rng.random() < 0.02:
        return copy.deepcopy(rng.choice(VALUES))
    holder, key = rng.choice(places)
    how = rng.random()
    if how < 0.65:
        holder[key] = copy.deepcopy(rng.choice(VALUES))
    elif how < 0.75:
        del holder[key]
    elif how < 0.85:
        other, at = rng.choice(places)
        holder[key] = copy.deepcopy(other[at])
    elif isinstance(holder, list):
        holder.insert(rng.randrange(len(holder) + 1), copy.deepcopy(rng.choice((*VALUES, holder[key]))))
    else:
        holder[rng.choice(("", "a", "\x00", key + "x"))] = copy.deepcopy(rng.choice(VALUES))
    return tree


def dump(tree: Any) -> bytes:
    """A JSON text, with the number that Python does not write."""
    return json.dumps(tree).replace(json.dumps(MARK), DIGITS).encode()


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """(list or dict, index or key) of every value below."""
    if not isinstance(tree, (dict, list)):
        return
    for key, value in list(tree.items()) if isinstance(tree, dict) else list(enumerate(tree)):
        yield tree, key
        if isinstance(value, (dict, list)):
            yield from _places(value)


def members_of(inside: Mutation = bytes_of) -> Mutation:
    """A mutation of zips: `inside` changes one member; now and then its name, its compression or its number."""

    def mutate(rng: random.Random, content: bytes) -> bytes:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            members = [(info.filename, file.read(info)) for info in file.infolist()]
        at, how = rng.randrange(len(members)), rng.random()
        name, inner = members[at]
        if how < 0.75:
            members[at] = name, inside(rng, inner)
        elif how < 0.85:
            strange = bytes_of(rng, name.encode())[:60000].decode("utf-8", "replace")
            members[at] = strange.replace("\x00", "_"), inner
        elif how < 0.9:
            del members[at]
        else:
            members.insert(rng.randrange(len(members) + 1), (rng.choice(members)[0], inside(rng, inner)))
        written = io.BytesIO()
        with warnings.catch_warnings(), zipfile.ZipFile(written, "w", rng.choice((0, 8))) as file:
            warnings.simplefilter("ignore")  # of a name that is there twice
            for name, inner in members:
                file.writestr(zipfile.ZipInfo(name or "_"), inner)
        return written.getvalue()

    return mutate
