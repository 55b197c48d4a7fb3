"""Running an item: finished parts are kept, the others run, and then csv, figure and page are written.

OUT/index.md             all items (after `reproduce all`)
OUT/ITEM/page.md         what the paper did, what we ran, the numbers side by side, whether the trend holds
OUT/ITEM/figure.png
OUT/ITEM/results.csv     every row of every part
OUT/ITEM/parts/          finished parts (parts.py)
OUT/runs/                trained networks, which the items share (training.py)
"""

from __future__ import annotations

import csv
import io
import os
import platform
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from minidelve import __version__
from minidelve.backend import threads
from minidelve.errors import RunError
from minidelve.experiments.claims import Trend
from minidelve.experiments.item import Item, Setup
from minidelve.experiments.page import page
from minidelve.experiments.parts import Part, Parts
from minidelve.experiments.rows import Rows
from minidelve.files import check_writable
from minidelve.progress import duration, progress

OWN_FILES = {"page.md", "figure.png", "results.csv", "parts", "unfinished"}


@dataclass(frozen=True)
class Work:
    """What to run: an item's budget by name, the data (`toy` or a path), the seeds 0 .. seeds - 1, where."""

    item: Item
    budget: str
    data: str
    seeds: int | None
    out: Path
    device: str = "cpu"

    @property
    def folder(self) -> Path:
        return self.out / self.item.name

    @property
    def seed_count(self) -> int:
        if not self.item.random:
            return 1
        return self.seeds or self.item.budgets[self.budget].seeds

    @property
    def data_name(self) -> str:
        """The data set without its folder, which is another one on another machine."""
        return Path(self.data).name

    @property
    def command(self) -> str:
        """The command that repeats it, where the data lie."""
        data = f" --data {shlex.quote(self.data_name)}" if self.item.uses_data else ""
        seeds = f" --seeds {self.seed_count}" if self.item.random else ""
        device = f" --device {self.device}" if self.device != "cpu" else ""
        return f"minidelve reproduce {self.item.name}{data} --budget {self.budget}{seeds}{device}"


@dataclass(frozen=True)
class Result:
    """What came out, and how much of it was there before."""

    work: Work
    trend: Trend
    parts: int
    found: int
    seconds: float


def reproduce(work: Work) -> Result:
    """Run what is not finished, write everything; RunError when the folder cannot be used."""
    check_folder(work)
    with writing(work.folder):
        (work.folder / "parts").mkdir(parents=True, exist_ok=True)
    parts, found = run_parts(work)
    rows = [row for part in parts for row in part.rows]
    seconds = sum(part.seconds for part in parts)
    machines = list(dict.fromkeys(part.machine for part in parts))
    with writing(work.folder):
        # A data set's folder is another one on another machine: its name is enough.
        write(work.folder, "results.csv", as_csv(rows).replace(work.data, work.data_name).encode())
        trend = write_result(work.item, work.folder, rows, facts(work, seconds, machines))
    return Result(work, trend, len(parts), found, seconds)


def write_result(item: Item, folder: Path, rows: Rows, told: Sequence[tuple[str, str]]) -> Trend:
    """Write figure and page; the verdict."""
    rows = item.whole(rows)
    trend = item.trend(rows)
    picture = io.BytesIO()
    item.draw(rows).savefig(picture, format="png", dpi=110)
    write(folder, "figure.png", picture.getvalue())
    write(folder, "page.md", page(item, item.table(rows), trend, told).encode())
    return trend


def run_parts(work: Work) -> tuple[list[Part], int]:
    """Every part, seed by seed, so that work that stops has something of every variant; and how many were there."""
    budget = replace(work.item.budgets[work.budget], seeds=work.seed_count)
    finished = Parts(work.folder / "parts", work.item, budget, work.data, work.device)
    wanted = [(variant, seed) for seed in range(budget.seeds) for variant in work.item.variants(budget)]
    parts = {key: finished.load(*key) for key in wanted}
    missing = [key for key, part in parts.items() if part is None]
    found = len(wanted) - len(missing)
    if found:
        print(f"{work.item.name}: {found} of {len(wanted)} parts are there already", file=sys.stderr)
    try:
        for variant, seed in progress(missing, len(missing), work.item.name, unit="part"):
            start = time.perf_counter()
            setup = Setup(budget, work.data, variant, seed, work.out / "runs", work.device)
            try:
                rows = work.item.run(setup)
            except RunError as error:
                raise type(error)(f"{work.item.name}, {variant}, seed {seed}: {error}") from error
            with writing(work.folder):
                part = Part(rows, time.perf_counter() - start + setup.earlier, machine())
                parts[variant, seed] = finished.keep(variant, seed, part)
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt("finished parts are kept: the same command goes on from there") from stop
    return [part for part in parts.values() if part is not None], found


def check_folder(work: Work) -> None:
    """Refuse a folder that holds something else, or cannot be written."""
    try:
        strangers = sorted(set(os.listdir(work.folder)) - OWN_FILES)
    except FileNotFoundError:
        strangers = []
    except OSError as error:
        raise RunError(f"--out: {work.folder} cannot be used ({error.strerror}); name another folder") from error
    if strangers:
        raise RunError(
            f"--out: {work.folder} holds {strangers[0]}, which is no part of an item; name another folder with --out"
        )
    check_writable(work.folder, f"--out: {work.folder}")


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn what a full or vanished disk raises into a RunError."""
    try:
        yield
    except OSError as error:
        reason = f"cannot be written ({error.strerror}); make room there or name another folder"
        raise RunError(f"--out: {folder} {reason}") from error


def write(folder: Path, name: str, content: bytes) -> None:
    """Write a file, replacing an old one only when complete."""
    unfinished = folder / "unfinished"
    unfinished.write_bytes(content)
    os.replace(unfinished, folder / name)


def as_csv(rows: Rows) -> str:
    """A line a row; numbers to the last bit, so that page and figure can be made from it again."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def facts(work: Work, seconds: float, machines: list[str]) -> list[tuple[str, str]]:
    """What one must know to repeat it."""
    budget = work.item.budgets[work.budget]
    data = [("data", f"`{work.data_name}`")] if work.item.uses_data else [("data", "none needed")]
    shared = ", with the training of networks that items share" if "epochs" in budget.settings else ""
    seeds = f"0 to {work.seed_count - 1}" if work.seed_count > 1 else "0" if work.item.random else "nothing is random"
    return [
        *data,
        ("budget", f"{work.budget}: " + ", ".join(f"{name} {value}" for name, value in budget.settings.items())),
        ("seeds", seeds),
        ("time", duration(seconds) + " of computing" + shared),
        ("machine", "; ".join(machines)),
        ("command", f"`{work.command}`"),
    ]


def machine() -> str:
    """This machine in a few words."""
    cores = threads.thread_count()
    return (
        f"{processor()}, {cores} core{'s' if cores > 1 else ''}, {platform.system()}, "
        f"Python {platform.python_version()}, minidelve {__version__}"
    )


def processor() -> str:
    """The processor's name where the system tells it, else its kind."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
