"""docs/paper_map.md points from the paper to the source: each file exists and bears its marks."""

import re
from typing import NamedTuple

import pytest

from tests.helpers import ROOT

MAP = ROOT / "docs" / "paper_map.md"


class Row(NamedTuple):
    paper: str
    files: list[str]
    marks: list[str]


def rows_of(text: str) -> list[Row]:
    """The rows of all tables: | place in the paper | what it says | files | marks |."""
    rows = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        files = re.findall(r"`([\w/.]+)`", cells[2]) if line.startswith("|") and len(cells) == 4 else []
        if files:
            rows.append(Row(cells[0], files, re.findall(r"`([^`]+)`", cells[3])))
    return rows


def bears(source: str, mark: str) -> bool:
    """Whether a source bears a mark.

    An equation's number counts where a derivation's line ends in it, or a comment names it: `x = n * 3` and
    `f(3)` are no marks. Words count wherever they stand.
    """
    if not re.fullmatch(r"\(\d+[a-z]?\)", mark):
        return mark in source
    number = re.escape(mark)
    return re.search(rf"^.*\s{number}$|(#|//).*{number}", source, re.MULTILINE) is not None


ROWS = rows_of(MAP.read_text(encoding="utf-8"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.paper)
def test_every_file_of_the_map_bears_its_marks(row):
    assert row.marks, f"{row.paper}: no mark in backticks in the last column"
    for file in row.files:
        assert (ROOT / file).is_file(), f"{row.paper}: {file} does not exist"
        source = (ROOT / file).read_text(encoding="utf-8")
        missing = [mark for mark in row.marks if not bears(source, mark)]
        assert not missing, f"{row.paper}: {file} lacks the mark {', '.join(missing)}"


def test_the_map_covers_equations_1_to_14():
    marks = {mark for row in ROWS for mark in row.marks}
    assert [n for n in range(1, 15) if f"({n})" not in marks] == []


def test_a_number_without_a_letter_is_the_papers():
    listed = {(file, n) for row in ROWS for file in row.files for n in re.findall(r"\(\d+\)", " ".join(row.marks))}
    sources = [path for room in ("minidelve", "kernels") for path in (ROOT / room).rglob("*.[pc][yu]")]
    for path in sources:
        file, source = path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
        bare = {f"({n})" for n in re.findall(r"(?:^ {4}.*\s|#.*|//.*)\((\d\d?)\)$", source, re.MULTILINE)}
        unlisted = sorted(mark for mark in bare if (file, mark) not in listed)
        assert not unlisted, f"{file}: {unlisted[0]} is on no row of the map; a number of ours has a letter, (1w)"


def test_a_call_is_no_mark_but_a_derivation_or_comment_is():
    assert not bears("y = f(3)", "(3)") and not bears("see (3) below", "(3)")
    assert bears("df/da = y    (3)", "(3)") and bears("dy, da = g(df)  # (2), (3)", "(2)")
    assert bears('"""Table 1 of the paper."""', "Table 1") and not bears("Table 2", "Table 1")


def test_the_parser_reads_files_and_marks_of_a_row():
    head = "| Paper | What | Where | Marks |\n|---|---|---|---|\n"
    row = "| Eqn (1) | f | `a/b.py`, `c.py` | `(1)`, `Table 1` |"
    assert rows_of(head + row) == [Row("Eqn (1)", ["a/b.py", "c.py"], ["(1)", "Table 1"])]
