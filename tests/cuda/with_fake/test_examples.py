"""The examples that use a GPU where there is one: their CUDA code computes what they say."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_four_languages_has_its_rungs_on_the_device_and_they_agree():
    command = [sys.executable, ROOT / "examples" / "four_languages.py", "1", "40", "16"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rungs = re.findall(r"^  (\S.*?)\s+[\d.]+ ns", done.stdout.partition("GPU:")[2], re.M)
    assert len(rungs) == 4 and "CUDA C, a thread a number, atomic additions" in rungs
