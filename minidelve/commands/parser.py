"""What a mistake on the command line is answered with: one line that says what was meant, and where help is.

>>> closest("--dat", ["--data", "--device"]), closest("trian", ["train", "predict"]), closest("--zzz", ["--data"])
('--data', 'train', None)
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from minidelve.errors import one_line, shown
from minidelve.progress import note, say

ALIKE = 0.6  # the least that difflib counts as a likeness
CALLED = {"gpu": "cuda"}  # what people call a choice: no likeness would find it
PLACES = {"data": ("PATH|toy", "SRC"), "out": ("DST",)}  # other commands' options for what has a place of its own here


class Parser(argparse.ArgumentParser):
    """argparse's, for this program and each of its subcommands. Nothing is abbreviated: a name is right or wrong."""

    def __init__(self, **options: Any):
        ours = {"allow_abbrev": False, "formatter_class": argparse.RawDescriptionHelpFormatter}
        super().__init__(**options | ours)
        self.subcommands: Any = None

    def add_subparsers(self, **options: Any) -> Any:
        """As argparse's, kept in `subcommands`."""
        self.subcommands = super().add_subparsers(**options)
        return self.subcommands

    def parse_known_args(self, args=None, namespace=None):
        """As argparse's, but what it does not know is a mistake here, where the names are known that may be meant.

        An unknown option comes before everything else that may be wrong: it may be the cause.
        """
        words = list(sys.argv[1:] if args is None else args)
        if self.subcommands is not None:
            words = self.with_action(words)
        options = words[: words.index("--")] if "--" in words else words
        known = self._option_string_actions
        if self.subcommands is None:  # else they are a subcommand's, and its own affair
            self.refuse([word for word in options if word.startswith("--") and word.partition("=")[0] not in known])
        found, unknown = super().parse_known_args(words, namespace)
        self.refuse(unknown)
        return found, unknown

    def with_action(self, words: list[str]) -> list[str]:
        """The words, `data pack` made one of them: argparse takes no subcommand where another's PATH may stand."""
        name = " ".join(words[:2])
        actions = [known for known in self.subcommands.choices if known.startswith(f"{name.partition(' ')[0]} ")]
        if name in actions:
            return [name, *words[2:]]
        if actions and len(words) > 2 and "-" not in (words[1][:1], words[2][:1]) and not os.path.exists(words[1]):
            meant = closest(name, actions)
            self.error(f"there is no subcommand {shown(name)}" + (f"; did you mean {meant}?" if meant else ""))
        return words

    def refuse(self, unknown: Sequence[str]) -> None:
        """An error if there are unknown words."""
        if unknown:
            self.error(self.of_unknown(unknown))

    def of_unknown(self, words: Sequence[str]) -> str:
        """What to say of words that have no place."""
        word = next((word for word in words if word.startswith("-")), words[0])
        name = word.partition("=")[0]
        if word.startswith("-") and (place := self.place_of(name.strip("-"))):
            return f"there is no option {shown(name)}; write {place} without one"
        meant = closest(name, self._option_string_actions)
        return (f"there is no option {shown(name)}" if word.startswith("-") else f"{shown(word)} has no place") + (
            f"; did you mean {meant}?" if meant else ""
        )

    def place_of(self, name: str) -> str | None:
        """The argument without an option that was given as --name: summary --model lab14."""
        places = [str(action.metavar) for action in self._get_positional_actions()]
        return next((place for place in places if place in (name.upper(), *PLACES.get(name, ()))), None)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            names = [str(choice) for choice in action.choices]
            is_command = action is self.subcommands
            meant = CALLED.get(str(value).lower())
            if meant not in names:
                meant = closest(str(value), [*names, *self._option_string_actions] if is_command else names)
            found = f"there is no {'subcommand ' if is_command else ''}{shown(str(value))}"
            found += f"; expected one of: {', '.join(names)}" + (f"; did you mean {meant}?" if meant else "")
            raise argparse.ArgumentError(None if is_command else action, found)

    def error(self, message: str) -> NoReturn:
        """Print the line; exit code 2."""
        text = one_line(message).removeprefix("argument ")
        text = text.replace("the following arguments are required:", "missing:")
        help = f"{self.prog} --help tells more"
        note(f"{self.prog}: {text} ({help})" if text.endswith("?") else f"{self.prog}: {text}; {help}")
        raise SystemExit(2)

    def _print_message(self, message: str, file: Any = None) -> None:
        say(message.rstrip("\n"))  # help, or the version


def closest(word: str, names: Iterable[str]) -> str | None:
    """The name that a misspelt or shortened word stands for, if there is one that is like it."""
    bare = {name.strip("-"): name for name in names}
    word = word.strip("-").lower()
    longer = [name for name in bare if name.startswith(word)] if len(word) > 1 else []
    found = sorted(longer, key=len) or get_close_matches(word, bare, 1, ALIKE)
    return bare[found[0]] if found else None
