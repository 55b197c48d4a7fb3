"""Claims as data: when one holds, what is said of it, and how several are judged together."""

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest

from minidelve.experiments.claims import (
    TOP1,
    Above,
    Below,
    CannotTell,
    Every,
    NotAbove,
    Told,
    Verdict,
    beside_paper,
    judge,
)

LOWER, HIGHER, MIXED = [-4.0, -4.1, -3.9], [4.0, 4.1, 3.9], [-4.0, 5.0, -0.5]


def rows_of(differences, variant="PReLU"):
    """ReLU's errors by seed, and another's, which differ so."""
    pairs = [(50.0 + 5 * seed, difference) for seed, difference in enumerate(differences)]
    return [
        {"variant": name, "seed": seed, "top1_error": error, "scale": "64"}
        for seed, (relu, difference) in enumerate(pairs)
        for name, error in (("ReLU", relu), (variant, relu + difference))
    ]  # fmt: skip


@pytest.mark.parametrize(("claim", "lower", "mixed", "higher"), [
    (Below, True, None, False), (Above, False, None, True), (NotAbove, True, True, False), (Told, True, True, True),
])  # fmt: skip
def test_a_claim_holds_where_its_interval_lies(claim, lower, mixed, higher):
    for differences, holds in ((LOWER, lower), (MIXED, mixed), (HIGHER, higher)):
        assert claim("PReLU", "ReLU", TOP1).judge(rows_of(differences)).holds is holds


@pytest.mark.parametrize(("low", "high", "holds"), [
    (50, 60, True), (50, math.inf, True), (-math.inf, 60, True), (50.1, math.inf, False), (-math.inf, 59.9, False),
    (51, 59, False),
])  # fmt: skip
def test_every_seed_is_asked(low, high, holds):
    claim, rows = Every("ReLU", TOP1, low, high), rows_of(LOWER)  # 50, 55, 60
    assert claim.judge(rows).holds is holds and replace(claim, variant="LReLU").judge(rows).holds is None
    assert replace(claim, early=lambda rows: True).judge(rows).holds is (holds or None)
    assert replace(claim, where={"seed": 1}).judge(rows).holds is True
    asked = {-math.inf: f"at most {high:g}"}.get(low, f"at least {low}" if high == math.inf else f"{low} to {high}")
    assert f"ReLU, top-1 error: 50.00, 55.00, 60.00 (claimed, in every seed: {asked};" in claim.judge(rows).sentence


def test_differences_are_taken_seed_by_seed():
    claim = Below("PReLU", "ReLU", TOP1)
    assert claim.numbers(rows_of(LOWER)) == pytest.approx(LOWER)
    assert claim.numbers(rows_of(LOWER)[:-1]) == pytest.approx(LOWER[:2])  # a seed that only ReLU has


def test_a_variant_is_compared_with_0():
    rows = [row | {"top1_error": row["top1_error"] - 80} for row in rows_of(LOWER)]
    assert Below("ReLU", 0, TOP1).judge(rows).holds is True and Above("ReLU", 0, TOP1).judge(rows).holds is False


def test_a_step_of_the_numbers_does_not_count():
    rows = rows_of([-0.1, -0.1])
    assert Below("PReLU", "ReLU", TOP1).judge(rows).holds is True
    assert Below("PReLU", "ReLU", TOP1, least=0.1).judge(rows).holds is None
    assert NotAbove("ReLU", "PReLU", TOP1, least=0.1).judge(rows).holds is True


def test_the_sentence_has_estimate_seeds_paper_and_verdict():
    found = Below("PReLU", "ReLU", TOP1, paper=-1.18, least=0.1).judge(rows_of(LOWER))
    assert found.sentence == (
        "PReLU less ReLU, top-1 error: -4.00 ± 0.25 points over 3 seeds, 3 times the paper's -1.18 "
        "(claimed: below 0 by more than 0.1; holds)."
    )
    for claim in (Below, Above, NotAbove):
        assert claim("PReLU", "ReLU", TOP1).judge(rows_of([-4.0])).holds is None
    alone = Above("PReLU", "ReLU", TOP1).judge(rows_of([-4.0]))
    assert alone.sentence.endswith(
        "-4.00 points with one seed, which tells no interval (claimed: above 0; cannot be told)."
    )
    none = Below("PReLU", "ReLU", TOP1).judge(rows_of([]))
    assert none.holds is None and none.sentence.endswith("no seed has the numbers.")
    assert Told("PReLU", "ReLU", TOP1, note="a control").judge(rows_of([])).holds is True
    assert Told("PReLU", "ReLU", TOP1, note="a control").judge(rows_of(LOWER)).sentence.endswith("(a control).")


def test_the_rows_that_a_claim_names_are_judged():
    rows = rows_of(LOWER) + [row | {"scale": "80"} for row in rows_of(HIGHER)]
    for scale, holds in (("64", True), ("80", False)):
        assert Below("PReLU", "ReLU", TOP1, where={"scale": scale}).judge(rows).holds is holds


@pytest.mark.parametrize(("ours", "remark"), [
    (-3.5, "the paper's is -1.18"), (-3.6, "3 times the paper's -1.18"), (-0.1, "the paper's is -1.18"),
    (0.1, "of the opposite sign to the paper's -1.18"), (0.001, "the paper's is -1.18"),
    (9.0, "of the opposite sign to the paper's -1.18"),
])  # fmt: skip
def test_a_large_effect_and_one_of_the_other_sign_are_remarked_on(ours, remark):
    assert beside_paper(ours, -1.18, 2) == f", {remark}"
    assert beside_paper(ours, None, 2) == ""


def test_a_claim_that_fails_decides_and_one_that_cannot_be_told_comes_next():
    def those(*verdicts):
        return judge([SimpleNamespace(judge=lambda rows, v=v: Verdict(v, f"{v}.")) for v in verdicts], [])

    assert those(True, True) == Verdict(True, "True. True.")
    assert those(True, None).holds is None and those(None, False, True).holds is False


def test_what_cannot_be_judged_at_all_says_only_why():
    def early(rows):
        raise CannotTell("Too early.")

    claims = [SimpleNamespace(judge=lambda rows: Verdict(False, "No.")), SimpleNamespace(judge=early)]
    assert judge(claims, []) == Verdict(None, "Too early.")


def test_what_is_only_told_is_not_counted_among_the_claims():
    claims = [cls("PReLU", "ReLU", TOP1) for cls in (Below, Above, Told)]
    assert judge(claims, rows_of(LOWER)).short == "does not hold (claims that hold: 1 of 2)"
