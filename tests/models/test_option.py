"""Declared options: what a word is read as, what a value may be, and who spells the declaration out."""

import argparse
import inspect
import math
from dataclasses import dataclass

import numpy as np
import pytest

from minidelve import models
from minidelve.models.network_options import NetworkOptions
from minidelve.models.option import (
    absolute_path,
    at_least,
    below_one,
    check,
    data_path,
    epochs_list,
    levels_list,
    not_negative,
    option,
    options_of,
    positive,
    scale_range,
    share,
    some_path,
)
from minidelve.training.config import Config

KINDS = [
    (at_least(1), {"1": 1, "12": 12}, ["0", "-1", "1.5", "x", ""], "an integer of at least 1"),
    (at_least(0), {"0": 0}, ["-1"], "an integer of at least 0"),
    (positive, {"1e-30": 1e-30, "2": 2.0}, ["0", "-1", "nan", "inf", "x"], "a number above 0"),
    (not_negative, {"0": 0.0, "0.5": 0.5}, ["-0.1", "nan", "inf"], "a number of at least 0"),
    (below_one, {"0": 0.0, "0.9": 0.9}, ["1", "-0.1", "nan"], "a number from 0 to below 1"),
    (levels_list, {"3,2,1": [3, 2, 1], "2": [2]}, ["3,0", "", "1.5"], "a list of pyramid levels such as 3,2,1"),
    (epochs_list, {"12,17": [12, 17]}, ["17,12", "3,3", "0,1", "x"], "a list of rising epoch numbers such as 12,17"),
    (
        scale_range, {"256,512": [256, 512], "56,56": [56, 56]}, ["512,256", "0,5", "256", "1,2,3"],
        "two rising sizes in pixels such as 256,512",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "right", "wrong", "what"), KINDS, ids=lambda x: x if isinstance(x, str) else "")
def test_a_word_becomes_a_value_or_is_named_with_what_it_is_not(kind, right, wrong, what):
    for text, value in right.items():
        assert kind(text) == value and type(kind(text)) is type(value) and kind.good(value)
    for text in wrong:
        with pytest.raises(argparse.ArgumentTypeError) as refusal:
            kind(text)
        assert str(refusal.value) == f"{text!r} is not {what}"


RESPELT = [
    (
        positive,
        {"0,005": "0.005", "0.005,": "0.005", "5%": "0.05", "2,5%": "0.025"},
        ["0,0", "1.000,5", "1/8", "%"],
    ),
    (share, {"0,1": "0.1", "10%": "0.1"}, ["1,5", "100%"]),
    (at_least(1), {"64.0": "64", "64.": "64", "(3)": "3"}, ["6,4", "6.4", "1,000", "1.000", "0.0"]),
    (epochs_list, {"12 17": "12,17", "12; 17": "12,17", "[12, 17]": "12,17"}, ["17 12"]),
    (scale_range, {"256x512": "256,512", "256:512": "256,512"}, ["512x256"]),
]


@pytest.mark.parametrize(("kind", "meant", "unclear"), RESPELT, ids=lambda x: getattr(x, "what", ""))
def test_what_is_written_as_elsewhere_is_shown_as_here(kind, meant, unclear):
    for text, right in meant.items():
        with pytest.raises(argparse.ArgumentTypeError, match=f"; write {right}$"):
            kind(text)
        kind(right)
    for text in unclear:
        with pytest.raises(argparse.ArgumentTypeError) as refusal:
            kind(text)
        assert str(refusal.value) == f"{text!r} is not {kind.what}"


def test_every_option_that_is_a_number_takes_a_decimal_point():
    numbers = {o.name: o.kind for o in options_of(Config).values() if isinstance(o.default, float)}
    assert {"lr", "momentum", "weight_decay", "width", "colour"} <= set(numbers)
    for kind in numbers.values():
        with pytest.raises(argparse.ArgumentTypeError, match=r"'0,5' is not .*; write 0\.5$"):
            kind("0,5")


@pytest.mark.parametrize("count", [np.int64(3), 3])
def test_integers_of_numpy_are_integers(count):
    assert at_least(3).good(count) and levels_list.good(np.array([count]))
    assert not at_least(3).good(3.0) and not at_least(3).good(np.ones(2)) and not levels_list.good(count)


@pytest.mark.parametrize(
    "kind", [at_least(0), positive, not_negative, below_one, levels_list, epochs_list, scale_range]
)
@pytest.mark.parametrize(
    "value",
    [True, np.True_, "3", b"3", None, {}, {"a": 1}, 10**400, math.nan, 1j, [True], ["3"], [[1]], [2**63, 2**64]],
)
def test_what_only_looks_like_a_number_is_none(kind, value):
    assert not kind.good(value)


def test_paths_are_kept_where_a_run_can_be_resumed_from_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert data_path("toy") == "toy" and data_path("a") == absolute_path("a") == str(tmp_path / "a")
    for read in (some_path, absolute_path, data_path):
        with pytest.raises(argparse.ArgumentTypeError, match="the path is empty"):
            read("")
        for text in ("a" * 300, "a/" * 2500):
            with pytest.raises(
                argparse.ArgumentTypeError, match="aaa.*aaa.* is too long for a path|'a/a/.* is too long"
            ):
                read(text)
        with pytest.raises(argparse.ArgumentTypeError, match=r"'a\\x00b' is not a path \(embedded null"):
            read("a\0b")


@dataclass
class Some:
    low: int = option(1, "the least", at_least(1))
    mode: str = option("a", "how", choices=("a", "b"), beside=("c",))
    top: float | None = option(None, "the most", positive)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"low": 0}, "low is 0; expected an integer of at least 1"),
        ({"low": None}, "low is None; expected an integer"),
        ({"mode": "d"}, "mode 'd' is unknown; expected one of: a, b, c"),
        ({"top": math.nan}, "top is nan; expected a number above 0"),
    ],
)
def test_a_value_is_checked_against_its_declaration(wrong, message):
    check(Some(low=2, mode="c", top=1.0))
    check(Some())
    with pytest.raises((ValueError, TypeError), match=message):
        check(Some(**wrong))


def test_options_are_listed_in_their_order_with_name_and_default():
    found = options_of(Some)
    assert list(found) == ["low", "mode", "top"] and [o.default for o in found.values()] == [1, "a", None]
    assert options_of(NetworkOptions)["aux_after"].flag == "--aux-after"


def test_create_takes_the_declared_options_and_says_so():
    """These names and defaults are public."""
    parameters = inspect.signature(models.create).parameters
    assert list(parameters) == [
        "name", "num_classes", "activation", "init", "seed", "slope", "width", "levels", "fc", "fc_init", "aux_after",
        "aux_weight",
    ]  # fmt: skip
    defaults = {name: p.default for name, p in parameters.items() if p.default is not p.empty}
    assert defaults == {
        "activation": "prelu", "init": "he", "seed": 0, "slope": 0.01, "width": 1.0, "levels": None, "fc": None,
        "fc_init": "table", "aux_after": None, "aux_weight": 0.3,
    }  # fmt: skip
    assert [name for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY] == list(parameters)[5:]
    with pytest.raises(TypeError, match="unexpected keyword argument 'wide'"):
        models.create("lab14", 2, wide=0.5)
