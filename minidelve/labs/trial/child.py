"""The process in which a student's code runs: it is given inputs, calls the lab's tasks, and sends back what they gave.

    overlay.py JOB.json, whose script this is:

    {"folder": ..., "files": [...], "script": "minidelve/labs/trial/child.py", "argv": [JOB.json],
     "lab": "labs/lab3/lab.py", "tasks": {"prelu_forward": "0.json", ...}, "limits": {...}}

A task's file holds its cases (passing.py). What comes back are records on the standard output that this process was
started with, which is then closed to all others: what the student's code prints goes to standard error.

No right answer and no mistake is ever loaded here. The standard library alone is imported at the top: limits hold, and
other libraries are refused, before the first line of the student's is run, and that is when minidelve is imported.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import sys
import traceback
from contextlib import suppress
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import IO, Any

REFUSED = {
    "autograd", "cupy", "jax", "keras", "mxnet", "numba", "numexpr", "onnxruntime", "scipy", "sklearn", "tensorflow",
    "tinygrad", "torch",
}  # fmt: skip
NOBODY = 65534


class Refusal(MetaPathFinder):
    """Finds the libraries that would do a lab's work, and says that they are not for it."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        top = fullname.partition(".")[0]
        if top in REFUSED:
            raise ModuleNotFoundError(f"{top} is not for the labs; write it with NumPy", name=fullname)


def hold_limits(limits: dict[str, int], nobody: bool) -> None:
    """Bound what this process can use, as far as the system knows how to."""
    try:
        import resource
    except ImportError:  # Windows
        return
    if nobody:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    bounds = {
        "RLIMIT_CORE": 0,
        "RLIMIT_FSIZE": limits["file"],
        "RLIMIT_AS": limits["memory"],
        "RLIMIT_NPROC": limits["processes"],
    }
    for name, value in bounds.items():
        with suppress(AttributeError, ValueError, OSError):
            resource.setrlimit(getattr(resource, name), (value, value))


def allow_seconds(seconds: int) -> None:
    """Let the processor serve this process for so many seconds from now on, and no longer."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        most = resource.getrlimit(resource.RLIMIT_CPU)[1]
        end = int(used.ru_utime + used.ru_stime) + 1 + seconds
        resource.setrlimit(resource.RLIMIT_CPU, (end if most < 0 else min(end, most), most))


class Records:
    """What is sent back: lines of JSON, some followed by as many bytes as they say."""

    def __init__(self) -> None:
        self.file: IO[bytes] = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)  # print() goes there

    def send(self, record: dict[str, Any], content: bytes = b"") -> None:
        self.file.write(json.dumps(record).encode() + b"\n" + content)
        self.file.flush()


def main(job: str) -> None:
    """Run a job."""
    asked = json.loads(Path(job).read_text(encoding="utf-8"))
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_SETMASK, [])  # sandbox.py holds some back while it starts this process
    hold_limits(asked["limits"], asked["nobody"])
    allow_seconds(asked["limits"]["cpu"])
    sys.meta_path.insert(0, Refusal())
    records = Records()
    try:
        load(asked, records)
    except Exception as error:  # of the student's file, at the top of it
        frames = [[frame.filename, frame.lineno] for frame in traceback.extract_tb(error.__traceback__)]
        if isinstance(error, SyntaxError):
            frames.append([error.filename, error.lineno])
        records.send({"failed": f"{type(error).__name__}: {error}"[:1000], "frames": frames[-50:]})
    else:
        for name, file in asked["tasks"].items():
            records.send({"begins": name})
            allow_seconds(asked["limits"]["cpu"])
            call(asked, name, Path(job).with_name(file), records)
            records.send({"ends": name})
    os._exit(0)  # what the student's code has left to be run at the end is not


def load(asked: dict[str, Any], records: Records) -> None:
    """Import the product and with it the student's files, and tell from where each was loaded."""
    from minidelve.backend import use
    from minidelve.labs.overlay import module_of, origins

    for file in asked["files"]:
        importlib.import_module(module_of(file))
    use("reference")
    records.send({"loaded": origins(asked["files"])})


def call(asked: dict[str, Any], name: str, cases: Path, records: Records) -> None:
    """Call one task with each of its inputs."""
    from minidelve.backend import threads
    from minidelve.labs.trial import passing
    from minidelve.labs.trial.calling import LARGE, observe

    task = next(task for task in runpy.run_path(asked["lab"])["TASKS"] if task.name == name)
    with threads.using(1):
        for case, inputs in passing.read_cases(cases).items():
            seen = observe(task, inputs, asked["files"], calls=1 if case[0] == LARGE else 2)
            records.send(*passing.as_record(name, case, seen))


if __name__ == "__main__":
    main(sys.argv[1])
