"""examples/loader_speed.py runs on a small set; its figures are for a quiet machine and are not tested."""

import re
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[1] / "examples" / "loader_speed.py"


def run(*args: object) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, EXAMPLE, *map(str, args)], capture_output=True, text=True)


def test_every_way_is_measured(tiny_data):
    done = run(tiny_data, 1, 32)
    assert done.returncode == 0, done.stderr
    speeds = re.findall(r"^(plain|Loader from JPEGs|Loader from a store of 32).* (\d+) images/s ", done.stdout, re.M)
    assert len(speeds) == 3 and all(int(speed) > 0 for _, speed in speeds)
    assert run("toy").returncode == 1
