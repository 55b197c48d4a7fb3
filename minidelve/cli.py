"""The command line: `minidelve SUBCOMMAND` or `python -m minidelve SUBCOMMAND`.

An error that the user can mend ends with one line on stderr and exit code 2, a signal such as Ctrl-C's with one line
and 128 + its number (interrupts.py), and a bug with its traceback.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from minidelve import __version__, interrupts
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
    export,
    import_,
    lab_check,
    lab_grade,
    lab_list,
    lab_run,
    lab_start,
    lab_submit,
    predict,
    reproduce,
    summary,
    train,
)
from minidelve.commands.arguments import note_threads
from minidelve.commands.parser import Parser
from minidelve.errors import UserError
from minidelve.progress import is_terminal, note, open_closed_streams

COMMANDS = (
    train, evaluate, predict, export, import_, summary, data, data_pack, data_fetch, data_copy, check_grad, bench,
    reproduce, lab_list, lab_start, lab_check, lab_run, lab_submit, lab_grade, doctor,
)  # fmt: skip
DESCRIPTION = "Train, test and take apart the networks of 'Delving Deep into Rectifiers' (He et al. 2015)."

EXIT_CODES = """exit codes: 0; 1 where a check found something wrong; 2 for a mistake, with one line that says which;
128 + its number for a signal (130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP, of a closed terminal)"""


def make_parser() -> Parser:
    """The parser with all subcommands."""
    parser = Parser(
        prog="minidelve",
        description=DESCRIPTION,
        epilog="examples:\n  minidelve train --out runs/first\n  minidelve train --help\n\n" + EXIT_CODES,
    )
    parser.add_argument("--version", action="version", version=f"minidelve {__version__}")
    subparsers = parser.add_subparsers(title="subcommands", metavar="SUBCOMMAND")
    for command in COMMANDS:
        command.add_to(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return the exit code."""
    open_closed_streams()
    return interrupts.run(lambda: run(sys.argv[1:] if argv is None else list(argv)), tell_of_interrupt)


def tell_of_interrupt(line: str) -> None:
    """Print the line below the ^C that a terminal shows."""
    note(f"\n{line}" if is_terminal() else line)


def run(words: list[str]) -> int:
    """Run one subcommand; what the user can mend is one line and exit code 2."""
    args = parsed(words)
    try:
        precision = using_precision(getattr(args, "precision", "fp32"))
        with threads.using(getattr(args, "threads", None), getattr(args, "deterministic", False)), precision:
            note_threads(args)
            return args.run(args)
    except UserError as error:
        note(f"minidelve: {error}")
    except MemoryError as error:
        note(
            f"minidelve: not enough memory ({error or 'none is left'}); try a smaller --batch-size or --size, "
            "or a smaller network (--width, --fc)"
        )
    return 2


def parsed(words: list[str]) -> argparse.Namespace:
    """The options; a mistake in them is one line and exit code 2."""
    parser = make_parser()
    args = parser.parse_args(words)
    if not hasattr(args, "run"):
        parser.error(f"a subcommand is missing; expected one of: {', '.join(parser.subcommands.choices)}")
    return args
