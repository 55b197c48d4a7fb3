"""The tables of whole steps: images a second, ratios, the share of each kernel, memory."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from minidelve.backend.threads import using
from minidelve.bench.machine import Meter
from minidelve.bench.memory import MINIDELVE, peak_in_own_process
from minidelve.bench.networks import Job, our_side, settle, their_side
from minidelve.bench.options import Options
from minidelve.bench.profile import REST, Line, profile
from minidelve.bench.same_work import check_same_work
from minidelve.bench.timing import Side, Spread, interleaved, ratio
from minidelve.bench.work import precision_of
from minidelve.models import Network
from minidelve.progress import say

LAYOUTS = ("NCHW", "channels_last")


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
        figures["profile"] = [asdict(line) for line in lines]
        say_profile(job, lines, seconds, options, meter)
    return figures


def their_sides(torch: Any, job: Job, network: Network, compiled: bool) -> dict[str, Side]:
    """PyTorch in each layout, the first of them held against ours."""
    sides = {}
    for layout in LAYOUTS:
        twin, sides[f"torch {layout}"] = their_side(torch, job, network, layout)
        if layout == LAYOUTS[0]:
            found = check_same_work(torch, job, network, twin)
            agreement = ", ".join(
                f"{worst:.1g} of their size" + ("" if job.precision == "fp32" else f" in {precision}")
                for precision, worst in found.items()
            )
            say(f"  same work: logits and gradients agree to {agreement}")
    if compiled:
        say("  torch.compile takes minutes at its first step")
        _, sides["torch compiled"] = their_side(torch, job, network, "channels_last", compiled=True)
    return sides


def say_profile(job: Job, lines: list[Line], seconds: float, options: Options, meter: Meter) -> None:
    """A line for each function of the step, slowest first."""
    where = "one core" if job.device == "cpu" else options.kernels[0]
    say(f"  {f'a step on {where}':<30}{'calls':>7}{'ms':>10}{'share':>8}{'rate':>17}{'of limit':>10}")
    for line in lines:
        calls = "" if line.name == REST else f"{line.calls:.0f}"
        say(
            f"  {line.name:<30}{calls:>7}{1e3 * line.seconds:10.3f}{line.seconds / seconds:8.1%}"
            + rate_of(line, options, meter)
        )
    say(f"  {'the step':<37}{1e3 * seconds:10.3f}{1:8.0%}")


def rate_of(line: Line, options: Options, meter: Meter) -> str:
    """Its rate, and the share of the limit measured at the start; nothing where no work is known."""
    if line.seconds <= 0 or not line.bytes:
        return ""
    rate, unit = line.work.rate(line.seconds)
    limit = line.work.limit(precision_of(line.name, options.precision))
    return f"{rate:9.1f} {unit:<7}{rate / meter.rates[limit]:10.0%}"


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
