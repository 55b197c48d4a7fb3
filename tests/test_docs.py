"""README.md is the first thing a newcomer runs, and docs/kernels.md shows code: both must be true."""

import re

import pytest

from minidelve import data
from minidelve.cli import main
from tests.helpers import ROOT, python

README = (ROOT / "README.md").read_text(encoding="utf-8")
SHOWN = re.compile(r"<!-- from (\S+) -->\n```\w+\n(.*?)\n```", re.DOTALL)


def test_the_python_examples_run_and_the_loss_falls(tmp_path):
    examples = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    data.write_toy(tmp_path / "toy-images", train_size=20, val_size=10)
    python(ROOT / "examples/untrained_run.py", "lab14", tmp_path / "toy-images", tmp_path / "runs/first", 56)
    said = python("-c", "".join(examples), cwd=tmp_path, timeout=400).stdout.splitlines()
    losses = [float(line.split()[1]) for line in said[:20]]
    assert losses[-1] < losses[0]
    assert said[20] == "toy-images/val/checkered_circle/00000.png" and {
        line.split("%  ")[1] for line in said[21:26]
    } < set(data.ToyDataset("val", val_size=10).class_names)
    assert said[26].startswith("Errors(top1=") and said[27] == "digraph {" and said[-1] == "}"
    assert (tmp_path / "loss.svg").read_text().startswith("<svg ")


def test_every_link_to_a_file_leads_somewhere():
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"


def test_every_command_of_the_table_exists(capsys):
    commands = re.findall(r"^\| `minidelve ([\w-]+)`", README, re.MULTILINE)
    assert len(commands) >= 7
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    said = capsys.readouterr().out
    assert [name for name in commands if name not in said] == []


def test_every_excerpt_of_the_kernels_page_is_the_file_s_text():
    shown = SHOWN.findall((ROOT / "docs" / "kernels.md").read_text(encoding="utf-8"))
    assert {file.split("/")[1] for file, _ in shown} == {"reference", "numba_cpu", "numba_cuda", "cupy_cuda"}
    for file, code in shown:
        assert code in (ROOT / file).read_text(encoding="utf-8"), f"docs/kernels.md: {file} has changed"
