"""A student's files tried: every task called with its cases in a process of its own, and what came back.

Whatever the student's code does costs the task in which it does it. A process that is ended before its last task is
followed by another, which goes on with the next.
"""

from __future__ import annotations

import json
import queue
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from minidelve.errors import one_line
from minidelve.labs.course import Lab
from minidelve.labs.overlay import ROOT
from minidelve.labs.task import Inputs
from minidelve.labs.trial import passing, sandbox
from minidelve.labs.trial.calling import LONGEST, Case, Observation, deepest
from minidelve.labs.trial.sandbox import Limits

LOADING = ""  # in place of a task: the student's files are being loaded
NOTHING = "no answer"  # the process ended well, and its task did not
WAITS = "waits"  # a task that it needs did not end well: it was not tried


@dataclass
class Trial:
    """What a student's files gave.

    observed   by the name of the task and the case; what was not reached is missing
    ended      how each task ended: "" as it should, "time", "exit 3", "SIGSEGV", "not loaded", "too much output", ...
    failed     the error on which the student's files could not be loaded, and its line, as "prelu.py:3"; else ""
    modules    from which file each of the lab's modules was loaded, from the student's folder
    printed    the beginning of what the code printed
    confined   whether it was kept from everything but its task (sandbox.py)
    """

    observed: dict[str, dict[Case, Observation]] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)
    failed: str = ""
    line: str = ""
    modules: dict[str, str | None] = field(default_factory=dict)
    printed: str = ""
    seconds: float = 0.0
    confined: bool = False

    @property
    def others(self) -> list[str]:
        """The lab's files in whose place something else was loaded."""
        return [file for file, origin in self.modules.items() if origin != file]


def tried(
    lab: Lab,
    folder: Path,
    cases: Mapping[str, Mapping[Case, Inputs]],
    *,
    limits: Limits | None = None,
    confined: bool = False,
    product: Path = ROOT,
) -> Trial:
    """What the lab's files in a student's folder give for these cases, by the name of the task.

    confined   the process sees nothing but the product and these files, where bubblewrap works
    product    the root of what is laid under the student's files
    """
    limits, began = limits or Limits(), time.monotonic()
    confined = confined and sandbox.how() is not None
    trial = Trial({name: {} for name in cases}, confined=confined)
    with room(lab, folder, cases) as job:
        while left := [name for name in cases if name not in trial.ended]:
            write_job(job, lab, list(cases), left, limits, confined, product)
            run(job, trial, left, limits, confined, product)
            let_wait(lab, trial)
    trial.seconds = time.monotonic() - began
    return trial


def let_wait(lab: Lab, trial: Trial) -> None:
    """Leave out the tasks that need one whose process was ended: theirs would be too, and each takes its time."""
    for task in lab.tasks:
        if task.name in trial.observed and task.name not in trial.ended and any(map(trial.ended.get, task.needs)):
            trial.ended[task.name] = WAITS


