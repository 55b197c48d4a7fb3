"""README.md is the first thing a newcomer runs: it must be true."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_python_example_runs_and_its_loss_falls(tmp_path):
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    done = subprocess.run([sys.executable, "-c", example], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    losses = [float(line.split()[1]) for line in done.stdout.splitlines()]
    assert len(losses) == 20 and losses[-1] < losses[0]


def test_every_link_to_a_file_leads_somewhere():
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"


def test_every_command_of_the_table_exists():
    commands = re.findall(r"^\| `minidelve ([\w-]+)`", README, re.MULTILINE)
    assert len(commands) >= 7
    help_command = [sys.executable, "-m", "minidelve", "--help"]
    done = subprocess.run(help_command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and [name for name in commands if name not in done.stdout] == []
