"""What is written on the way and read when work goes on: a journal's lines, finished parts, rows of a csv."""

import json

import numpy as np

from minidelve.data.feeding.bad_images import Unreadable
from minidelve.data.packing.journal import Packed, commit, read_journal
from minidelve.experiments import again
from minidelve.experiments.item import Budget, Item
from minidelve.experiments.parts import Part, Parts
from tests.fuzz.frame import Reader
from tests.fuzz.mutations import bytes_of, json_of


def lines_of(rng, content):
    """A line of a journal changed, lost, or there twice."""
    lines = content.splitlines(keepends=True)
    at = rng.randrange(len(lines))
    lines[at : at + 1] = rng.choice(([], 2 * [lines[at]], [json_of(rng, lines[at]) + b"\n"], [lines[-1], lines[at]]))
    return b"".join(lines)


def test_a_journal(fuzz, tmp_path):
    """Whatever counts of it is how it began: nothing after a line that was damaged."""
    file, picture = tmp_path / "train.journal", np.zeros((5, 4, 3), np.uint8)
    with open(tmp_path / "train.pixels", "wb") as pixels, open(file, "wb") as journal:
        for i in range(0, 12, 3):
            block = [Packed(i, picture, 7 * i), Packed(i + 1, picture, 8)]
            commit(block, [Unreadable(f"{i}.png", "is broken")], i + 3, pixels, journal)

    def begins_so(written, right):
        known = min(len(written.rows), 8), len(written.skipped), 3 * len(written.skipped)
        return (written.rows, written.skipped, written.begin) == (
            right.rows[: known[0]], right.skipped[: known[1]], known[2]
        )  # fmt: skip

    fuzz(Reader("journal", [file], lambda: read_journal(file), [bytes_of, lines_of], checked=True, same=begins_so))


def test_a_finished_part(fuzz, tmp_path, capsys):
    """It is as it was written, or not there."""
    item = Item(
        name="count", title="", paper="", ours="", where="", budgets={}, variants=lambda budget: ["he"],
        run=lambda setup: [], table=lambda rows: ([], []), claims=[], draw=lambda rows: None,
    )  # fmt: skip
    parts = Parts(tmp_path, item, Budget(1, {"size": 3, "scales": (1, 2)}), "toy")
    parts.keep("he", 0, Part([{"x": 1 / 3, "n": 4, "name": "a"}, {"x": None}], 1.5, "here"))
    file = parts.path("he", 0)
    right = parts.load("he", 0)
    assert right is not None and json.loads(file.read_text())["settings"] == {"size": 3, "scales": [1, 2]}
    fuzz(
        Reader(
            "part",
            [file],
            lambda: parts.load("he", 0),
            [bytes_of, json_of],
            checked=True,
            same=lambda part, right: part in (None, right),
        )  # fmt: skip
    )


def test_rows_of_a_csv(fuzz, tmp_path):
    file = tmp_path / "results.csv"
    file.write_text('variant,seed,x,n,missing\nhe,0,0.25,3,\n"a, b",1,1e-3,-4,True\n')
    assert again.read_rows(file)[1] == {"variant": "a, b", "seed": 1, "x": 0.001, "n": -4, "missing": True}
    fuzz(Reader("results.csv", [file], lambda: again.read_rows(file)))
