"""Running an item: finished parts are kept, the others run, and then csv, figure and page are written.

OUT/index.md             all items (after `reproduce all`)
OUT/ITEM/page.md         what the paper did, what we ran, the numbers side by side, whether the trend holds
OUT/ITEM/figure.png
OUT/ITEM/results.csv     every row of every part
OUT/ITEM/parts/          finished parts (parts.py)
OUT/runs/                trained networks, which the items share (trained.py)
"""

from __future__ import annotations

import platform
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from minidelve import __version__
from minidelve.analysis.pictures import picture
from minidelve.backend import threads
from minidelve.disk.files import as_csv, disk_errors, remove_unfinished, write_whole
from minidelve.disk.owning import OwnFolder
from minidelve.errors import RunError
from minidelve.experiments.claims import Verdict
from minidelve.experiments.item import Item, Setup
from minidelve.experiments.page import page
from minidelve.experiments.parts import Part, Parts
from minidelve.experiments.rows import Rows, columns
from minidelve.progress import duration, note, progress
from minidelve.training.computing import asked_for

PARTS = "parts"


class ItemFolder(OwnFolder):
    """An item's folder."""

    def __init__(self, path: Path):
        files = {"page.md", "figure.png", "results.csv"}
        super().__init__(path, files, f"--out: {path}", folders={PARTS})

    def guard(self) -> None:
        """RunError where something else lies there."""
        for name in self.strangers():
            raise RunError(f"{self.what} holds {name}, which is not an item's", cure="name another folder with --out")

    def clean(self) -> None:
        """Remove what a killed process left unfinished, among the parts too. Raises OSError."""
        super().clean()
        remove_unfinished(self.path / PARTS)


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
    def folder(self) -> ItemFolder:
        """Where its files go."""
        return ItemFolder(self.out / self.item.name)

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
        asked = "".join(f" --{name} {value}" for name, value in asked_for().items())
        return f"minidelve reproduce {self.item.name}{data} --budget {self.budget}{seeds}{device}{asked}"


@dataclass(frozen=True)
class Result:
    """What came out, and how much of it was there before."""

    work: Work
    verdict: Verdict
    parts: int
    found: int
    seconds: float


def reproduce(work: Work) -> Result:
    """Run what is not finished, write everything; RunError when the folder cannot be used."""
    with work.folder as folder:
        parts, found = run_parts(work)
        rows = [row for part in parts for row in part.rows]
        seconds = sum(part.seconds for part in parts)
        machines = list(dict.fromkeys(part.machine for part in parts))
        with disk_errors(folder.what):
            # A data set's folder is another one on another machine: its name is enough.
            write_whole(folder.path / "results.csv", as_csv(columns(rows), rows).replace(work.data, work.data_name))
            verdict = write_result(work.item, folder.path, rows, facts(work, seconds, machines))
    return Result(work, verdict, len(parts), found, seconds)


def write_result(item: Item, folder: Path, rows: Rows, told: Sequence[tuple[str, str]]) -> Verdict:
    """Write the page, then the figure if it can be drawn; the verdict. Raises OSError."""
    rows = item.whole(rows)
    verdict = item.verdict(rows)
    write_whole(folder / "page.md", page(item, item.table(rows), verdict, told))
    figure = folder / "figure.png"
    if content := picture(f"{item.name}'s {figure.name}", lambda: item.draw(rows), dpi=110):
        write_whole(figure, content)
    else:
        figure.unlink(missing_ok=True)  # it would show other numbers than the page
    return verdict


def run_parts(work: Work) -> tuple[list[Part], int]:
    """Every part, seed by seed, so that work that stops has something of every variant; and how many were there."""
    budget = replace(work.item.budgets[work.budget], seeds=work.seed_count)
    finished = Parts(work.folder.path / PARTS, work.item, budget, work.data, work.device)
    wanted = [(variant, seed) for seed in range(budget.seeds) for variant in work.item.variants(budget)]
    parts = {key: finished.load(*key) for key in wanted}
    missing = [key for key, part in parts.items() if part is None]
    found = len(wanted) - len(missing)
    if found:
        note(f"{work.item.name}: {found} of {len(wanted)} parts are there already")
    kept = found
    try:
        for variant, seed in progress(missing, len(missing), work.item.name, unit="part"):
            start = time.perf_counter()
            setup = Setup(budget, work.data, variant, seed, work.out / "runs", work.device)
            try:
                rows = work.item.run(setup)
            except RunError as error:
                raise type(error)(f"{work.item.name}, {variant}, seed {seed}: {error}") from error
            part = Part(rows, time.perf_counter() - start + setup.earlier, machine())
            with disk_errors(work.folder.what):
                parts[variant, seed] = finished.keep(variant, seed, part)
            kept += 1
    except KeyboardInterrupt as stop:
        if kept:
            raise KeyboardInterrupt("finished parts are kept: the same command goes on from there") from stop
        raise KeyboardInterrupt(f"no part of {work.item.name} was finished") from stop
    return [part for part in parts.values() if part is not None], found


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
