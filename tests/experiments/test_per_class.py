"""The per-class item: its tests of chance against dealing image by image, its rows, and its drawing without images."""

import numpy as np
import pytest

from minidelve import Tensor, data, ops
from minidelve.evaluation.tally import Tally
from minidelve.experiments import Budget, Setup, per_class, table2, trained
from minidelve.experiments.per_class_chance import agreement, unevenness
from minidelve.experiments.per_class_guesses import choose, look_up
from minidelve.experiments.per_class_rows import averaged, by_run, of_classes
from minidelve.experiments.statistics import ranks


def rows_of(*runs, images=50, names="abcdefgh"):
    """Rows of runs whose classes have these misses."""
    return [
        {"variant": table2.CHANNELS, "seed": seed, "kind": "class", "label": label, "name": names[label],
         "images": images, "top1_error": 100 * m / images, "top5_error": 10 * m / images,
         "taken_for": f"{(label + 1) % len(misses)}:{m}" if m else ""}
        for seed, misses in enumerate(runs) for label, m in enumerate(misses)
    ]  # fmt: skip


def guessed(dataset="toy", image=3, path="toy!val/checkered_star/00003.png"):
    names = ["checkered star", "b", "c", "d", "e"]
    return [
        {"variant": "x", "seed": 0, "kind": "guess", "label": 3, "name": names[0], "data": dataset, "image": image,
         "path": path, "rank": rank, "guess": guess, "probability": 0.5 / rank}
        for rank, guess in enumerate(names, 1)
    ]  # fmt: skip


UNEVEN = ([5, 10, 15, 20, 25, 30, 35, 40], [6, 9, 16, 19, 26, 29, 36, 41], [4, 12, 14, 22, 24, 31, 33, 42])
EVEN = ([25, 25, 26, 24, 25, 25, 24, 26], [24, 25, 25, 25, 26, 25, 25, 25])


def test_the_spread_is_measured_in_that_of_misses_dealt_image_by_image(rng):
    """The same test written out: every image of every class, and the missed ones drawn among them."""
    images, misses = np.array([10, 20, 30, 40]), np.array([1, 6, 15, 28])
    label = np.repeat(np.arange(4), images)
    spread = lambda m: ((m - images / 2) ** 2 / (images / 4)).sum()  # noqa: E731  half of the 100 are missed
    dealt = [spread(np.bincount(rng.permutation(label)[:50], minlength=4)) for _ in range(4000)]
    found, p = unevenness(images, misses, rng)
    assert found == pytest.approx(spread(misses) / np.mean(dealt), rel=0.05)
    assert p == pytest.approx(np.mean(np.array(dealt) >= spread(misses)), abs=0.004)
    mild = np.array([4, 8, 15, 23])
    assert unevenness(images, mild, rng)[1] == pytest.approx(np.mean(np.array(dealt) >= spread(mild) - 1e-9), abs=0.04)


def test_the_spread_of_four_images_is_counted_by_hand(rng):
    """2 of 4 are missed, in one class: X^2 is 4, and 4 (2 - 1) / (4 - 1) on average; 2 of 6 deals are as wide."""
    spread, p = unevenness(np.array([2, 2]), np.array([2, 0]), rng)
    assert spread == pytest.approx(3, rel=1e-12) and p == pytest.approx(1 / 3, abs=0.04)


def test_chance_alone_is_found_to_be_chance(rng):
    images = np.full(20, 50)
    found = [unevenness(images, rng.multivariate_hypergeometric(images, 400), rng) for _ in range(60)]
    assert np.mean([spread for spread, _ in found]) == pytest.approx(1, abs=0.15)
    assert 0.35 < np.mean([p for _, p in found]) < 0.65


@pytest.mark.parametrize("misses", [[0, 0, 0], [50, 50, 50]])
def test_no_misses_and_nothing_but_misses_are_even(misses, rng):
    assert unevenness(np.full(3, 50), np.array(misses), rng) == (1.0, 1.0)
    assert unevenness(np.full(2, 50), np.array([25, 25]), rng) == (0.0, 1.0)  # every deal is as wide, or wider


