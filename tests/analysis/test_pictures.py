"""Figures: no setting of the user's and no failure comes through the door, and every text can be shown."""

import logging
import os
import sys

import matplotlib
import pytest
from matplotlib.figure import Figure

from minidelve import progress
from minidelve.analysis.pictures import legible, picture
from minidelve.errors import DataError
from tests.helpers import ROOT, python

PNG = b"\x89PNG"


@pytest.fixture(autouse=True)
def nothing_was_said(monkeypatch):
    monkeypatch.setattr(progress, "_said", set())


def figure(title="a title") -> Figure:
    made = Figure(figsize=(2, 1))
    made.subplots().set(title=title, xlabel=r"$10^2$")
    return made


def test_a_figure_does_not_depend_on_what_a_program_has_set(monkeypatch):
    plain = picture("a.png", figure)
    changes = {"text.usetex": True, "font.family": "Nonsense", "font.size": 900.0, "savefig.dpi": 999.0,
               "savefig.format": "pdf", "text.parse_math": False, "axes.titlecolor": "red"}  # fmt: skip
    with matplotlib.rc_context(changes):
        before = dict(matplotlib.rcParams)
        assert picture("a.png", figure) == plain and plain.startswith(PNG)
        assert dict(matplotlib.rcParams) == before


def test_what_a_program_hears_of_matplotlib_is_as_before():
    log = logging.getLogger("matplotlib")
    earlier = log.level
    log.setLevel(logging.INFO)
    try:
        picture("a.png", figure)
        assert log.level == logging.INFO
    finally:
        log.setLevel(earlier)


SETTINGS = [  # of one process each: building a list of fonts takes seconds
    {"MPLBACKEND": "nonsense", "MATPLOTLIBRC": "{folder}", "PYTHONWARNINGS": "error"},  # TeX where there is none
    {"MPLBACKEND": "TkAgg", "MATPLOTLIBRC": "{folder}/bytes", "MPLCONFIGDIR": "{folder}/bytes", "HOME": "/proc/none"},
]
DRAWS = """
import os
from minidelve.analysis.pictures import legible, picture
def draw():
    from matplotlib.figure import Figure
    figure = Figure(figsize=(2, 1))
    figure.subplots().set(title=legible("猫", "a_b$"), xlabel="猫")
    return figure
before = os.environ["MPLBACKEND"], os.environ["MATPLOTLIBRC"]
assert picture("a.png", draw).startswith(b"\\x89PNG")
assert before == (os.environ["MPLBACKEND"], os.environ["MATPLOTLIBRC"])
"""


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: settings["MPLBACKEND"])
def test_a_figure_is_drawn_whatever_matplotlib_is_told(settings, tmp_path):
    here = {"PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}
    text = "text.usetex: True\nbackend: nonsense\nfont.size: large\nfont.family: None\nthis is no line\n"
    (tmp_path / "matplotlibrc").write_text(text)  # that of the current folder, too
    (tmp_path / "bytes").write_bytes(b"font.family: \xff\xfe\n")
    told = {key: value.format(folder=tmp_path) for key, value in settings.items()}
    done = python("-c", DRAWS, environment=told | here, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize(("error", "said"), [
    (RuntimeError("of two\nlines"), "a.png cannot be drawn (RuntimeError: of two\\nlines)"),
    (MemoryError(), "a.png cannot be drawn (MemoryError: )"),
    (ImportError("No module named 'PIL'"), "a.png is not drawn (No module named 'PIL'); pip install matplotlib"),
])  # fmt: skip
def test_a_failure_is_said_once_and_nothing_is_raised(capsys, monkeypatch, error, said):
    def fails(*args, **options):
        raise error

    monkeypatch.setattr(Figure, "savefig", fails)
    for _ in range(2):
        assert picture("a.png", figure) is None
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"minidelve: {said}") and err.count("\n") == 1


def test_work_does_without_matplotlib(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert picture("a.png", figure) is None
    assert "a.png is not drawn" in capsys.readouterr().err


def test_what_the_user_can_mend_is_raised():
    def fails():
        raise DataError("gone")

    with pytest.raises(DataError, match="gone"):
        picture("a.png", fails)


def test_a_name_without_glyphs_gives_way_to_the_next():
    assert legible("goldfish", "n01") == "goldfish" and legible("Ёлка, ±…") == "Ёлка, ±…"
    for name in ("猫", "caf\udce9", "two\nlines", "", " ", "🐕"):
        assert legible(name, "n01") == "n01"
    assert legible("猫", "犬", "class 7") == "class 7"
    assert legible("猫 a", "caf\udce9\n") == "caf\\udce9\\n"
    assert legible("goldfish and more", most=9) == "gold…more"


def test_a_dollar_begins_no_formula():
    def plain() -> Figure:
        made = figure("")
        made.axes[0].set_title("$x_1$ \\$", parse_math=False)
        return made

    assert picture("a.png", lambda: figure(legible("$x_1$ \\$"))) == picture("a.png", plain)
