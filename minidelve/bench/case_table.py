"""The tables of kernels and ops: time, rate, share of the limit, and ratios to what is timed beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from minidelve.backend.threads import thread_count, using
from minidelve.bench.case import Case
from minidelve.bench.cases import cases
from minidelve.bench.meter import COPY, CpuMeter, CudaMeter
from minidelve.bench.networks import relative_difference
from minidelve.bench.options import Options
from minidelve.bench.timing import Side, Spread, interleaved, ratio
from minidelve.bench.twin import allow_tf32

# Of an op's results, relative to their size; two factors of 10 bits are off by up to 5e-4 each.
AGREEMENT = {"fp32": 1e-3, "tf32": 5e-3, "mixed": 5e-3}


def kernel_table(options: Options, meter: CpuMeter | CudaMeter) -> Iterator[dict[str, Any]]:
    """Every kernel, alone: on the CPU on one core, whose limits it is held to."""
    first, *others = options.kernels
    with using(1 if options.device == "cpu" else None):
        print_heading("kernel, one core" if options.device == "cpu" else f"kernel, {first}", others)
        by_folder = [_cases("kernel", options, folder) for folder in options.kernels]
        for case, *beside in zip(*by_folder, strict=True):
            yield measure(case, {name: other.ours for name, other in zip(others, beside, strict=True)}, options, meter)


def op_table(options: Options, meter: CpuMeter | CudaMeter, torch: Any, refused: list[str]) -> Iterator[dict[str, Any]]:
    """Every op, beside PyTorch's where there is a torch; those that do not agree with it go to `refused`."""
    first = options.kernels[0]
    where = f"{thread_count()} cores" if options.device == "cpu" else first
    print_heading(f"op, {where}", ["torch"] if torch else [])
    for case in _cases("op", options, first):
        theirs = case.theirs(torch) if torch and case.theirs else None
        if theirs:
            allow_tf32(torch, options.precision)
            differences = [relative_difference(*pair) for pair in zip(case.ours(), theirs(), strict=True)]
            bound = AGREEMENT[options.precision if case.rounds else "fp32"]
            if not all(difference < bound for difference in differences):
                refused.append(f"{case.name}: results differ by {max(differences):.2g}")
                continue
        yield measure(case, {"torch": theirs} if theirs else {}, options, meter)


def _cases(kind: str, options: Options, folder: str) -> Iterator[Case]:
    return cases(kind, options.cases, options.device, options.precision, folder)


def print_heading(title: str, beside: Sequence[str]) -> None:
    """The line above a table."""
    columns = f"\n{title:<30}{'ms':>9}  {'(low to high)':<19}{'rate':>15}{'of limit':>10}"
    print(columns + "".join(f"  {'against ' + name:<20}" for name in beside))


def measure(case: Case, beside: Mapping[str, Side], options: Options, meter: CpuMeter | CudaMeter) -> dict[str, Any]:
    """Time a case in turns with its limit and with what is beside it; print a line, return its figures."""
    work, unit = (case.flops, "GFLOP/s") if case.flops else (case.bytes, "GB/s")
    limit = meter.limit((options.precision if case.rounds else "fp32") if case.flops else COPY)
    clock = meter.kernel_clock if case.kind == "kernel" else meter.clock
    sides = {"ours": case.ours, "limit": limit.run, **beside}
    rounds = list(interleaved(sides, options.rounds, seconds=0.1, clock=clock))
    ours = Spread.of([times["ours"] for times in rounds])
    rate = work / ours.median / 1e9
    share = Spread.of([times["limit"] / limit.work * work / times["ours"] for times in rounds])
    against = {name: ratio([{k: times[k] for k in ("ours", name)} for times in rounds], "ours") for name in beside}
    print(
        f"{case.name:<30}{1e3 * ours.median:9.3f}  {f'({1e3 * ours.low:.3f} to {1e3 * ours.high:.3f})':<19}"
        f"{rate:9.1f} {unit:<7}{share.median:7.0%}"
        + "".join(f"  {show(spread):<20}" for spread in against.values())
        + f"  {case.what}",
        flush=True,
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


def show(spread: Spread) -> str:
    """0.98 (0.90 to 1.03)"""
    return f"{spread.median:.2f} ({spread.low:.2f} to {spread.high:.2f})"