def test_agreement_is_the_mean_rank_correlation_of_pairs(rng):
    errors = rng.normal(size=(3, 12)).round(1)
    above, same = errors[:, :, None] > errors[:, None], errors[:, :, None] == errors[:, None]
    r = above.sum(axis=2) + (same.sum(axis=2) + 1) / 2
    assert [ranks(row).tolist() for row in errors] == r.tolist() and same.sum() > 3 * 12  # with ties
    pairs = [np.corrcoef(r[i], r[j])[0, 1] for i, j in ((0, 1), (0, 2), (1, 2))]
    found = agreement(errors, rng)
    assert found[0] == pytest.approx(np.mean(pairs))
    shuffled = [
        np.mean([np.corrcoef(a, b)[0, 1] for a, b in ((x, y), (x, z), (y, z))])
        for x, y, z in ([rng.permutation(row) for row in r] for _ in range(600))
    ]
    assert found[1] == pytest.approx(np.mean(np.array(shuffled) >= found[0]), abs=0.07)


def test_one_run_or_one_without_order_agrees_with_none(rng):
    assert agreement(np.array([[1, 2, 3]]), rng) is None
    assert agreement(np.array([[1, 2, 3], [4, 4, 4]]), rng) is None
    assert agreement(np.tile([1, 2, 3, 4, 5, 6, 7], (3, 1)), rng)[1] == pytest.approx(1 / 2001)


def test_rows_hold_all_that_a_class_is_taken_for_and_add_up_over_runs():
    tally = Tally(3)
    p = np.array([[0.5, 0.3, 0.2], [0.1, 0.7, 0.2], [0.1, 0.2, 0.7], [0.2, 0.1, 0.7]])
    tally.add(p, np.array([0, 0, 0, 2]))
    rows = of_classes(tally, ["cat", "dog", "owl"])
    assert [(row["name"], row["images"], row["taken_for"]) for row in rows] == [("cat", 3, "1:1 2:1"), ("owl", 1, "")]
    assert rows[0]["top1_error"] == pytest.approx(200 / 3)
    first, second = ({**row, "seed": seed} for seed, row in enumerate([rows[0], rows[0] | {"top1_error": 0.0}]))
    (cat,) = averaged([first, second])
    assert cat.top1 == pytest.approx(100 / 3) and cat.mostly_taken_for() == [(1, 2 / 6), (2, 2 / 6)]


def test_misses_are_counted_class_by_class_and_run_by_run():
    images, misses = by_run(averaged(rows_of(*UNEVEN)))
    assert images.tolist() == [50] * 8 and misses.sum(axis=1).tolist() == [sum(run) for run in UNEVEN]
    assert misses[:, 0].tolist() == [40, 41, 42]  # the worst class first


def test_the_table_begins_with_the_worst_and_ends_with_the_papers():
    lines = per_class.table(rows_of(*UNEVEN))[1]
    assert lines[0] == ["h", "82.0", "8.2", "a 82%", ""] and lines[7][0] == "a"
    assert [line[4] for line in lines[8:]] == ["49", "38", "36", "0"]
    many = per_class.table(rows_of(range(25), names=[f"class {i}" for i in range(25)]))[1]
    assert [line[0] for line in many[9:12]] == ["class 15", "...", "class 9"] and len(many) == 25


