"""`minidelve bench`: how fast kernels, ops and networks are, against the machine's limits and PyTorch."""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from minidelve import models
from minidelve.bench import cases as all_cases
from minidelve.bench.machine import Limits, copy, measure_limits, sgemm
from minidelve.bench.memory import peak_in_own_process
from minidelve.bench.networks import DifferentWork, Job, check_same_work, our_side, relative_difference, their_side
from minidelve.bench.timing import Spread, interleaved, ratio
from minidelve.bench.twin import TorchMissing, load_torch
from minidelve.commands.arguments import add_command, add_thread_options, at_least
from minidelve.config import versions
from minidelve.run_folder import RunError
from minidelve.summary import summarize
from minidelve.threads import thread_count, using

EXAMPLE = """
minidelve bench
minidelve bench --against torch --json speed.json
minidelve bench networks --model lab14 --batch-size 64 --against torch
minidelve bench ops --only prelu --against torch
"""
PARTS = ("kernels", "ops", "networks")
# model: (batch, pixels) unless --batch-size and --size say otherwise
JOBS = {"lab14": (64, 56), "small14": (64, 224), "model_a": (8, 224)}
LAYOUTS = ("NCHW", "channels_last")


def add_to(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = add_command(subparsers, "bench", "time kernels, ops and steps, against limits and PyTorch", EXAMPLE, run)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (default all)")
    parser.add_argument("--only", metavar="TEXT", help="kernels and ops whose name has this in it")
    parser.add_argument(
        "--model",
        action="append",
        choices=tuple(models.TABLES),
        help=f"network; may be repeated (default {', '.join(JOBS)})",
    )
    parser.add_argument("--mode", choices=("training", "inference", "both"), default="both", help="of networks")
    parser.add_argument("--batch-size", type=at_least(1), metavar="N", help="of networks (default 64, model_a 8)")
    parser.add_argument("--size", type=at_least(1), metavar="PIXELS", help="of networks (default 224, lab14 56)")
    parser.add_argument("--against", choices=("torch",), help="take turns with PyTorch and print the ratio")
    parser.add_argument("--compile", action="store_true", help="also torch.compile (needs a C++ compiler)")
    parser.add_argument("--rounds", type=at_least(1), default=7, metavar="N", help="measurements of each (default 7)")
    add_thread_options(parser)
    parser.add_argument("--no-memory", action="store_true", help="leave out the peak memory of each training run")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to a file too")


def run(args: argparse.Namespace) -> int:
    """Print the tables; exit code 1 when two sides that should agree do not."""
    strangers = [part for part in args.parts if part not in PARTS]
    if strangers:
        raise RunError(f"bench: {strangers[0]!r} is no part; expected some of: {', '.join(PARTS)}")
    if args.compile and not args.against:
        raise RunError("--compile is PyTorch's; add --against torch")
    if args.json and args.json.is_dir():
        raise RunError(f"--json {args.json} is a folder; name a file in it")
    if args.json and not args.json.absolute().parent.is_dir():
        raise RunError(f"--json {args.json}: there is no such folder; name a file in one that exists")
    check_sizes(args)
    selected = selected_cases(args)
    try:
        bench = Bench(args, selected)
    except TorchMissing as error:
        raise RunError(str(error)) from error
    for part in parts_of(args):
        getattr(bench, part)()
    if args.json:
        bench.save()
        print(f"\nevery figure is in {args.json}")
    for line in bench.refused:
        print(f"NO RATIO: {line}")
    return 1 if bench.refused else 0


def parts_of(args: argparse.Namespace) -> list[str]:
    """What to measure: all parts unless some are named; the networks have no case that --only could mean."""
    return [part for part in PARTS if (part in args.parts if args.parts else not (args.only and part == "networks"))]


def selected_cases(args: argparse.Namespace) -> list[str]:
    """The names of the kernels and ops to time; RunError if --only leaves none."""
    if args.only and args.parts == ["networks"]:
        raise RunError(f"--only {args.only}: chooses kernels and ops; networks are chosen by --model")
    kinds = {"kernels": all_cases.KERNELS, "ops": all_cases.OPS}
    names = [name for part in parts_of(args) if part in kinds for name in kinds[part]]
    found = [name for name in names if (args.only or "") in name]
    if args.only and not found:
        raise RunError(f"--only {args.only}: no such kernel or op; expected a part of one of: {', '.join(names)}")
    return found


def check_sizes(args: argparse.Namespace) -> None:
    """RunError for images that a network cannot take."""
    for model in (args.model or JOBS) if args.size and "networks" in parts_of(args) else ():
        try:
            summarize(models.create(model, 1, init="unfilled", width=0.01, fc=1), args.size)
        except ValueError as error:
            raise RunError(f"--size {args.size}: too small for {model} ({error}); give more pixels") from error


class Bench:
    """One run of the command: measures, prints as it goes, and keeps every figure."""

    def __init__(self, args: argparse.Namespace, selected: list[str]):
        self.args, self.selected, self.refused = args, selected, list[str]()
        self.torch = load_torch(thread_count()) if args.against else None
        self.limits: Limits = measure_limits()
        described = versions() | ({"torch": self.torch.__version__} if self.torch else {})
        print(
            f"{platform.processor() or platform.machine()}, {thread_count()} threads, "
            + ", ".join(f"{name} {version}" for name, version in described.items())
            + f"\nlimits: products {self.limits.sgemm:.0f} GFLOP/s, copy {self.limits.copy:.1f} GB/s"
            + "\n'of limit' is against the limit in the same round: above 100% where an algorithm needs fewer"
            + "\noperations than are counted (Winograd), or where the caches hold it all"
            + ("\nratios are their time over ours: above 1 minidelve is faster" if self.torch else "")
        )
        self.figures: dict[str, Any] = {
            "threads": thread_count(),
            "versions": described,
            "limits": asdict(self.limits),
            "started": time.strftime("%Y-%m-%d %H:%M"),
            "cores": os.cpu_count(),
            "cases": [],
            "networks": [],
        }

    def kernels(self) -> None:
        """Every kernel, alone: on one core, whose limits it is held to."""
        with using(1):
            self._cases("kernel")

    def ops(self) -> None:
        """Every op, beside PyTorch's if asked."""
        self._cases("op")

    def _cases(self, kind: str) -> None:
        where = "one core" if kind == "kernel" else f"{thread_count()} cores"
        print(
            f"\n{f'{kind}, {where}':<30}{'ms':>9}  {'(low to high)':<19}{'rate':>15}{'of limit':>10}"
            + (f"  {'against torch':<20}" if self.torch else "")
        )
        for case in all_cases.cases(kind, self.selected):
            self._case(case)
            self.save()

    def _case(self, case: all_cases.Case) -> None:
        products = case.flops > 0
        work, unit = (case.flops, "GFLOP/s") if products else (case.bytes, "GB/s")
        limit = sgemm() if products else copy()
        sides = {"ours": case.ours, "limit": limit.run}
        if self.torch and case.theirs:
            sides["torch"] = case.theirs(self.torch)
            for ours, theirs in zip(case.ours(), sides["torch"](), strict=True):
                if not relative_difference(ours, theirs) < 1e-3:
                    self.refused.append(f"{case.name}: results differ by {relative_difference(ours, theirs):.2g}")
                    return
        rounds = list(interleaved(sides, self.args.rounds, seconds=0.1))
        ours = Spread.of([times["ours"] for times in rounds])
        rate = work / ours.median / 1e9
        share = Spread.of([times["limit"] / limit.work * work / times["ours"] for times in rounds])
        pairs = [{name: t for name, t in times.items() if name != "limit"} for times in rounds]
        against = ratio(pairs, "ours") if "torch" in sides else None
        print(
            f"{case.name:<30}{1e3 * ours.median:9.3f}  {f'({1e3 * ours.low:.3f} to {1e3 * ours.high:.3f})':<19}"
            f"{rate:9.1f} {unit:<7}{share.median:7.0%}"
            + (f"  {show(against):<20}" if self.torch else "")
            + f"  {case.what}",
            flush=True,
        )
        self.figures["cases"].append(
            {
                "kind": case.kind,
                "name": case.name,
                "what": case.what,
                "seconds": asdict(ours),
                "rate": rate,
                "unit": unit,
                "share_of_limit": asdict(share),
                "ratio": asdict(against) if against else None,
            }
        )

    def networks(self) -> None:
        """Whole steps of each network."""
        modes = ("training", "inference") if self.args.mode == "both" else (self.args.mode,)
        for model in self.args.model or JOBS:
            batch, size = JOBS.get(model, (8, 224))
            for mode in modes:
                self._network(Job(model, self.args.batch_size or batch, self.args.size or size, mode))

    def _network(self, job: Job) -> None:
        print(f"\n{job}")
        network, step = our_side(job)
        sides = {"minidelve": step}
        if self.torch:
            for layout in LAYOUTS:
                twin, sides[f"torch {layout}"] = their_side(self.torch, job, network, layout)
                if layout == LAYOUTS[0]:
                    try:
                        agreement = check_same_work(self.torch, job, network, twin)
                    except DifferentWork as error:
                        self.refused.append(str(error))
                        return
                    print(f"  same work: logits and gradients agree to {agreement:.1g} of their size")
            if self.args.compile:
                print("  torch.compile takes minutes at its first step", flush=True)
                _, sides["torch compiled"] = their_side(self.torch, job, network, "channels_last", compiled=True)
        rounds = list(interleaved(sides, self.args.rounds, seconds=1.0))
        figures: dict[str, Any] = {**asdict(job), "images_per_second": {}, "peak_mb": {}}
        for name in sides:
            rate = Spread.of([job.batch / times[name] for times in rounds])
            print(f"  {name:<20}{rate.median:9.2f} img/s   ({rate.low:.2f} to {rate.high:.2f})", flush=True)
            figures["images_per_second"][name] = asdict(rate)
        if self.torch:
            against = ratio(rounds, "minidelve")
            print(f"  {'ratio':<20}{show(against)} of PyTorch's best in each of {len(rounds)} rounds")
            figures["ratio"] = asdict(against)
        del sides, network, step, rounds
        if job.mode == "training" and not self.args.no_memory:
            self._memory(job, figures)
        self.figures["networks"].append(figures)
        self.save()

    def save(self) -> None:
        """Every figure so far into --json's file: an interruption loses none."""
        if self.args.json:
            self.args.json.write_text(json.dumps(self.figures, indent=2) + "\n", encoding="utf-8")

    def _memory(self, job: Job, figures: dict[str, Any]) -> None:
        for side in ("minidelve", *(LAYOUTS if self.torch else ())):
            figures["peak_mb"][side] = peak_in_own_process(side, job)
            print(f"  {side + ' peak':<20}{figures['peak_mb'][side]:9.0f} MB", flush=True)
        if self.torch:
            ours, *theirs = figures["peak_mb"].values()
            print(f"  {'memory':<20}{ours / min(theirs):9.2f} of PyTorch's")


def show(spread: Spread | None) -> str:
    """0.98 (0.90 to 1.03)"""
    return f"{spread.median:.2f} ({spread.low:.2f} to {spread.high:.2f})" if spread else ""
