"""One table of inference: ours beside PyTorch, torch.compile and onnxruntime, on one thread and on all.

Each network is timed for each batch and number of threads, the sides in turns (timing.py). Of PyTorch's two layouts the
better one of each round counts. Ratios are their time over ours: above 1 minidelve is faster.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from minidelve.backend.threads import thread_count, using
from minidelve.bench.memory import MINIDELVE, ONNXRUNTIME, peak_in_own_process
from minidelve.bench.networks import Job, our_side
from minidelve.bench.runtime import check_runtime, export, runtime_side
from minidelve.bench.same_work import DifferentWork
from minidelve.bench.tables import COMPILED, LAYOUTS, Options, their_sides
from minidelve.bench.timing import Spread, interleaved
from minidelve.progress import say

BATCHES = 1, 64
TORCH = "torch"
MEMBERS = {TORCH: [f"torch {layout}" for layout in LAYOUTS]}  # sides of which the better one counts
STEPS = 2  # while memory is measured


def inference_table(options: Options, torch: Any, runtime: Any, refused: list[str]) -> Iterator[dict[str, Any]]:
    """Every job on one thread and on all; those in which the sides do not agree go to `refused`."""
    say(f"\n{'inference':<26}{'threads':<9}{'':<16}{'img/s  (low to high)':<32}{'ratio':<22}{'peak':>10}")
    with tempfile.TemporaryDirectory() as folder:
        for job in options.inference:
            for threads in sorted({1, thread_count()}):
                with using(threads):
                    try:
                        figures = measured(job, options, torch, runtime, Path(folder) / f"{job.model}.onnx")
                    except DifferentWork as error:
                        refused.append(str(error))
                        continue
                say_line(job, figures)
                yield figures


def measured(job: Job, options: Options, torch: Any, runtime: Any, file: Path) -> dict[str, Any]:
    """Time the sides in turns and measure the memory of each. `file` is where the network is exported to."""
    rounds = timed(job, options, torch, runtime, file)
    seconds = {MINIDELVE: best_of(rounds, [MINIDELVE])}
    for name in (TORCH, COMPILED, ONNXRUNTIME):
        members = MEMBERS.get(name, [name])
        if members[0] in rounds[0]:
            seconds[name] = best_of(rounds, members)
    return {
        **asdict(job),
        "threads": thread_count(),
        "images_per_second": {name: asdict(Spread.of([job.batch / s for s in each])) for name, each in seconds.items()},
        "ratio": {name: asdict(beside(each, seconds[MINIDELVE])) for name, each in seconds.items()},
        "peak_mb": peaks(job, list(seconds), file) if options.memory else {},
    }


def timed(job: Job, options: Options, torch: Any, runtime: Any, file: Path) -> list[dict[str, float]]:
    """Seconds of each side in each round; DifferentWork if one does not do what ours does."""
    network, ours = our_side(job)
    sides = {MINIDELVE: ours}
    if torch:
        torch.set_num_threads(thread_count())
        sides |= their_sides(torch, job, network, options.compiled, tell=lambda line: None)
    if runtime:
        if not file.exists():
            export(job, network, file)
        sides[ONNXRUNTIME] = runtime_side(runtime, job, file)
        check_runtime(job, network, sides[ONNXRUNTIME])
    return list(interleaved(sides, options.rounds))


def best_of(rounds: Sequence[Mapping[str, float]], members: Sequence[str]) -> list[float]:
    """The least seconds of these sides in each round."""
    return [min(times[member] for member in members) for times in rounds]


def beside(theirs: Sequence[float], ours: Sequence[float]) -> Spread:
    """Their time over ours, round by round."""
    return Spread.of([a / b for a, b in zip(theirs, ours, strict=True)])


def peaks(job: Job, names: Sequence[str], file: Path) -> dict[str, float]:
    """Peak memory in MB of each that runs; not of what is compiled, since compiling takes more than running."""
    found = {}
    for name in names:
        if name != COMPILED:
            sides = LAYOUTS if name == TORCH else [name]
            found[name] = min(peak_in_own_process(side, job, STEPS, file=file)["resident"] for side in sides)
    return found


def say_line(job: Job, figures: Mapping[str, Any]) -> None:
    """A line for each side."""
    title, threads = f"{job.model}, batch {job.batch}, {job.size} px", str(figures["threads"])
    for name, rate in figures["images_per_second"].items():
        ratio = "" if name == MINIDELVE else str(Spread(**figures["ratio"][name]))
        memory = f"{figures['peak_mb'][name]:7.0f} MB" if name in figures["peak_mb"] else ""
        say(f"{title:<26}{threads:<9}{name:<16}{Spread(**rate)!s:<32}{ratio:<22}{memory:>10}".rstrip())
        title = threads = ""