@contextmanager
def room(lab: Lab, folder: Path, cases: Mapping[str, Mapping[Case, Inputs]]) -> Iterator[Path]:
    """A folder with the student's files, the lab's tasks and their cases, open to everyone; it goes with the block."""
    with tempfile.TemporaryDirectory(prefix="minidelve-lab-", ignore_cleanup_errors=True) as name:
        job = Path(name).resolve()
        for file in lab.files:
            (job / "files" / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / file, job / "files" / file)
        for source in declared_in(lab):
            (job / in_job(lab, source)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, job / in_job(lab, source))
        for i, inputs in enumerate(cases.values()):
            passing.write_cases(job / f"{i}.npz", inputs)
        for path in [job, *job.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        yield job


def declared_in(lab: Lab) -> list[Path]:
    """Every lab.py that is needed: a variant's may read the lab's own, above it."""
    above = [lab.folder.parents[1] / lab.declared.name] if lab.variant else []
    return list(dict.fromkeys([lab.declared, *above]))


def in_job(lab: Lab, source: Path) -> str:
    """Where a lab.py lies in a job: the one above the other, as in the course."""
    inside = f"/variants/{lab.variant}" if source.parent.parent.name == "variants" else ""
    return f"labs/lab{lab.number}{inside}/{source.name}"


def write_job(
    job: Path, lab: Lab, names: list[str], left: list[str], limits: Limits, confined: bool, product: Path
) -> None:
    """Write down what the process has to do (child.py)."""
    asked = {
        "folder": str(job / "files"),
        "files": lab.files,
        "script": str(product / "minidelve" / "labs" / "trial" / "child.py"),
        "argv": [str(job / "job.json")],
        "lab": str(job / in_job(lab, lab.declared)),
        "tasks": {name: f"{names.index(name)}.npz" for name in left},
        "limits": limits.asked(),
        "nobody": sandbox.becomes_nobody(confined, [product, job]),
    }
    (job / "job.json").write_text(json.dumps(asked), encoding="utf-8")
    (job / "job.json").chmod(0o644)


def run(job: Path, trial: Trial, left: list[str], limits: Limits, confined: bool, product: Path) -> None:
    """Let one process go on from the first task that is left; at least one of them has ended when this returns."""
    arguments = [product / "minidelve" / "labs" / "overlay.py", job / "job.json"]
    process = sandbox.start(arguments, job, [product], confined=confined)
    task, how = LOADING, ""
    try:
        for record in incoming(process, left, limits, trial):
            if (name := record.get("begins")) in left and name not in trial.ended:
                task = name
            elif record.get("ends") == task != LOADING:
                trial.ended[task], task = "", LOADING
            elif "seen" in record and record["task"] == task != LOADING and len(record["case"]) == 2:
                trial.observed[task][record["case"]] = record["seen"]
            elif isinstance(record.get("loaded"), dict):
                trial.modules = {file: inside(record["loaded"].get(file), job / "files") for file in trial_files(job)}
            elif isinstance(record.get("failed"), str):
                trial.failed = one_line(record["failed"])[:LONGEST]
                trial.line = deepest(frames_of(record), trial_files(job))
                how = "not loaded"
            elif "ended" in record:
                how = how or record["ended"]
    finally:
        sandbox.stop(process)
    waiting = [name for name in left if name not in trial.ended]
    how = how or sandbox.ending(process.returncode) or NOTHING
    for name in [task] if task != LOADING else waiting:
        trial.ended[name] = how


def trial_files(job: Path) -> list[str]:
    """The student's files of a job."""
    files: list[str] = json.loads((job / "job.json").read_text(encoding="utf-8"))["files"]
    return files


def inside(origin: object, folder: Path) -> str | None:
    """A file in a folder, by its name there; any other as it is."""
    if not isinstance(origin, str):
        return None
    path = Path(origin)
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else one_line(origin)


def frames_of(record: Mapping[str, Any]) -> list[tuple[str, int | None]]:
    """The traceback of a record, as (file, line)."""
    frames = record.get("frames")
    pairs = frames if isinstance(frames, list) else []
    return [(str(p[0]), p[1]) for p in pairs if isinstance(p, list) and len(p) == 2 and isinstance(p[1], int)]


def incoming(
    process: subprocess.Popen[bytes], left: list[str], limits: Limits, trial: Trial
) -> Iterator[dict[str, Any]]:
    """The records of a process, as they come; the last one, {"ended": ...}, if it has to be stopped.

    It has `limits.loading` seconds to load the files, and `limits.seconds` for each task.
    """
    assert process.stdout is not None and process.stderr is not None
    arrived: queue.Queue[dict[str, Any] | None] = queue.Queue()
    printed: list[str] = []
    threads = [
        threading.Thread(target=read, args=(process.stdout, limits.output, arrived), daemon=True),
        threading.Thread(target=listen, args=(process.stderr, limits.printed, printed), daemon=True),
    ]
    for thread in threads:
        thread.start()
    end, waiting = time.monotonic() + limits.loading, list(left)
    try:
        while True:
            try:
                record = arrived.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                yield {"ended": "time"}
                return
            if record is None:
                break
            if (name := record.get("begins")) in waiting:
                waiting.remove(name)
                end = time.monotonic() + limits.seconds
            yield record
        with suppress(subprocess.TimeoutExpired):  # its output has ended, and so should it
            process.wait(max(0.1, min(1.0, end - time.monotonic())))
    finally:
        sandbox.stop(process)
        for thread in threads:
            thread.join(1.0)  # a process that got away may hold the pipes
        if not any(thread.is_alive() for thread in threads):
            process.stdout.close()
            process.stderr.close()
        trial.printed = (trial.printed + "".join(printed))[: limits.printed]


def read(stream: IO[bytes], most: int, arrived: queue.Queue[dict[str, Any] | None]) -> None:
    """Put the records of a stream into the queue, then None."""
    try:
        for record in passing.records(stream, most):
            arrived.put(record)
    except EOFError:
        pass  # it was stopped in the middle of one
    except (ValueError, RecursionError) as error:
        arrived.put({"ended": f"it sent what is no result ({one_line(str(error))[:80]})"})
    finally:
        arrived.put(None)


def listen(stream: IO[bytes], most: int, printed: list[str]) -> None:
    """Keep the beginning of what is printed, and let the rest go."""
    for part in iter(lambda: stream.read1(2**16), b""):  # type: ignore[attr-defined]
        if most > 0:
            said = part.decode("utf-8", "replace")[:most]
            printed.append(said)
            most -= len(said)
