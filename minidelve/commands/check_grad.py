"""`minidelve check-grad`: is every backward the derivative of its forward?"""

from __future__ import annotations

import argparse
from typing import Any

from minidelve.commands.arguments import add_command, add_compute_options, add_device_options, computing
from minidelve.progress import say
from minidelve.testing.cases import gradient_cases
from minidelve.testing.paths import MOMENTUM, PathResult, run_paths
from minidelve.training.device import check_device

BOUND = 1e-6
EXAMPLE = """
minidelve check-grad
minidelve check-grad --op conv2d
minidelve check-grad --op prelu --kernels reference
minidelve check-grad --op conv2d --algorithm im2col
minidelve check-grad --device cuda
"""


def add_to(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = add_command(
        subparsers, "check-grad", "compare every operation's gradient with central differences", EXAMPLE, run
    )
    ops = [*sorted({case.op for case in gradient_cases()}), MOMENTUM]
    parser.add_argument("--op", choices=ops, metavar="NAME", help="only this one of: " + ", ".join(ops))
    add_device_options(parser)
    add_compute_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print the table; exit code 1 if a gradient or a value is wrong."""
    check_device(args.device)
    say(
        "E = sum of r * f(x) with random r; in float64 backward() and (E(x + h) - E(x - h)) / 2h with h = 1e-5\n"
        f"agree to about 1e-9, a wrong formula is off by about 1. Bound: {BOUND:g}. Beside it how far f(x) itself is\n"
        "from a plain formula, and the files that were run: every kernel of this device, each way to convolve.\n"
    )
    with computing(args):
        found = run_paths(args.op, args.device, getattr(args, "kernels", None), getattr(args, "algorithm", "auto"))
        results = list(found)
    lines = [(r.op, r.description, short(r.files), r) for r in results]
    widths = [max(len(line[i]) for line in lines) for i in range(3)]
    say(f"{'op':<{widths[0]}}  {'case':<{widths[1]}}  {'what was run':<{widths[2]}}     value  gradient")
    for op, case, files, r in lines:
        verdict = "ok" if is_right(r) else "FAILED"
        gradient = "" if r.op == MOMENTUM else f"{r.error:.1e}"
        say(f"{op:<{widths[0]}}  {case:<{widths[1]}}  {files:<{widths[2]}}  {r.wrong:8.1e}  {gradient:>8}  {verdict}")
        if r.problem:
            say(f"    {r.problem}")
    cases = {(r.op, r.description) for r in results}
    failed = {(r.op, r.description) for r in results if not is_right(r)}
    say(
        f"\n{len(cases)} cases of {len({r.op for r in results})} ops, "
        + (f"{len(failed)} FAILED" if failed else "all ok")
        + f"; {len(results)} ways, {sum(r.seconds for r in results):.1f} s"
    )
    for name in sorted({name for r in results if not is_right(r) for name in r.files}):
        bad, good = ([r for r in results if name in r.files and is_right(r) is right] for right in (False, True))
        if not good:
            say(f"whatever runs {name} FAILED ({len(bad)} ways)")
    return 1 if failed else 0


def is_right(result: PathResult) -> bool:
    """Whether gradient and value are within the bound; NaN is not."""
    return result.error <= BOUND and result.wrong <= BOUND


def short(files: tuple[str, ...]) -> str:
    """The files in a few words.

    >>> short(("minidelve/ops/prelu.py", "kernels/reference/prelu.py"))
    'ops/prelu.py, kernels/reference/prelu.py'
    >>> short(("minidelve/ops/conv/im2col.py", "kernels/reference/im2col.py", "kernels/reference/prelu.py"))
    'ops/conv/im2col.py, kernels/reference/{im2col,prelu}.py'
    """
    kernels = [name.rpartition("/") for name in files if name.startswith("kernels/")]
    names = [name.removeprefix("minidelve/") for name in files if not name.startswith("kernels/")]
    for folder in dict.fromkeys(folder for folder, _, _ in kernels):
        of = [name.removesuffix(".py") for home, _, name in kernels if home == folder]
        names.append(f"{folder}/{of[0]}.py" if len(of) == 1 else f"{folder}/{{{','.join(of)}}}.py")
    return ", ".join(names)
