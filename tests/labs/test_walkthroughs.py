"""Every lab's walk-through runs from its first cell to its last, on the finished source, and draws."""

import runpy

import matplotlib
import pytest
from matplotlib import pyplot

from minidelve.labs.course import COURSE

NOTEBOOKS = sorted(COURSE.glob("lab*/walkthrough.py"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.parent.name for path in NOTEBOOKS])
def test_a_walk_through_runs_and_draws(path, monkeypatch, tmp_path):
    drawn = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pyplot, "show", lambda: drawn.extend(pyplot.get_fignums()))
    before = matplotlib.get_backend()
    try:
        pyplot.switch_backend("agg")
        runpy.run_path(str(path))
    finally:
        pyplot.close("all")
        pyplot.switch_backend(before)
    assert drawn
    assert path.read_text(encoding="utf-8").startswith("# ---\n# jupyter:")
