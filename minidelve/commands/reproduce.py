"""`minidelve reproduce`: the paper's tables and figures, run again."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from minidelve import data
from minidelve.commands.arguments import (
    add_command,
    add_compute_options,
    add_device_options,
    at_least,
    computing,
    data_path,
    some_path,
)
from minidelve.disk.files import disk_errors, write_whole
from minidelve.disk.owning import own_file
from minidelve.errors import Diverged, RunError
from minidelve.experiments import ITEMS, Item
from minidelve.experiments.frame import Result, Work, reproduce
from minidelve.experiments.page import index
from minidelve.progress import duration, note, say
from minidelve.training.device import check_device

BUDGETS = {
    "quick": "under two minutes an item, to see that all works",
    "class": "at most 8 minutes on two cores, enough on toy to tell what is claimed",
    "lab": "real images, at most 25 minutes on two cores",
    "full": "more seeds",
}
EXAMPLE = """
minidelve reproduce --list
minidelve reproduce --list fig3-right
minidelve reproduce momentum
minidelve reproduce fig3-right --budget class
minidelve reproduce signal --data tiny-imagenet-20.zip --budget lab --out results
minidelve reproduce all --budget class
"""


def add_to(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = add_command(subparsers, "reproduce", "run a table or figure of the paper again", EXAMPLE, run)
    parser.add_argument("item", nargs="?", choices=(*ITEMS, "all"), metavar="ITEM|all", help=", ".join(ITEMS))
    parser.add_argument("--list", action="store_true", help="say what each item is, or all about one, and stop")
    parser.add_argument(
        "--data", type=data_path, default="toy", metavar="PATH|toy", help="images, where they are needed (default toy)"
    )
    budgets = "; ".join(f"{name}: {what}" for name, what in BUDGETS.items())
    parser.add_argument("--budget", choices=tuple(BUDGETS), default="quick", help=f"{budgets} (default quick)")
    parser.add_argument("--seeds", type=at_least(1), metavar="N", help="seeds of each variant (default the budget's)")
    parser.add_argument(
        "--out", type=some_path, default=Path("results"), metavar="DIR", help="where folders go (default results)"
    )
    add_device_options(parser)
    add_compute_options(parser)


def run(args: argparse.Namespace) -> int:
    """Run one item or all; exit code 0 whether or not the trend holds, which the page says."""
    if args.list:
        say(a_line_an_item() if args.item is None else "\n\n".join(map(described, chosen(args.item))))
        return 0
    check_device(args.device)
    with computing(args):
        return reproduce_items(args)


def reproduce_items(args: argparse.Namespace) -> int:
    """One item or all."""
    works = [Work(item, args.budget, args.data, args.seeds, args.out, args.device) for item in chosen(args.item)]
    for work in works:  # all of them, before the first takes its time
        work.folder.try_out()
    if any(work.item.uses_data for work in works):
        data.open_dataset(args.data, "train")
    elif args.data != "toy":
        note(f"{args.item} needs no images: --data {args.data} has no part in it")
    results, diverged = [], []
    for i, work in enumerate(works, 1):
        if len(works) > 1:
            note(f"{work.item.name}: item {i} of {len(works)}")
        try:
            results.append(reproduce(work))
        except Diverged as error:
            if len(works) == 1:
                raise
            diverged.append(str(error))
            note(f"{error}; the other items go on")
        except KeyboardInterrupt as stop:
            if not results:
                raise
            done = f"{len(results)} of {len(works)} items are finished" if len(results) > 1 else "one item is finished"
            raise KeyboardInterrupt(f"{done} and kept, as all finished parts are: the same command goes on") from stop
        else:
            tell(results[-1])
    if args.item == "all":
        lines = [(r.work.item, r.verdict, duration(r.seconds)) for r in results]
        with disk_errors(f"--out: {args.out}"), own_file(args.out / "index.md", f"--out: {args.out / 'index.md'}"):
            write_whole(args.out / "index.md", index(lines))
        say(f"\n{args.out / 'index.md'} lists them all")
    if diverged:
        raise RunError(f"{len(diverged)} of {len(works)} items are not finished: {'; '.join(diverged)}")
    return 0


def chosen(name: str | None) -> list[Item]:
    """The item of that name, or every one for `all`."""
    if name is None:
        raise RunError(f"reproduce: name an item ({', '.join(ITEMS)}) or all; --list explains them")
    return list(ITEMS.values()) if name == "all" else [ITEMS[name]]


def a_line_an_item() -> str:
    """Name, minutes for each budget and title of every item."""
    timed = [name for name in BUDGETS if any(name in item.minutes for item in ITEMS.values())]
    lines = [f"{'minutes with --budget':<22}" + "".join(f"{name:>7}" for name in timed)]
    for item in ITEMS.values():
        minutes = "".join(f"{in_minutes(item.minutes.get(name)):>7}" for name in timed)
        lines.append(f"{item.name:<22}{minutes}   {item.title}")
    last = "of one core; quick and class on toy, lab on real images. `minidelve reproduce --list ITEM` tells all of one"
    return "\n".join([*lines, last])


def in_minutes(minutes: float | None) -> str:
    """A time in a table.

    >>> in_minutes(0.1), in_minutes(7), in_minutes(None)
    ('< 1', '7', '')
    """
    return "" if minutes is None else "< 1" if minutes < 1 else f"{minutes:.0f}"


def described(item: Item) -> str:
    """Name, title, what the paper did, what we run and for how long."""
    needs = "reads images (--data)" if item.uses_data else "needs no images"
    seeds = ", ".join(f"{name} {budget.seeds}" for name, budget in item.budgets.items())
    times = ", ".join(f"{name} {in_minutes(minutes)}" for name, minutes in item.minutes.items())
    return (
        f"{item.name}: {item.title}\n  where: {item.where}\n  paper: {item.paper}\n  ours:  {item.ours}\n"
        f"  {needs}; {f'seeds: {seeds}' if item.random else 'nothing is random'}; minutes of one core: {times}"
    )


def tell(result: Result) -> None:
    """What came out, in a line."""
    work, there = result.work, f", {result.found} of them there already" if result.found else ""
    took = f"{result.parts} parts{there}, {duration(result.seconds)}"
    say(f"{work.item.name}: the trend {result.verdict.short}; {took}; read {work.folder.path / 'page.md'}")
