"""The table1 item: the slopes of table2's networks, counted, averaged and read as the paper reads its own."""

from types import SimpleNamespace

import numpy as np
import pytest

from minidelve import models
from minidelve.experiments import Setup, table1
from minidelve.experiments.table2 import CHANNELS, SHARED
from minidelve.models.small14 import SMALL14
from minidelve.models.table import Conv, FullyConnected


def rows_of(shared, channel_wise):
    """Rows as of parts, from a list of courses (13 mean slopes a seed) for each variant."""
    return [
        {"variant": v, "seed": seed, "layer": layer, "slopes": 1 if v == SHARED else 8, "mean": a,
         "lower_quartile": None if a is None else a - 0.1, "upper_quartile": None if a is None else a + 0.1}
        for v, several in ((SHARED, shared), (CHANNELS, channel_wise))
        for seed, course in enumerate(several)
        for layer, a in zip(table1.LAYERS, course, strict=True)
    ]  # fmt: skip


def trend(rows):
    return table1.ITEM.verdict(table1.ITEM.whole(rows))


FALLING = [0.6, *np.linspace(0.4, 0.1, 12)]


def around(course, size=0.01, seeds=4):
    return [[float(a + size * ((seed + i) % 2)) for i, a in enumerate(course)] for seed in range(seeds)]


@pytest.mark.parametrize(("activation", "counts"), [
    ("prelu", [32] + 4 * [64] + 6 * [128] + 2 * [512]), ("prelu-shared", 13 * [1]),
])  # fmt: skip
def test_every_layer_of_the_network_gives_a_row_in_the_papers_order(monkeypatch, activation, counts):
    rng = np.random.default_rng(0)
    net = models.create("lab14", num_classes=3, activation=activation)
    drawn = {name: rng.standard_normal(a.shape).astype(np.float32)
             for name, a in net.state_dict().items() if name.endswith(".a")}  # fmt: skip
    found = SimpleNamespace(saved=SimpleNamespace(parameters=net.state_dict() | drawn))
    monkeypatch.setattr(table1, "trained", lambda setup, **options: found)
    rows = table1.run(Setup(None, "toy", CHANNELS if activation == "prelu" else SHARED, 0))
    assert [row["slopes"] for row in rows] == counts
    assert [f"{row['layer']}_act.a" for row in rows] == list(drawn)
    for row, a in zip(rows, drawn.values(), strict=True):
        middle = np.sort(a)[len(a) // 4 : len(a) - len(a) // 4]
        assert row["mean"] == pytest.approx(sum(a.tolist()) / len(a))
        assert middle.min() >= row["lower_quartile"] - 1e-6 and middle.max() <= row["upper_quartile"] + 1e-6
        assert (a < row["lower_quartile"]).sum() == len(a) // 4 == (a > row["upper_quartile"]).sum()


def test_the_papers_slopes_are_counted_from_the_channels_of_its_table():
    channels = [
        row.channels * len(row.paddings) if isinstance(row, Conv) else row.units
        for row in SMALL14 if isinstance(row, Conv) or (isinstance(row, FullyConnected) and row.units)
    ]  # fmt: skip
    assert {SHARED: 13, CHANNELS: sum(channels)} == table1.PAPER_COUNT and sum(channels) == 10304


def test_rank_correlation_is_spearmans():
    rng = np.random.default_rng(1)
    course = rng.standard_normal(13)
    rank = {i: r for r, i in enumerate(sorted(range(11), key=lambda i: course[i]))}
    squares = sum((rank[i] - i) ** 2 for i in range(11))
    assert table1.rank_correlation(course) == pytest.approx(1 - 6 * squares / (11 * (11**2 - 1)))  # without ties
    # Ties share the mean of their ranks: here they are 3, 6 and 9; by hand, 90 / sqrt(90 * 110).
    assert table1.rank_correlation([1.0] * 5 + [2.0] + [7.0] * 5 + [0.0, 0.0]) == pytest.approx((9 / 11) ** 0.5)
    assert np.isnan(table1.rank_correlation([0.25] * 13))


def test_the_paper_s_own_table_would_hold():
    rows = rows_of(around(table1.PAPER[SHARED]), around(table1.PAPER[CHANNELS]))
    found = trend(rows)
    assert (
        found.holds is True
        and "the paper's is 0.120 (claimed: above 0; holds)" in found.sentence
        and "-0.791" in found.sentence
    )


def test_each_of_the_readings_can_fail_the_trend():
    good = around(FALLING)
    assert trend(rows_of(good, good)).holds is True
    second_first = [course[1:2] + course[:1] + course[2:] for course in good]
    rising = [course[:1] + course[:0:-1] for course in good]
    for shared, channel_wise in ((second_first, good), (good, second_first), (good, rising)):
        assert trend(rows_of(shared, channel_wise)).holds is False
    assert trend(rows_of(rising, good)).holds is True  # the paper says nothing of the shared ones' order


def test_what_lies_within_the_interval_cannot_be_told():
    leads = np.array([0.25, -0.05, 0.25, -0.05])  # 0.1 ± 0.28
    for sign in (1, -1):
        swinging = [[0.4 + sign * lead, *FALLING[1:]] for lead in leads]
        assert trend(rows_of(swinging, around(FALLING))).holds is None
    alone = trend(rows_of(around(FALLING, seeds=1), around(FALLING, seeds=1)))
    assert alone.holds is None and "with one seed" in alone.sentence


def test_the_table_has_the_papers_numbers_beside_ours():
    header, lines = table1.table(table1.ITEM.whole(rows_of(around(FALLING), around(FALLING))))
    assert all(len(line) == len(header) for line in lines)
    by_name = {line[0]: line for line in lines}
    assert by_name["conv1"] == ["conv1", "0.605 ± 0.009", "0.681", "0.605 ± 0.009", "0.596", "0.505 to 0.705"]
    assert by_name["fc2"][2::2] == ["0.031", "0.075"]
    assert by_name["slopes in all"] == ["slopes in all", "13", "13", "104", "10,304", ""]
    assert by_name["conv1 less the mean of the deeper layers"][4] == f"{0.596 - 2.381 / 12:.3f}"


def test_a_run_with_a_missing_layer_is_not_read():
    rows = rows_of([FALLING, [*FALLING[:5], None, *FALLING[6:]]], around(FALLING))
    assert table1.profiles(rows, SHARED) == {0: FALLING}


def test_the_claims_have_the_numbers_of_the_papers_own_table():
    of_paper = rows_of([table1.PAPER[SHARED]], [table1.PAPER[CHANNELS]])
    whole = table1.ITEM.whole(of_paper)
    for claim in table1.CLAIMS:
        assert claim.numbers(whole) == [pytest.approx(claim.paper)]
