"""The tables of `minidelve bench`: each line is said as soon as it is measured, and its figures handed on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from minidelve.backend.threads import thread_count, using
from minidelve.bench.case import Case, Numbers
from minidelve.bench.kernel_cases import kernel_cases
from minidelve.bench.machine import Meter
from minidelve.bench.memory import MINIDELVE, peak_in_own_process
from minidelve.bench.networks import Job, our_side, settle, their_side
from minidelve.bench.op_cases import op_cases
from minidelve.bench.profile import REST, Line, profile
from minidelve.bench.same_work import check_same_work
from minidelve.bench.timing import Side, Spread, interleaved, ratio
from minidelve.bench.twin import allow_tf32, relative_difference
from minidelve.bench.work import precision_of
from minidelve.models import Network
from minidelve.progress import say

# Of an op's results, relative to their size; two factors of 10 bits are off by up to 5e-4 each.
AGREEMENT = {"fp32": 1e-3, "tf32": 5e-3, "mixed": 5e-3}
LAYOUTS, COMPILED = ("NCHW", "channels_last"), "torch compiled"


@dataclass(frozen=True)
class Options:
    """What to measure, and how."""

    device: str
    precision: str
    kernels: Sequence[str]  # folders of the device: the first serves everything, the others are timed beside it
    cases: Sequence[str] = ()  # names of kernels and ops
    jobs: Sequence[Job] = ()
    inference: Sequence[Job] = ()
    against: bool = False  # PyTorch
    compiled: bool = False  # also torch.compile
    runtime: bool = False  # onnxruntime, of inference
    rounds: int = 7
    memory: bool = True
    profile: bool = False
    file: Path | None = None  # for every figure, as JSON


def kernel_table(options: Options, meter: Meter) -> Iterator[dict[str, Any]]:
    """Every kernel, alone: on the CPU on one core, whose limits it is held to."""
    first, *others = options.kernels
    with using(1 if options.device == "cpu" else None):
        say_heading("kernel, one core" if options.device == "cpu" else f"kernel, {first}", others)
        numbers = [Numbers(options.device, options.precision, folder) for folder in options.kernels]
        by_folder = [kernel_cases(options.cases, each) for each in numbers]
        for case, *beside in zip(*by_folder, strict=True):
            yield measure(case, {name: other.ours for name, other in zip(others, beside, strict=True)}, options, meter)


def op_table(options: Options, meter: Meter, torch: Any, refused: list[str]) -> Iterator[dict[str, Any]]:
    """Every op, beside PyTorch's where there is a torch; those that do not agree with it go to `refused`."""
    where = f"{thread_count()} cores" if options.device == "cpu" else options.kernels[0]
    say_heading(f"op, {where}", ["torch"] if torch else [])
    for case in op_cases(options.cases, Numbers(options.device, options.precision)):
        theirs = case.theirs(torch) if torch and case.theirs else None
        if theirs:
            allow_tf32(torch, options.precision)
            differences = [relative_difference(*pair) for pair in zip(case.ours(), theirs(), strict=True)]
            if not all(difference < AGREEMENT[case.precision] for difference in differences):
                refused.append(f"{case.name}: results differ by {max(differences):.2g}")
                continue
        yield measure(case, {"torch": theirs} if theirs else {}, options, meter)


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


def time_steps(job: Job, options: Options, meter: Meter, torch: Any) -> dict[str, Any]:
    """Both sides in turns; DifferentWork if they do not do the same."""
    say(f"\n{job}")
    network, step = our_side(job)
    sides = {MINIDELVE: step}
    if torch:
        sides |= their_sides(torch, job, network, options.compiled)
    for side in sides.values():
        settle(job, side)
    rounds = list(interleaved(sides, options.rounds, seconds=1.0, clock=meter.clock))
    figures: dict[str, Any] = {**asdict(job), "images_per_second": {}, "peak_mb": {}}
    for name in sides:
        rate = Spread.of([job.batch / times[name] for times in rounds])
        say(f"  {name:<20}{rate.median:9.2f} img/s   ({rate.low:.2f} to {rate.high:.2f})")
        figures["images_per_second"][name] = asdict(rate)
    if torch:
        against = ratio(rounds, MINIDELVE)
        say(f"  {'ratio':<20}{against} of PyTorch's best in each of {len(rounds)} rounds")
        figures["ratio"] = asdict(against)
    if options.profile:
        with using(1 if job.device == "cpu" else None):
            lines, seconds = profile(step, next(network.parameters()).data, meter.busy)
        figures["profile"] = [line._asdict() for line in lines]
        say_profile(job, lines, seconds, options, meter)
    return figures


def their_sides(
    torch: Any, job: Job, network: Network, compiled: bool, tell: Callable[[str], None] = say
) -> dict[str, Side]:
    """PyTorch in each layout, the first of them held against ours; `tell` is told of it."""
    sides = {}
    for layout in LAYOUTS:
        twin, sides[f"torch {layout}"] = their_side(torch, job, network, layout)
        if layout == LAYOUTS[0]:
            found = check_same_work(torch, job, network, twin)
            how = {precision: "" if job.precision == "fp32" else f" in {precision}" for precision in found}
            agreement = (f"{worst:.1g} of their size{how[precision]}" for precision, worst in found.items())
            tell(f"  same work: logits and gradients agree to {', '.join(agreement)}")
    if compiled:
        tell("  torch.compile takes minutes at its first step")
        _, sides[COMPILED] = their_side(torch, job, network, "channels_last", compiled=True)
    return sides


def say_profile(job: Job, lines: list[Line], seconds: float, options: Options, meter: Meter) -> None:
    """A line for each function of the step, slowest first, held against the limits measured at the start."""
    where = "one core" if job.device == "cpu" else options.kernels[0]
    say(f"  {f'a step on {where}':<30}{'calls':>7}{'ms':>10}{'share':>8}{'rate':>17}{'of limit':>10}")
    for line in lines:
        calls, speed = "" if line.name == REST else f"{line.calls:.0f}", ""
        if line.seconds > 0 and line.bytes:  # some work is known
            rate, unit = line.work.rate(line.seconds)
            limit = meter.rates[line.work.limit(precision_of(line.name, options.precision))]
            speed = f"{rate:9.1f} {unit:<7}{rate / limit:10.0%}"
        say(f"  {line.name:<30}{calls:>7}{1e3 * line.seconds:10.3f}{line.seconds / seconds:8.1%}{speed}")
    say(f"  {'the step':<37}{1e3 * seconds:10.3f}{1:8.0%}")


def trace_memory(job: Job, options: Options, figures: dict[str, Any]) -> None:
    """Add the peak of each side, in a process of its own, to the figures, and say it."""
    for side in (MINIDELVE, *(LAYOUTS if options.against else ())):
        peaks = peak_in_own_process(side, job, kernels=options.kernels[0])
        size = peaks.get("resident", peaks.get("reserved", 0.0))
        figures["peak_mb"][side] = size
        kind = " reserved" if "reserved" in peaks else ""
        if "allocated" in peaks:
            figures.setdefault("allocated_mb", {})[side] = peaks["allocated"]
            kind += f", {peaks['allocated']:.0f} MB of them in tensors"
        say(f"  {side + ' peak':<20}{size:9.0f} MB{kind}")
    if options.against:
        ours, *theirs = figures["peak_mb"].values()
        say(f"  {'memory':<20}{ours / min(theirs):9.2f} of PyTorch's")
