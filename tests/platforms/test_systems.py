"""Windows and macOS, played by a stand-in (standin.py): the main commands run there, and say what they say here."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers import ROOT, python

STANDIN = Path(__file__).with_name("standin.py")
SYSTEMS = ("windows", "macos")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """Three classes whose names every system can write; one is beyond ASCII, and one beyond Windows' own alphabet."""
    root = tmp_path_factory.mktemp("pictures") / "three"
    rng = np.random.default_rng(4)
    for split, count in (("train", 8), ("val", 4)):
        for name, colour in {"Red": (200, 60, 60), "naïve": (60, 200, 60), "blue": (60, 60, 200)}.items():
            folder = root / split / name
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = np.clip(rng.normal(colour, 60, (32, 32, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / f"{i:02}.png")
    return root


def on(system: str, commands: list[list[str]], folder: Path, exit_codes: list[int] | None = None) -> tuple[str, str]:
    """What the commands print there, started in that folder, each path with the system's own slashes."""
    slash = "\\" if system == "windows" else "/"
    written = [[word.replace("/", slash) for word in command] for command in commands]
    environment = {"PYTHONPATH": str(ROOT)}
    options = {"encoding": "utf-8", "errors": "replace", "timeout": 600}
    done = python(STANDIN, system, json.dumps(written), cwd=folder, environment=environment, **options)
    codes = [int(code) for code in re.findall(r"^exit code (\d+)$", done.stdout, re.MULTILINE)]
    assert codes == (exit_codes or [0] * len(commands)), done.stdout + done.stderr
    return done.stdout, done.stderr


TRAIN = ["train", "--size", "28", "--epochs", "1", "--batch-size", "8"]


@pytest.mark.parametrize("system", ["windows", pytest.param("macos", marks=pytest.mark.slow)])
def test_a_run_goes_from_pictures_to_predictions(system, pictures, tmp_path):
    data = str(pictures)
    commands = [
        [*TRAIN, "--data", data, "--out", "runs/first"],
        ["train", "--resume", "--epochs", "2", "--out", "runs/first"],
        ["evaluate", "runs/first", "--out", "evaluated"],
        ["predict", "runs/first", f"{data}/val/Red/00.png", f"{data}/val/naïve/01.png", "--out", "guesses.png"],
        ["data", "pack", data, "stores/three"],
        ["data", "stores/three", "--check"],
        [*TRAIN, "--data", "stores/three", "--out", "runs/from-store"],
        ["summary", "lab14"],
        ["check-grad"],
        ["doctor"],
    ]
    out, _ = on(system, commands, tmp_path)
    for place in ("runs/first", "runs/from-store"):
        files = {"config.json", "metrics.csv", "curves.png", "last.npz", "best.npz", "result.json"}
        assert {path.name for path in (tmp_path / place).iterdir()} == files
    shown = "\\val\\Red\\00.png" if system == "windows" else "/val/Red/00.png"
    assert shown in out and (tmp_path / "guesses.png").is_file()
    assert "36 images checked, 0 bad" in out
    config = json.loads((tmp_path / "runs/first/config.json").read_text(encoding="utf-8"))
    result = json.loads((tmp_path / "runs/first/result.json").read_text(encoding="utf-8"))
    assert config["epochs"] == 2 and result["final"]["epoch"] == 2


@pytest.mark.slow
@pytest.mark.parametrize("system", SYSTEMS)
def test_an_item_of_the_paper_is_reproduced(system, tmp_path):
    on(system, [["reproduce", "signal", "--budget", "quick", "--out", "results"]], tmp_path)
    page = (tmp_path / "results" / "signal" / "page.md").read_text(encoding="utf-8")
    assert "signal" in page and (tmp_path / "results" / "signal" / "figure.png").is_file()


def test_what_the_system_refuses_is_one_line(pictures, tmp_path):
    """A folder of another case is the same folder there, and some names cannot be given to any file."""
    data = str(pictures)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "Mine").mkdir()
    (tmp_path / "runs" / "Mine" / "notes.txt").write_text("not a run", encoding="utf-8")
    commands = [
        [*TRAIN, "--data", data, "--out", "runs/mine"],
        [*TRAIN, "--data", data, "--out", "runs/con"],
        [*TRAIN, "--data", data, "--out", "runs/a:b"],
        ["evaluate", "runs"],
        ["train", "--config", "runs", "--out", "runs/new"],
    ]
    _, err = on("windows", commands, tmp_path, exit_codes=[2] * len(commands))
    assert len([line for line in err.splitlines() if line.startswith("minidelve: ")]) == len(commands), err
    assert "Traceback" not in err


def test_the_stand_in_lacks_what_it_says(tmp_path):
    """The test of the test: what Windows lacks is gone for our modules, and files behave as there."""
    code = f"""
import sys; sys.path.insert(0, {str(STANDIN.parent)!r})
import os, standin
standin.become("windows")
def refused(call, *arguments):
    try:
        call(*arguments)
    except Exception as error:
        return type(error).__name__
import ctypes, importlib
from pathlib import Path
ours = {{"__name__": "minidelve.x"}}
exec("import os, sys\\nseen = os.name, sys.platform, os.sep", ours)
open("held", "w").close(); open("other", "w").close(); held = open("held")
print(ours["seen"], refused(importlib.import_module, "fcntl"), refused(ctypes.CDLL, None), hasattr(os, "fork"))
print(refused(open, "."), refused(os.unlink, "held"))
print(refused(os.replace, "other", "held"), refused(os.rename, "other", "held"))
print(refused(open, "nul.txt", "w"), refused(open, "a:b", "w"), refused(os.mkdir, "dot."), os.path.exists("HELD"))
open("text", "w").write("\\u00e9"); print(open("text", "rb").read(), str(Path("a/b")), Path("a\\\\b").parts)
"""
    system, held, replaced, named, text = python("-c", code, cwd=tmp_path).stdout.splitlines()
    assert system == "('nt', 'win32', '\\\\') ModuleNotFoundError TypeError False"
    assert held == "PermissionError PermissionError" and replaced == "PermissionError FileExistsError"
    assert named == "OSError OSError OSError True"
    assert text == "b'\\xe9' a\\b ('a', 'b')"


def test_a_lab_is_handed_out_and_checked_on_macos(tmp_path):
    """Not on our Windows: the process of the student's code is the real system's, which knows no backslashes."""
    out, err = on("macos", [["lab", "start", "3", "course"], ["lab", "check", "3", "course"]], tmp_path, [0, 1])
    assert "nothing is written yet: begin with prelu_forward" in out and err == ""
