"""Options that several subcommands share, and how a declared option (models/option.py) becomes a flag."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from minidelve.backend.precision import PRECISIONS
from minidelve.backend.threads import usable_cores
from minidelve.models.option import Option, at_least, data_path, options_of, some_path
from minidelve.progress import note
from minidelve.training.computing import computing_with
from minidelve.training.config import Config

__all__ = [
    "add_command", "add_compute_options", "add_device_options", "add_lab_arguments", "add_loader_options",
    "add_options", "add_precision_option", "add_run_argument", "add_thread_options", "at_least", "computing",
    "data_path", "note_threads", "some_path",
]  # fmt: skip


def add_command(subparsers: Any, name: str, help: str, example: str, run: Callable[[argparse.Namespace], int]):
    """A subcommand whose --help ends with an example."""
    parser = subparsers.add_parser(
        name,
        help=help,
        description=help[0].upper() + help[1:] + ("" if help.endswith("?") else "."),
        epilog="examples:\n" + "\n".join(f"  {line}" for line in example.strip().splitlines()),
    )
    parser.set_defaults(run=run)
    return parser


def add_options(parser: argparse.ArgumentParser, options: Iterable[Option], tell_defaults: bool = True) -> None:
    """A flag for each option; one that is not given stays absent from the namespace, so that others can tell."""
    options, groups = list(options), {}
    excluded = {option.instead_of for option in options}
    for option in options:
        if option.name in excluded:
            groups[option.name] = parser.add_mutually_exclusive_group()
        place = groups.get(option.instead_of or option.name, parser)
        how: dict[str, Any] = {"type": option.kind, "choices": option.choices or None, "metavar": option.metavar}
        if option.is_switch:  # one that excludes another is switched off again by giving that one
            how = {"action": "store_true" if option.instead_of else argparse.BooleanOptionalAction}
        text = (option.help + (told_default(option) if tell_defaults else "")).replace("%", "%%")
        place.add_argument(option.flag, default=argparse.SUPPRESS, help=text, **how)


def told_default(option: Option) -> str:
    """Such as " (default 0.01)"; nothing for a switch, or where None stands for more than a value could say."""
    if option.default is None or option.is_switch:
        return ""
    return f" (default {option.default:g})" if isinstance(option.default, float) else f" (default {option.default})"


def add_thread_options(parser: argparse.ArgumentParser) -> None:
    """--threads and --deterministic, which cli.py puts into effect; `train` declares its --device itself."""
    parser.add_argument("--threads", type=at_least(1), metavar="N", help="cores to compute on (default: all)")
    parser.add_argument(
        "--deterministic",
        action="store_true",
        help="the same numbers to the last bit for any number of threads, a little slower",
    )


def add_device_options(parser: argparse.ArgumentParser) -> None:
    """--device, --threads and --deterministic: every command that computes has them."""
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where to compute (default cpu)")
    add_thread_options(parser)


def note_threads(args: argparse.Namespace) -> None:
    """A remark where --threads asks for more than there are cores."""
    count, cores = getattr(args, "threads", None), usable_cores()
    if count and count > cores:
        of_them = f"{cores} cores" if cores > 1 else "one core"
        note(f"note: --threads {count}: so many threads take turns on {of_them}; --threads {cores} is faster")


def add_loader_options(parser: argparse.ArgumentParser, default_batch: int | None = 64) -> None:
    """--batch-size, --workers and --on-bad-image."""
    parser.add_argument("--batch-size", type=at_least(1), default=default_batch, metavar="N", help="images per batch")
    parser.add_argument("--workers", type=at_least(0), default=2, metavar="N", help="threads that read images")
    parser.add_argument(
        "--on-bad-image",
        choices=("error", "skip"),
        default="error",
        help="an unreadable image stops the work, or is left out and counted",
    )


def add_precision_option(parser: argparse.ArgumentParser) -> None:
    """--precision, which cli.py puts into effect."""
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="fp32",
        help="of the factors of matrix products: full, rounded to 10 bits (tf32), float16 (mixed); default fp32, "
        "whatever the run was trained with",
    )


def add_compute_options(parser: argparse.ArgumentParser) -> None:
    """--kernels and --algorithm, as `train` declares them."""
    add_options(parser, [options_of(Config)[name] for name in ("kernels", "algorithm")])


def computing(args: argparse.Namespace) -> AbstractContextManager[None]:
    """What --kernels and --algorithm ask for on --device, put into effect for a block."""
    return computing_with(getattr(args, "kernels", None), getattr(args, "algorithm", "auto"), args.device)


def add_lab_arguments(parser: argparse.ArgumentParser) -> None:
    """The lab, and the student's folder of the course."""
    parser.add_argument("number", metavar="N", type=at_least(1), help="which lab, 1 to 8")
    parser.add_argument(
        "folder", metavar="DIR", nargs="?", type=some_path, default=Path("."),
        help="the folder that `minidelve lab start` made (default: the current one)",
    )  # fmt: skip


def add_run_argument(parser: argparse.ArgumentParser) -> None:
    """The trained run to use."""
    parser.add_argument("run_path", metavar="RUN", type=some_path, help="a run folder (its best.npz) or an .npz file")
