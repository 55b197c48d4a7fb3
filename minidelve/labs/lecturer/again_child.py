"""The process of an experiment that is run again on a student's files, bounded as that of a check (child.py).

overlay.py JOB.json, whose script this is; its numbers are all that comes out of it
"""

from __future__ import annotations

import json
import math
import os
import runpy
import sys
import tempfile
from pathlib import Path

from minidelve.labs.trial.child import REFUSED, Refusal, allow_seconds, hold_limits


def main(job: str) -> None:
    """Run the experiment here; its numbers are the standard output that the process was started with."""
    asked = json.loads(Path(job).read_text(encoding="utf-8"))
    hold_limits(asked["limits"], asked["nobody"])
    allow_seconds(asked["limits"]["cpu"])
    REFUSED.discard("numba")  # the product's compiled kernels need it
    sys.meta_path.insert(0, Refusal())
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # its table is no answer
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as pictures:
        numbers = runpy.run_path(asked["experiment"])["main"](Path(pictures), asked["seed"])
        json.dump({name: float(x) if math.isfinite(x) else None for name, x in numbers.items()}, out)
        out.flush()
    os._exit(0)  # what the student's code has left to be run at the end is not


if __name__ == "__main__":
    main(sys.argv[1])
