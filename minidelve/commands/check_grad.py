"""`minidelve check-grad`: is every backward the derivative of its forward?"""

from __future__ import annotations

import argparse
from typing import Any

from minidelve.commands.arguments import add_command
from minidelve.progress import say
from minidelve.testing.cases import gradient_cases, run_gradient_cases
from minidelve.training.device import check_device

BOUND = 1e-6
EXAMPLE = """
minidelve check-grad
minidelve check-grad --op conv2d
minidelve check-grad --device cuda
"""


def add_to(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = add_command(
        subparsers, "check-grad", "compare every operation's gradient with central differences", EXAMPLE, run
    )
    ops = sorted({case.op for case in gradient_cases()})
    parser.add_argument("--op", choices=ops, metavar="NAME", help="only this one of: " + ", ".join(ops))
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where to compute")


def run(args: argparse.Namespace) -> int:
    """Print the table; exit code 1 if a gradient is wrong."""
    check_device(args.device)
    say(
        "E = sum of r * f(x) with random r; in float64 backward() and (E(x + h) - E(x - h)) / 2h with h = 1e-5\n"
        f"agree to about 1e-9, a wrong formula is off by about 1. Bound: {BOUND:g}.\n"
    )
    results = run_gradient_cases(op=args.op, device=args.device)
    names, cases = max(len(r.op) for r in results), max(len(r.description) for r in results)
    say(f"{'op':<{names}}  {'case':<{cases}}  largest error")
    for r in results:
        say(f"{r.op:<{names}}  {r.description:<{cases}}  {r.error:13.1e}  {'ok' if r.error <= BOUND else 'FAILED'}")
    failed = [r for r in results if not r.error <= BOUND]
    say(
        f"\n{len(results)} cases of {len({r.op for r in results})} ops, "
        + (f"{len(failed)} FAILED" if failed else "all ok")
        + f"; {sum(r.seconds for r in results):.1f} s"
    )
    return 1 if failed else 0
