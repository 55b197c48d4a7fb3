"""`minidelve reproduce`: the paper's tables and figures, run again."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from minidelve import data
from minidelve.commands.arguments import add_command, add_thread_options, at_least, data_path, some_path
from minidelve.errors import Diverged, RunError
from minidelve.experiments import ITEMS, Item
from minidelve.experiments.frame import Result, Work, check_folder, reproduce, write, writing
from minidelve.experiments.page import index
from minidelve.progress import duration
from minidelve.training.device import check_device

BUDGETS = {"quick": "under two minutes an item", "lab": "at most 25 minutes on two cores", "full": "more seeds"}
EXAMPLE = """
minidelve reproduce --list
minidelve reproduce momentum
minidelve reproduce signal --data tiny-imagenet-20.zip --budget lab --out results
minidelve reproduce all --budget quick --seeds 2
"""


def add_to(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = add_command(subparsers, "reproduce", "run a table or figure of the paper again", EXAMPLE, run)
    parser.add_argument("item", nargs="?", metavar="ITEM|all", help=", ".join(ITEMS))
    parser.add_argument("--list", action="store_true", help="say what each item is, and stop")
    parser.add_argument(
        "--data", type=data_path, default="toy", metavar="PATH|toy", help="images, where they are needed (default toy)"
    )
    budgets = "; ".join(f"{name}: {what}" for name, what in BUDGETS.items())
    parser.add_argument("--budget", choices=tuple(BUDGETS), default="quick", help=f"{budgets} (default quick)")
    parser.add_argument("--seeds", type=at_least(1), metavar="N", help="seeds of each variant (default the budget's)")
    parser.add_argument(
        "--out", type=some_path, default=Path("results"), metavar="DIR", help="where folders go (default results)"
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where to compute (default cpu)")
    add_thread_options(parser)


def run(args: argparse.Namespace) -> int:
    """Run one item or all; exit code 0 whether or not the trend holds, which the page says."""
    if args.list:
        print_list()
        return 0
    check_device(args.device)
    works = [Work(item, args.budget, args.data, args.seeds, args.out, args.device) for item in chosen(args.item)]
    for work in works:  # all of them, before the first takes its time
        check_folder(work)
    if any(work.item.uses_data for work in works):
        data.open_dataset(args.data, "train")
    elif args.data != "toy":
        print(f"{args.item} needs no images: --data {args.data} has no part in it", file=sys.stderr)
    results, diverged = [], []
    for i, work in enumerate(works, 1):
        if len(works) > 1:
            print(f"{work.item.name}: item {i} of {len(works)}", file=sys.stderr)
        try:
            results.append(reproduce(work))
        except Diverged as error:
            if len(works) == 1:
                raise
            diverged.append(str(error))
            print(f"{error}; the other items go on", file=sys.stderr)
        else:
            say(results[-1])
    if args.item == "all":
        with writing(args.out):
            lines = [(r.work.item, r.trend, duration(r.seconds)) for r in results]
            write(args.out, "index.md", index(lines).encode())
        print(f"\n{args.out / 'index.md'} lists them all")
    if diverged:
        raise RunError(f"{len(diverged)} of {len(works)} items are not finished: {'; '.join(diverged)}")
    return 0


def chosen(name: str | None) -> list[Item]:
    """The item of that name, or every one for `all`."""
    if name is None:
        raise RunError(f"reproduce: name an item ({', '.join(ITEMS)}) or all; --list explains them")
    if name != "all" and name not in ITEMS:
        raise RunError(f"reproduce: {name!r} is no item; expected {', '.join(ITEMS)} or all; --list explains them")
    return list(ITEMS.values()) if name == "all" else [ITEMS[name]]


def print_list() -> None:
    """Name, title, what the paper did and what we run, for every item."""
    for item in ITEMS.values():
        needs = "reads images (--data)" if item.uses_data else "needs no images"
        seeds = ", ".join(f"{name} {budget.seeds}" for name, budget in item.budgets.items())
        print(f"{item.name}: {item.title}\n  where: {item.where}\n  paper: {item.paper}\n  ours:  {item.ours}")
        print(f"  {needs}; " + (f"seeds: {seeds}\n" if item.random else "nothing is random\n"))


def say(result: Result) -> None:
    """What came out, in a few lines."""
    work = result.work
    print(f"{work.item.name}: the trend {result.trend.word}. {result.trend.sentence}")
    there = f", {result.found} of them there already" if result.found else ""
    print(f"  {result.parts} parts{there}, {duration(result.seconds)}; read {work.folder / 'page.md'}")