@pytest.mark.parametrize(
    ("runs", "holds", "words"),
    [
        (UNEVEN, True, "from 10.0% (a) to 82.0% (h), 8.2 times as much; 0 of 8 classes have no top-1 error"),
        (UNEVEN[:1], True, "One run cannot tell"),
        (EVEN, False, "do not agree"),
        ((UNEVEN[0], UNEVEN[0][3:] + UNEVEN[0][:3]), None, "do not agree on which classes are hard"),
        ((*UNEVEN, [22, 23, 24, 25, 26, 27, 28, 29]), None, "The runs agree"),  # the last spread may be chance
        (([50, 50, 50, 50, 50, 50, 30, 50],), None, "error of 95.0% is not below 95% of guessing's: too early"),
        (([0] * 8,), False, "8 of 8 classes have no top-1 error"),
    ],
)
def test_the_trend_asks_for_more_than_chance_in_every_run(runs, holds, words):
    found = per_class.ITEM.verdict(rows_of(*runs))
    assert found.holds is holds and words in found.sentence


def test_missing_numbers_break_nothing():
    rows = rows_of(*UNEVEN)
    for row in rows[:8]:
        row["top1_error"] = row["top5_error"] = None
    assert per_class.ITEM.verdict(rows).holds is True and len(per_class.table(rows)[1]) == 12
    lost = guessed()
    lost[0]["probability"] = None
    assert per_class.draw(rows + lost).axes
    nothing = [row | {"top1_error": None} for row in rows]
    assert per_class.ITEM.verdict(nothing).holds is None
    assert per_class.draw(nothing).axes and per_class.table(nothing)[1]


def test_images_are_drawn_from_the_data_set_and_missed_where_it_has_gone(tmp_path):
    def pictures(rows):
        return [image for axes in per_class.draw(rows_of(*UNEVEN) + rows).axes for image in axes.images]

    toy = data.ToyDataset("val")
    assert toy.path(3) == guessed()[0]["path"] and toy.class_names[toy.labels[3]] == "checkered star"
    (picture,) = pictures(guessed())
    np.testing.assert_array_equal(picture.get_array(), toy.image(3))
    for gone in ({"dataset": str(tmp_path / "gone.zip")}, {"path": "another"}, {"image": 10**6}):
        assert look_up(guessed(**gone)[0]) is None and pictures(guessed(**gone)) == []


def test_images_are_chosen_by_class_alone():
    labels = np.array([2, 0, 1, 0, 2, 4])
    assert choose(labels, 5) == [1, 2, 0, 5]  # class 3 has none
    assert choose(np.arange(100) % 20, 20) == choose(np.arange(20), 20) and len(choose(np.arange(20), 20)) == 8


def test_the_item_tests_table2s_network_and_tells_its_guesses(tiny_data, tmp_path, monkeypatch):
    settings = {"model": "lab14", "width": 0.0625, "fc": 4, "size": 24, "short_side": 32, "epochs": 1, "batch_size": 4}
    setup = Setup(Budget(1, settings), str(tiny_data), table2.CHANNELS, 0, tmp_path)
    (theirs,) = table2.run(setup)
    monkeypatch.setattr(trained, "train", None)  # it is there already
    rows = per_class.run(setup)
    classes, told = ([row for row in rows if row["kind"] == kind] for kind in ("class", "guess"))
    assert theirs["top1_error"] == pytest.approx(np.mean([row["top1_error"] for row in classes])) and len(classes) == 4
    assert len(told) == 4 * 4 and {row["rank"] for row in told} == {1, 2, 3, 4}  # of four classes
    net = trained.trained(setup, **table2.RUNS[table2.CHANNELS])
    crops, labels = (np.concatenate(part) for part in zip(*net.validation().epoch(0), strict=True))
    p = ops.softmax(net.network(Tensor(crops)), axis=1).data
    for row in told:
        assert row["label"] == labels[row["image"]]
        guess = np.argsort(p[row["image"]])[-row["rank"]]
        assert row["probability"] == pytest.approx(p[row["image"], guess], rel=1e-4)
        assert row["guess"] == net.saved.meta["class_names"][guess]
    assert per_class.draw([row | {"variant": "x", "seed": 0} for row in rows]).axes
    monkeypatch.setattr(per_class, "trained", lambda *args, **options: net)
    second = per_class.run(Setup(setup.budget, setup.data, table2.CHANNELS, 1, tmp_path))
    assert second == classes  # the images are shown once
