"""The command line: `minidelve SUBCOMMAND` or `python -m minidelve SUBCOMMAND`.

An error that the user can mend ends with one line on stderr and exit code 2, Ctrl-C with exit code 130, and a bug
with its traceback.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from minidelve import __version__
from minidelve.backend import threads
from minidelve.backend.precision import using_precision
from minidelve.commands import (
    bench,
    check_grad,
    data,
    data_copy,
    data_fetch,
    data_pack,
    doctor,
    evaluate,
    predict,
    reproduce,
    summary,
    train,
)
from minidelve.errors import UserError
from minidelve.progress import note, silence

COMMANDS = (
    train, evaluate, predict, summary, data, data_pack, data_fetch, data_copy, check_grad, bench, reproduce, doctor,
)  # fmt: skip
DESCRIPTION = "Train, test and take apart the networks of 'Delving Deep into Rectifiers' (He et al. 2015)."


def make_parser() -> argparse.ArgumentParser:
    """The parser with all subcommands."""
    parser = argparse.ArgumentParser(
        prog="minidelve",
        description=DESCRIPTION,
        epilog="examples:\n  minidelve train --out runs/first\n  minidelve train --help",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"minidelve {__version__}")
    subparsers = parser.add_subparsers(title="subcommands", metavar="SUBCOMMAND", required=True)
    for command in COMMANDS:
        command.add_to(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["data"] and words[1:2] and words[1] in data.ACTIONS:
        words[:2] = [" ".join(words[:2])]  # argparse takes no subcommand where a PATH may stand: make it one word
    args = make_parser().parse_args(words)
    try:
        precision = using_precision(getattr(args, "precision", "fp32"))
        with threads.using(getattr(args, "threads", None), getattr(args, "deterministic", False)), precision:
            return args.run(args)
    except UserError as error:
        note(f"minidelve: {error}")
        return 2
    except MemoryError as error:
        note(
            f"minidelve: not enough memory ({error or 'none is left'}); try a smaller --batch-size or --size, "
            "or a smaller network (--width, --fc)"
        )
        return 2
    except KeyboardInterrupt as stop:
        note(f"\nminidelve: interrupted; {stop}" if str(stop) else "\nminidelve: interrupted")
        return 130
    except BrokenPipeError:  # the reader of our output has gone, as in `minidelve data | head`
        silence(sys.stdout)
        return 0
