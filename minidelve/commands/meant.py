"""What a word of the command line may have been meant for where it means nothing.

>>> closest("--dat", ["--data", "--device"]), closest("trian", ["train", "predict"]), closest("--zzz", ["--data"])
('--data', 'train', None)
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

ALIKE = 0.6  # the least that difflib counts as a likeness
# What people call a choice or an option: no likeness would find it.
CALLED = {"gpu": "cuda", "pytorch": "torch"}
CALLED_OPTIONS = {
    **dict.fromkeys(("learning-rate", "rate", "eta"), "--lr"),
    **dict.fromkeys(("arch", "network", "net"), "--model"),
    **dict.fromkeys(("gpu", "cuda"), "--device cuda"),
    **dict.fromkeys(("amp", "fp16", "half"), "--precision mixed"),
    **dict.fromkeys(("cores", "cpus", "jobs"), "--threads"),
    **dict.fromkeys(("continue", "restart", "checkpoint"), "--resume"),
    **dict.fromkeys(("crop", "image-size", "img-size"), "--size"),
    **dict.fromkeys(("output-dir", "save", "save-dir"), "--out"),
    "wd": "--weight-decay", "force": "--overwrite", "pretrained": "--warm-start",
}  # fmt: skip
# Other commands' options, and what people call one, for what has a place of its own here.
PLACES = {
    "DATA": ("PATH", "SRC"), "INPUT": ("SRC",), "SOURCE": ("SRC",), "OUT": ("DST",), "OUTPUT": ("DST",),
    "DESTINATION": ("DST",), "CHECKPOINT": ("RUN",), "WEIGHTS": ("RUN",), "MODEL": ("RUN",), "FIGURE": ("ITEM",),
    "TABLE": ("ITEM",), "EXPERIMENT": ("ITEM",),
}  # fmt: skip


def closest(word: str, names: Iterable[str]) -> str | None:
    """The name that a misspelt or shortened word stands for, if there is one that is like it."""
    bare = {name.strip("-"): name for name in names}
    word = word.strip("-").lower()
    longer = [name for name in bare if name.startswith(word)] if len(word) > 1 else []
    found = sorted(longer, key=len) or get_close_matches(word, bare, 1, ALIKE)
    return bare[found[0]] if found else None


def close_choice(word: str, names: Sequence[str]) -> str | None:
    """The choice that a word stands for."""
    called = CALLED.get(word.lower())
    return called if called in names else closest(word, names)


def close_option(name: str, options: Iterable[str]) -> str | None:
    """The option that an unknown --name stands for, with its value if one is meant."""
    options = list(options)
    called = CALLED_OPTIONS.get(name.strip("-").lower().replace("_", "-"), "")
    return called if called.split(" ")[0] in options else closest(name, options)


def place_of(name: str, positionals: Iterable[argparse.Action]) -> str | None:
    """The argument without an option that was given as --name: summary --model lab14."""
    called = name.strip("-").upper()
    wanted = {called, called.removesuffix("S"), *PLACES.get(called, ())}
    places = [str(action.metavar) for action in positionals]
    return next((place for place in places if wanted.intersection(place.split("|"))), None)


def option_taking(word: str, actions: Iterable[argparse.Action]) -> str | None:
    """The option that takes the word, before it: "--op prelu" for check-grad prelu."""
    for option, action in by_option(actions).items():
        forms = str(action.metavar).split("|")
        if word in (action.choices or forms) or "PATH" in forms and os.path.exists(word):
            return f"{option} {word}"
    return None


def option_like(word: str, actions: Iterable[argparse.Action]) -> str | None:
    """The option that is called like the word, or takes one that is like it."""
    named = by_option(actions)
    if meant := closest(word.partition("=")[0], named):
        return meant
    close = ((option, close_choice(word, list(action.choices or ()))) for option, action in named.items())
    return next((f"{option} {choice}" for option, choice in close if choice), None)


def by_option(actions: Iterable[argparse.Action]) -> dict[str, argparse.Action]:
    """Those that have options, by the long one."""
    return {action.option_strings[-1]: action for action in actions if action.option_strings}


def list_for(word: str, words: Sequence[str], options: dict[str, argparse.Action]) -> str | None:
    """The list that was written with spaces: "--milestones 12,17" for --milestones 12 17."""
    place = words.index(word)
    if place < 2 or (option := words[place - 2]) not in options:
        return None
    parts = [words[place - 1], *words[place:]]
    end = next((i for i, part in enumerate(parts) if part.startswith("-")), len(parts))
    text = ",".join(parts[:end])
    try:
        is_list = isinstance(options[option].type(text), list)  # type: ignore[misc, operator]
    except (TypeError, ValueError, argparse.ArgumentTypeError):
        return None
    return f"{option} {text}" if is_list else None
