"""A lab's experiment on a student's files: in a process of its own, through the overlay, with the user's rights.

labs/labN/experiment.py has main(out, seed, quick), which prints a table, writes pictures into `out` and returns its
numbers; one that can be given other images has `source` too. The files of this lab and of those before it are the
student's, as far as no blank is left in them.
"""

from __future__ import annotations

import hashlib
import json
import math
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from minidelve import __version__, interrupts
from minidelve.disk.files import disk_errors, write_whole
from minidelve.disk.records import parse
from minidelve.errors import UserError, one_line
from minidelve.labs import overlay
from minidelve.labs.blanks import function, parsed
from minidelve.labs.course import Lab
from minidelve.labs.student.files import StudentFile, student_files
from minidelve.labs.student.folder import NUMBERS_FILE, Folder
from minidelve.labs.trial.calling import line_in
from minidelve.progress import note

PATIENCE = 5.0  # seconds that an experiment has to end after Ctrl-C


@dataclass(frozen=True)
class Chosen:
    """The student's files that an experiment runs on, and those that still have blanks: the product's serve there."""

    files: tuple[StudentFile, ...]
    left_out: tuple[StudentFile, ...]

    def in_words(self) -> str:
        """Such as "your 3 files of labs 3, 4"."""
        if not self.files:
            return "no file of yours"
        numbers = sorted({file.lab for file in self.files})
        count, labs = len(self.files), f"lab{'' if len(numbers) == 1 else 's'} {', '.join(map(str, numbers))}"
        return f"your {count} files of {labs}" if count > 1 else f"your file of {labs}"


def chosen(lab: Lab, folder: Folder) -> Chosen:
    """The files for the experiment of a lab; UserError where one of the lab's own has a blank left."""
    own = student_files(lab, folder.path)
    if blank := next((file for file in own.values() if file.left), None):
        found = f"{blank.path}: {', '.join(blank.left)} {'is' if len(blank.left) == 1 else 'are'} still to be written"
        them = "it" if len(blank.left) == 1 else "them"
        raise UserError(found, cure=f"the experiment of lab {lab.number} runs on {them}")
    earlier = [folder.started(number) for number in sorted(folder.labs) if number < lab.number]
    # A variant's functions are others than the product's: no other lab can count on them.
    files = [file for each in earlier if not each.variant for file in student_files(each, folder.path).values()]
    return Chosen((*[f for f in files if not f.left], *own.values()), tuple(f for f in files if f.left))


def experiment_of(lab: Lab) -> Path:
    """The file of a lab's experiment: a variant's own, or that of its lab. UserError if there is none."""
    for folder in (lab.folder, *lab.folder.parents[1:2]) if lab.variant else (lab.folder,):
        if (folder / "experiment.py").is_file():
            return folder / "experiment.py"
    raise UserError(f"lab {lab.number} has no experiment")


def takes_data(experiment: Path) -> bool:
    """Whether an experiment has the parameter `source`, for other images than its own."""
    main = function(parsed(experiment.read_text(encoding="utf-8")), "main")
    return main is not None and any(each.arg == "source" for each in (*main.args.args, *main.args.kwonlyargs))


def run_experiment(
    lab: Lab, folder: Folder, files: Sequence[StudentFile], seed: int, quick: bool, data: str | None = None
) -> int:
    """Run the experiment and keep its numbers; the exit code. A quick one leaves those of a whole one alone.

    data   the images, for an experiment that takes some; UserError for any other
    """
    path = experiment_of(lab)
    if data is not None and not takes_data(path):
        raise UserError(f"the experiment of lab {lab.number} takes no images", cure="leave --data out")
    kept = folder.numbers(lab.number, quick)
    out = kept.parent
    with disk_errors(f"{out}"), TemporaryDirectory() as scratch:
        out.mkdir(parents=True, exist_ok=True)
        numbers = Path(scratch) / NUMBERS_FILE
        names = [file.file for file in files]
        asked = {"experiment": str(path), "out": str(out.resolve()), "numbers": str(numbers), "files": names}
        more = {"source": data} if data is not None else {}
        argv = [json.dumps({**asked, "seed": seed, "quick": quick, "more": more})]
        started = time.monotonic()
        if code := overlaid(folder, files, __name__, argv):
            return code
        if not numbers.exists():
            raise UserError("the experiment ended without its numbers", cure="is there an exit() in a file of yours?")
        record = {
            "lab": lab.number, "variant": lab.variant, "version": __version__, "seed": seed, "quick": quick,
            "seconds": round(time.monotonic() - started, 1), "numbers": parse(numbers.read_bytes()),
            "files": {file.file: digest(file.text) for file in files},
        }  # fmt: skip
        write_whole(kept, json.dumps(record, indent=2) + "\n")
    return 0


def run_command(folder: Folder, files: Sequence[StudentFile], words: Sequence[str]) -> int:
    """Run a command of ours, "train --data toy", on the student's files; its exit code."""
    try:
        return overlaid(folder, files, "minidelve", words)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT  # the command has said so itself


def overlaid(folder: Folder, files: Sequence[StudentFile], module: str, argv: Sequence[str]) -> int:
    """Run a module with these files in place of the product's; its exit code."""
    job = {"folder": str(folder.path.resolve()), "files": [f.file for f in files], "module": module, "argv": list(argv)}
    with TemporaryDirectory() as scratch:
        path = Path(scratch) / "job.json"
        path.write_text(json.dumps(job), encoding="utf-8")
        return ended(overlay.command(path))


def digest(text: str) -> str:
    """By which a file that has changed since is known."""
    return hashlib.sha256(text.encode()).hexdigest()


def ended(command: Sequence[str]) -> int:
    """Run a command until it ends; its exit code. Whatever ends this process, ends the command's too."""
    process = subprocess.Popen(command, env=overlay.environment())
    try:
        code = process.wait()
    except BaseException:  # Ctrl-C reaches both from a terminal, other signals only this one
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.2)
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
        process.kill()
        process.wait()
        raise
    if code < 0:
        note(f"minidelve: the experiment was ended by signal {-code}")
    return code if code >= 0 else 128 - code


# ---- in the process of the experiment ----


def main(asked: dict[str, Any]) -> int:
    """Run the experiment here; what a student can mend is one line and exit code 2."""
    try:
        experiment = runpy.run_path(asked["experiment"])["main"]
        numbers = experiment(Path(asked["out"]), asked["seed"], quick=asked["quick"], **asked["more"])
        kept = {name: float(number) if math.isfinite(number) else None for name, number in numbers.items()}
        Path(asked["numbers"]).write_text(json.dumps(kept), encoding="utf-8")
        return 0
    except UserError as error:
        note(f"minidelve: {error}")
    except Exception as error:
        line = line_in(error, asked["files"])
        if not line:
            raise  # a fault of ours
        note(one_line(f"minidelve: {line}: {type(error).__name__}: {error}"))
    return 2


if __name__ == "__main__":
    sys.exit(interrupts.run(lambda: main(json.loads(sys.argv[1])), lambda line: None))
