"""The tables of kernels and ops: time, rate, share of the limit, and ratios to what is timed beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from minidelve.backend.threads import thread_count, using
from minidelve.bench.case import Case, Numbers
from minidelve.bench.kernel_cases import kernel_cases
from minidelve.bench.machine import Meter
from minidelve.bench.op_cases import op_cases
from minidelve.bench.options import Options
from minidelve.bench.timing import Side, Spread, interleaved, ratio
from minidelve.bench.twin import allow_tf32, relative_difference
from minidelve.progress import say

# Of an op's results, relative to their size; two factors of 10 bits are off by up to 5e-4 each.
AGREEMENT = {"fp32": 1e-3, "tf32": 5e-3, "mixed": 5e-3}


def kernel_table(options: Options, meter: Meter) -> Iterator[dict[str, Any]]:
    """Every kernel, alone: on the CPU on one core, whose limits it is held to."""
    first, *others = options.kernels
    with using(1 if options.device == "cpu" else None):
        say_heading("kernel, one core" if options.device == "cpu" else f"kernel, {first}", others)
        by_folder = [kernel_cases(options.cases, numbers_of(options, folder)) for folder in options.kernels]
        for case, *beside in zip(*by_folder, strict=True):
            yield measure(case, {name: other.ours for name, other in zip(others, beside, strict=True)}, options, meter)


def op_table(options: Options, meter: Meter, torch: Any, refused: list[str]) -> Iterator[dict[str, Any]]:
    """Every op, beside PyTorch's where there is a torch; those that do not agree with it go to `refused`."""
    where = f"{thread_count()} cores" if options.device == "cpu" else options.kernels[0]
    say_heading(f"op, {where}", ["torch"] if torch else [])
    for case in op_cases(options.cases, numbers_of(options, options.kernels[0])):
        theirs = case.theirs(torch) if torch and case.theirs else None
        if theirs:
            allow_tf32(torch, options.precision)
            differences = [relative_difference(*pair) for pair in zip(case.ours(), theirs(), strict=True)]
            if not all(difference < AGREEMENT[case.precision] for difference in differences):
                refused.append(f"{case.name}: results differ by {max(differences):.2g}")
                continue
        yield measure(case, {"torch": theirs} if theirs else {}, options, meter)


def numbers_of(options: Options, folder: str) -> Numbers:
    """On the device and in the precision of the run."""
    return Numbers(options.device, options.precision, folder)


def say_heading(title: str, beside: Sequence[str]) -> None:
    """The line above a table."""
    columns = f"\n{title:<30}{'ms':>9}  {'(low to high)':<19}{'rate':>15}{'of limit':>10}"
    say(columns + "".join(f"  {'against ' + name:<20}" for name in beside))


def measure(case: Case, beside: Mapping[str, Side], options: Options, meter: Meter) -> dict[str, Any]:
    """Time a case in turns with its limit and with what is beside it; say a line, return its figures."""
    limit = meter.limit(case.work.limit(case.precision))
    clock = meter.kernel_clock if case.kind == "kernel" else meter.clock
    sides = {"ours": case.ours, "limit": limit.run, **beside}
    rounds = list(interleaved(sides, options.rounds, seconds=0.1, clock=clock))
    ours = Spread.of([times["ours"] for times in rounds])
    rate, unit = case.work.rate(ours.median)
    share = Spread.of([times["limit"] / limit.work * case.work.amount / times["ours"] for times in rounds])
    against = {name: ratio([{k: times[k] for k in ("ours", name)} for times in rounds], "ours") for name in beside}
    say(
        f"{case.name:<30}{1e3 * ours.median:9.3f}  {f'({1e3 * ours.low:.3f} to {1e3 * ours.high:.3f})':<19}"
        f"{rate:9.1f} {unit:<7}{share.median:7.0%}"
        + "".join(f"  {spread!s:<20}" for spread in against.values())
        + f"  {case.what}"
    )
    ratios = {name: asdict(spread) for name, spread in against.items()}
    return {
        "kind": case.kind,
        "name": case.name,
        "what": case.what,
        "seconds": asdict(ours),
        "rate": rate,
        "unit": unit,
        "share_of_limit": asdict(share),
        "ratio": ratios.pop("torch", None),
        "other_kernels": ratios,
    }
