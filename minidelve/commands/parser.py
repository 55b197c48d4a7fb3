"""What a mistake on the command line is answered with: one line that says what was meant, and where help is."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from minidelve.commands.meant import close_choice, close_option, closest, list_for, option_like, option_taking, place_of
from minidelve.errors import one_line, shown
from minidelve.progress import note, say


class Parser(argparse.ArgumentParser):
    """argparse's, for this program and each of its subcommands. Nothing is abbreviated: a name is right or wrong.

    subcommands   argparse's action of them, where there are any
    behind        the argument that has all words behind --, wherever options stand before it
    """

    def __init__(self, **options: Any):
        ours = {"allow_abbrev": False, "formatter_class": argparse.RawDescriptionHelpFormatter}
        super().__init__(**options | ours)
        self.subcommands: Any = None
        self.behind: str | None = None

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
            self.refuse(
                [word for word in options if word.startswith("--") and word.partition("=")[0] not in known], words
            )
        found, unknown = super().parse_known_args(options if self.behind else words, namespace)
        self.refuse(self.without_late(unknown, found), words)
        if self.behind and "--" in words:
            setattr(found, self.behind, words[len(options) + 1 :])
        return found, []

    def without_late(self, unknown: list[str], found: argparse.Namespace) -> list[str]:
        """The unknown words without a [DIR] that stands behind options, where older versions of argparse miss it."""
        for place in self._get_positional_actions():
            passed_over = place.nargs == "?" and isinstance(place.default, Path)
            if passed_over and unknown[:1] and unknown[0][:1] != "-" and getattr(found, place.dest) is place.default:
                try:
                    setattr(found, place.dest, self._get_value(place, unknown[0]))
                except argparse.ArgumentError as error:
                    self.error(str(error))
                return unknown[1:]
        return unknown

    def with_action(self, words: list[str]) -> list[str]:
        """The words, `data pack` made one of them: argparse takes no subcommand where another's PATH may stand."""
        name, place = " ".join(words[:2]), "".join(words[:1])
        actions = [
            known.removeprefix(f"{place} ") for known in self.subcommands.choices if known.startswith(f"{place} ")
        ]
        if words[1:2] and words[1] in actions:
            return [name, *words[2:]]
        if actions and words[1:] and not words[1].startswith("-") and self.is_misspelt(place, words):
            meant, path = closest(words[1], actions), f"{place} PATH, or " if self.takes_a_word(place) else ""
            self.error(
                f"there is no subcommand {shown(name)}; expected {path}{place} with one of: "
                f"{', '.join(actions)}{did_you_mean(meant and f'{place} {meant}')}"
            )
        return words

    def is_misspelt(self, place: str, words: list[str]) -> bool:
        """Whether the word after `data` is no action and no data set, or `lab` takes no word but an action."""
        if not self.takes_a_word(place):
            return True
        return len(words) > 2 and not words[2].startswith("-") and not is_data(words[1])

    def takes_a_word(self, place: str) -> bool:
        """Whether a subcommand that has actions takes another word in their place, as `data PATH` does."""
        return bool(self.subcommands.choices[place]._get_positional_actions())

    def refuse(self, unknown: Sequence[str], words: Sequence[str]) -> None:
        """An error if there are unknown words among those of the command line."""
        if unknown:
            option = next((word for word in unknown if word.startswith("-")), None)
            self.error(self.of_option(option) if option else self.of_word(unknown[0], words))

    def of_option(self, word: str) -> str:
        """What to say of an option that there is not."""
        name = word.partition("=")[0]
        found = f"there is no option {shown(name)}"
        if place := place_of(name, self._get_positional_actions()):
            return f"{found}; write {place} without one"
        return found + did_you_mean(close_option(name, self._option_string_actions))

    def of_word(self, word: str, words: Sequence[str]) -> str:
        """What to say of a word that has no place among `words`."""
        found = f"{shown(word)} has no place"
        for place in self._get_positional_actions():
            if word in (place.choices or ()):
                return f"{found}; give one {str(place.metavar).partition('|')[0]} at a time"
        return found + did_you_mean(
            list_for(word, words, self._option_string_actions)
            or option_taking(word, self._actions)
            or option_like(word, self._actions)
        )

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices or value == []:  # of nargs="*"
            return
        names, word = [str(choice) for choice in action.choices], str(value)
        is_command = action is self.subcommands
        meant = None if action.option_strings else option_taking(word, self._actions)
        meant = meant or close_choice(word, [*names, *self._option_string_actions] if is_command else names)
        found = f"there is no {'subcommand ' if is_command else ''}{shown(word)}"
        found += f"; expected one of: {', '.join(names)}{did_you_mean(meant)}"
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


def did_you_mean(name: str | None) -> str:
    """The end of a line that can tell what was meant."""
    return f"; did you mean {one_line(name)}?" if name else ""


def is_data(word: str) -> bool:
    """Whether a word stands for a data set that is there."""
    return word == "toy" or os.path.exists(word)
