"""A submission's experiment run again with its own seed, and its numbers compared with those that were handed in.

The experiment runs as a check does, bounded and confined, and longer (again_child.py). What its process answers is the
word of the student's code: code that lies here has lied in its numbers.json too.
"""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from minidelve.disk.files import read_file
from minidelve.disk.records import check, integer, map_of, maybe, number, parse, record, switch
from minidelve.errors import UserError, one_line
from minidelve.labs.course import Lab
from minidelve.labs.overlay import ROOT
from minidelve.labs.student.experimenting import experiment_of
from minidelve.labs.student.folder import NUMBERS_FILE
from minidelve.labs.trial import sandbox
from minidelve.labs.trial.sandbox import Limits
from minidelve.labs.trial.trying import listen

AGREE = "agree"
MOST = 2**16  # bytes of numbers
LONGEST = 120  # letters
LIMITS = Limits(seconds=2400, cpu=1800, memory=2**33, file=2**26, processes=64)
SPACE = 2**28  # bytes of files: an experiment that trains keeps checkpoints
COMPILER = "numba", "llvmlite"  # for the product's compiled kernels
IMAGES = "MINIDELVE_LAB_DATA"  # the variable by which experiments are given images
HANDED_IN = record({"seed": integer(0, 2**32 - 1), "quick": switch, "numbers": map_of(maybe(number()))})
CHILD = Path(__file__).with_name("again_child.py")


def verdict(lab: Lab, folder: Path, product: Path, confined: bool, limits: Limits = LIMITS) -> str:
    """Whether the numbers of a submission come again: "agree", or what else there is to say.

    product    what lies under the student's files (whole_product)
    """
    try:
        experiment = experiment_of(lab)
        handed_in = numbers_of(folder / f"lab{lab.number}" / NUMBERS_FILE)
    except UserError:
        return "the lab has no experiment"
    except ValueError as error:
        return f"none: {one_line(str(error))}"
    came = numbers_again(lab, folder, experiment, handed_in["seed"], product, confined, limits)
    if isinstance(came, str):
        return one_line(f"failed: {came}")[:LONGEST]
    return compared(handed_in["numbers"], came, runpy.run_path(str(experiment))["TOLERANCE"])


def numbers_of(path: Path) -> dict[str, Any]:
    """The numbers that were handed in, and their seed; ValueError for anything else."""
    try:
        found = parse(read_file(path, MOST))
    except FileNotFoundError:
        raise ValueError(f"no {NUMBERS_FILE}") from None
    except OSError as error:
        raise ValueError(f"{NUMBERS_FILE} cannot be read ({error.strerror})") from None
    check(found, HANDED_IN)
    if found["quick"]:
        raise ValueError("numbers of --quick")
    return dict(found)


def compared(handed_in: Mapping[str, Any], came: Mapping[str, Any], tolerance: Mapping[str, Any]) -> str:
    """Whether the numbers that count are the same, as far as (relative, absolute) allows.

    >>> compared({"loss": 1.42}, {"loss": 1.43}, {"loss": (0.01, 0.0)})
    'agree'
    >>> compared({"loss": 1.0}, {"loss": 1.11}, {"loss": (0.1, 0.0)})  # of what came
    'agree'
    >>> compared({"loss": 1.42}, {"loss": 1.5, "error": 3.0}, {"loss": (0.01, 0.0), "error": (0.0, 1.0)})
    'differ: loss 1.42, again 1.5; error missing'
    """
    wrong = []
    for name, (relative, absolute) in tolerance.items():
        one, two = handed_in.get(name), came.get(name)
        if name not in handed_in or name not in came:
            wrong.append(f"{name} missing")
        elif one != two and (one is None or two is None or abs(one - two) > absolute + relative * abs(two)):
            wrong.append(f"{name} {said(one)}, again {said(two)}")
    return f"differ: {'; '.join(wrong)}"[:LONGEST] if wrong else AGREE


def said(number: float | None) -> str:
    """A number, or that there was none."""
    return "not finite" if number is None else f"{number:.6g}"


@contextmanager
def whole_product(root: Path = ROOT) -> Iterator[Path]:
    """The root of a copy of the product that everyone may read; it goes with the block. Experiments train with it."""
    with tempfile.TemporaryDirectory(prefix="minidelve-whole-", ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        for package in ("kernels", "minidelve"):
            inside = ("__pycache__", "course") if package == "minidelve" else ("__pycache__",)
            shutil.copytree(root / package, folder / package, ignore=shutil.ignore_patterns(*inside))
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        yield folder


def numbers_again(
    lab: Lab, folder: Path, experiment: Path, seed: int, product: Path, confined: bool, limits: Limits
) -> dict[str, Any] | str:
    """The numbers of the experiment on the student's files; or why there are none."""
    with tempfile.TemporaryDirectory(prefix="minidelve-again-", ignore_cleanup_errors=True) as name:
        room = Path(name).resolve()
        for file in lab.files:
            (room / "files" / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / file, room / "files" / file)
        shutil.copyfile(experiment, room / "experiment.py")
        shutil.copyfile(CHILD, room / "again.py")
        asked = {
            "folder": str(room / "files"), "files": lab.files, "script": str(room / "again.py"),
            "argv": [str(room / "job.json")], "experiment": str(room / "experiment.py"), "seed": seed,
            "limits": limits.asked(), "nobody": sandbox.becomes_nobody(confined, [product, room]),
        }  # fmt: skip
        (room / "job.json").write_text(json.dumps(asked), encoding="utf-8")
        for path in [room, *room.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        overlay = product / "minidelve" / "labs" / "overlay.py"
        packages = [sandbox.packages_folder() / name for name in COMPILER]
        readable, environment = [path for path in packages if path.is_dir()], {}
        if images := os.environ.get(IMAGES):
            environment[IMAGES] = str(Path(images).resolve())
            readable.append(Path(images).resolve())
        if confined:
            environment["NUMBA_CACHE_DIR"] = "/tmp/compiled"
        process = sandbox.start(
            [overlay, room / "job.json"], room, [product], readable, confined, environment, space=SPACE
        )
        return answer_of(process, limits.seconds)


def answer_of(process: subprocess.Popen[bytes], seconds: float) -> dict[str, Any] | str:
    """What the process of an experiment answers in this time; or how it ended instead."""
    out: list[str] = []
    err: list[str] = []
    threads = [
        threading.Thread(target=listen, args=(process.stdout, MOST, out), daemon=True),
        threading.Thread(target=listen, args=(process.stderr, 10 * MOST, err), daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return "time"
    finally:
        sandbox.stop(process)
        for thread in threads:
            thread.join(1.0)
        if process.stdout and process.stderr and not any(thread.is_alive() for thread in threads):
            process.stdout.close()
            process.stderr.close()
    if how := sandbox.ending(process.returncode):
        return f"{how} {''.join(err).strip().rpartition(chr(10))[2]}".strip()
    try:
        numbers = parse("".join(out))
        check(numbers, map_of(maybe(number())))
    except ValueError as error:
        return f"it sent what are no numbers ({error})"
    return dict(numbers)
