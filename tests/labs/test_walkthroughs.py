"""The walk-through of every lab is a notebook in jupytext's form that runs from its first cell to its last."""

import os
from pathlib import Path

import pytest

from minidelve.labs.course import COURSE
from tests.helpers import ROOT

WALKTHROUGHS = sorted(COURSE.glob("lab*/walkthrough.py"))
NAMES = [path.parent.name for path in WALKTHROUGHS]
SECONDS = 120  # for a cell


def notebook(path: Path):
    jupytext = pytest.importorskip("jupytext")
    return jupytext.read(path)


@pytest.mark.parametrize("path", WALKTHROUGHS, ids=NAMES)
def test_it_is_a_notebook_of_texts_and_pictures(path):
    cells = notebook(path).cells
    assert cells[0].cell_type == "markdown" and cells[0].source.startswith(f"# Lab {path.parent.name[-1]}")
    assert {"code", "markdown"} == {cell.cell_type for cell in cells}


@pytest.mark.slow
@pytest.mark.parametrize("path", WALKTHROUGHS, ids=NAMES)
def test_it_runs_to_its_end_and_draws(path, tmp_path):
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    cells = notebook(path)
    client = nbclient.NotebookClient(cells, timeout=SECONDS, resources={"metadata": {"path": str(tmp_path)}})
    client.execute(env=os.environ | {"PYTHONPATH": str(ROOT)})
    shown = [output for cell in cells.cells if cell.cell_type == "code" for output in cell.outputs]
    drawn = [output for output in shown if {"image/png", "image/svg+xml"} & output.get("data", {}).keys()]
    assert len(drawn) >= 2
