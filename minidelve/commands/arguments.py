"""Types and options that several subcommands share."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from minidelve.backend.precision import PRECISIONS


def add_command(subparsers, name: str, help: str, example: str, run: Callable[[argparse.Namespace], int]):
    """A subcommand whose --help ends with an example."""
    parser = subparsers.add_parser(
        name,
        help=help,
        description=help[0].upper() + help[1:] + ".",
        epilog="examples:\n" + "\n".join(f"  {line}" for line in example.strip().splitlines()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    return parser


def at_least(least: int) -> Callable[[str], int]:
    """An integer option with a lower bound."""

    def integer(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = None
        if value is None or value < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not an integer of at least {least}")
        return value

    return integer


def positive(text: str) -> float:
    """A finite number above 0."""
    return _number(text, lambda v: 0 < v < float("inf"), "a number above 0")


def not_negative(text: str) -> float:
    """A finite number of at least 0."""
    return _number(text, lambda v: 0 <= v < float("inf"), "a number of at least 0")


def below_one(text: str) -> float:
    """A number in [0, 1)."""
    return _number(text, lambda v: 0 <= v < 1, "a number from 0 to below 1")


def _number(text: str, good: Callable[[float], bool], what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not good(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
    return value


def epochs_list(text: str) -> list[int]:
    """Rising epoch numbers separated by commas, such as 12,17."""
    try:
        epochs = [int(part) for part in text.split(",")]
    except ValueError:
        epochs = []
    if not epochs or epochs != sorted(set(epochs)) or epochs[0] < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of rising epoch numbers such as 12,17")
    return epochs


def scale_range(text: str) -> list[int]:
    """Two sizes in pixels separated by a comma, such as 256,512."""
    try:
        low, high = (int(part) for part in text.split(","))
    except ValueError:
        low, high = 0, 0
    if not 1 <= low <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not two rising sizes in pixels such as 256,512")
    return [low, high]


def some_path(text: str) -> Path:
    """A path; the empty text, which would stand for the current folder, is a slip (an unset variable)."""
    if not text:
        raise argparse.ArgumentTypeError("the path is empty; name a file or folder, '.' for the current one")
    return Path(text)


def data_path(text: str) -> str:
    """`toy` as it is, any other data set as an absolute path, so that a run can be resumed from elsewhere."""
    some_path(text)
    return text if text == "toy" else os.path.abspath(text)


def add_thread_options(parser: argparse.ArgumentParser) -> None:
    """--threads and --deterministic, which cli.py puts into effect."""
    parser.add_argument("--threads", type=at_least(1), metavar="N", help="cores to compute on (default: all)")
    parser.add_argument(
        "--deterministic",
        action="store_true",
        help="the same numbers to the last bit for any number of threads, a little slower",
    )


def add_loader_options(parser: argparse.ArgumentParser, default_batch: int | None = 64) -> None:
    """--batch-size, --workers, --on-bad-image, --device and --precision."""
    parser.add_argument("--batch-size", type=at_least(1), default=default_batch, metavar="N", help="images per batch")
    parser.add_argument("--workers", type=at_least(0), default=2, metavar="N", help="threads that read images")
    parser.add_argument(
        "--on-bad-image",
        choices=("error", "skip"),
        default="error",
        help="an unreadable image stops the work, or is left out and counted",
    )
    add_device_options(parser)


def add_device_options(parser: argparse.ArgumentParser) -> None:
    """--device, and --precision, which cli.py puts into effect."""
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where to compute (default cpu)")
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="fp32",
        help="of the factors of matrix products: full, rounded to 10 bits (tf32), float16 (mixed); default fp32, "
        "whatever the run was trained with",
    )


def add_run_argument(parser: argparse.ArgumentParser) -> None:
    """The trained run to use."""
    parser.add_argument("run_path", metavar="RUN", type=some_path, help="a run folder (its best.npz) or an .npz file")
