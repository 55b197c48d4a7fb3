"""A graph drawn without another program: rows from top to bottom, boxes that keep apart, arrows that pass none."""

import re
import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import numpy as np
import pytest

from minidelve import Tensor, cross_entropy, graph, models
from minidelve.analysis.drawing import MOST, Box, svg
from minidelve.analysis.layout import GAP, Place, lay_out, rows_of, settle

SVG = "{http://www.w3.org/2000/svg}"


def picture(text: str) -> tuple[list[dict[str, str]], list[str], list[dict[str, str]]]:
    """(boxes, texts, arrows and lines) of an SVG."""
    root = ElementTree.fromstring(text)
    boxes = [rect.attrib for rect in root.iter(SVG + "rect")][1:]  # the first one is the paper
    return boxes, [t.text for t in root.iter(SVG + "text")], [p.attrib for p in root.iter(SVG + "path")][1:]


def random_graph(rng, nodes: int) -> list[list[int]]:
    return [sorted(rng.choice(i, min(i, rng.integers(0, 3)), replace=False).tolist()) for i in range(nodes)]


@pytest.mark.parametrize("seed", range(5))
def test_arrows_point_down_and_boxes_of_a_row_keep_apart(seed):
    rng = np.random.default_rng(seed)
    sources, widths = random_graph(rng, 40), rng.uniform(20, 90, 40)
    rows, table = rows_of(sources), lay_out(widths, sources, 1000)
    assert all(rows[source] < rows[node] for node, own in enumerate(sources) for source in own)
    assert sorted(place.node for row in table for place in row if place.node is not None) == list(range(40))
    for row in table:
        for left, right in pairwise(row):
            assert right.x - left.x >= (left.width + right.width) / 2 + GAP - 1e-9
    for above, below in pairwise(table):  # a line goes from row to row and passes none
        inside = {id(place) for place in below}
        assert all(id(place) in inside for upper in above for place in upper.below)


def test_a_place_wishes_for_the_weighted_mean_of_what_it_is_joined_to():
    place = Place(0, 10.0, 1.0, x=9.0)
    assert place.wish() == 9.0
    place.above, place.below = [Place(1, 10.0, 1.0, x=0.0)], [Place(2, 10.0, 2.0, x=6.0)]
    assert place.wish() == 4.0


def test_the_points_on_the_way_of_an_arrow_count_as_boxes_do():
    sources = [[], [0], [1], [0, 2]]  # the arrow from 0 to 3 passes two rows
    assert sum(map(len, lay_out([30.0] * 4, sources, 6))) == 6
    with pytest.raises(ValueError, match="more than 5 boxes and waypoints"):
        lay_out([30.0] * 4, sources, 5)


def test_a_row_is_placed_by_least_squares(rng):
    row = [Place(i, 10.0, float(w), x=float(x)) for i, (w, x) in enumerate(rng.uniform(0.1, 3, (7, 2)) * [1, 20])]
    row.sort(key=lambda place: place.x)
    wishes, weights = np.array([p.x for p in row]), np.array([p.weight for p in row])
    settle(row)
    x = np.array([p.x for p in row])
    best = (weights * (x - wishes) ** 2).sum()
    assert (np.diff(x) >= 10 + GAP - 1e-9).all()
    for _ in range(300):  # no other places that keep the distances are nearer to the wishes
        other = np.maximum.accumulate(x + rng.normal(0, 1, 7) - (10 + GAP) * np.arange(7)) + (10 + GAP) * np.arange(7)
        assert (weights * (other - wishes) ** 2).sum() >= best - 1e-9


def test_a_leaf_stands_just_above_what_needs_it_and_a_chain_is_straight():
    sources = [[], [0], [1], [], [2, 3]]
    assert rows_of(sources) == [0, 1, 2, 2, 3]
    chain = [[], *([i] for i in range(9))]
    assert {round(place.x, 6) for row in lay_out([30.0] * 10, chain, 100) for place in row} == {0.0}


def test_the_picture_has_every_box_and_arrow_inside_the_page():
    boxes = [Box("x", "2 x 3", "float32", True), Box("A<B", "2", "float32", False), Box("C", "2", "float64", False)]
    drawn, texts, lines = picture(svg(boxes, [[], [0], [0, 1, 1]]))
    assert [box["fill"] for box in drawn] == ["#fbf3dc", "#e6eef8", "#e6eef8"]
    assert texts == ["x", "2 x 3", "A<B", "2", "C", "2", "float64"]  # the usual dtype is not written
    assert sum("marker-end" in line for line in lines) == 4 and len(lines) == 6  # one goes by the box between
    page = ElementTree.fromstring(svg(boxes, [[], [0], [0, 1, 1]])).attrib
    for box in drawn:
        assert float(box["x"]) >= 0 and float(box["x"]) + float(box["width"]) <= float(page["width"])
        assert float(box["y"]) >= 0 and float(box["y"]) + float(box["height"]) <= float(page["height"])


def test_leaves_stand_to_either_side_of_what_is_computed():
    sources = [[], [0], [], [], [1, 2, 3]]
    assert [place.node for place in lay_out([30.0] * 5, sources, 100)[1]] == [3, 1, 2]


def test_an_arrow_leads_from_the_bottom_of_a_box_to_the_top_of_another():
    boxes = [Box("x", "2", "float32", True), Box("A", "2", "float32", False)]
    (leaf, op), _, (line,) = picture(svg(boxes, [[], [0]]))
    start, end = re.fullmatch(r"M\S+ (\d+)C.* (\d+)", line["d"]).groups()
    assert float(start) == float(leaf["y"]) + float(leaf["height"]) < float(end) == float(op["y"])
    assert float(leaf["rx"]) == float(leaf["height"]) / 2 and float(op["rx"]) == 3  # round for a leaf


def test_arrows_into_a_box_do_not_cross_and_a_low_box_is_in_the_middle():
    boxes = [Box("x", "2", "float32", True), Box("y", "2", "float64", True), Box("A", "2", "float32", False)]
    (low, high, _), _, lines = picture(svg(boxes, [[], [], [0, 1]]))
    ways = sorted([float(n) for n in re.fullmatch(r"M(\d+) \d+C.* (\d+) \d+", line["d"]).groups()] for line in lines)
    assert ways[0][0] < ways[1][0] and ways[0][1] < ways[1][1]
    middles = [float(box["y"]) + float(box["height"]) / 2 for box in (low, high)]
    assert middles[0] == middles[1] and low["height"] != high["height"]


def test_a_network_is_drawn_layer_by_layer_with_the_names_of_its_weights(threads_are):
    net = models.create("lab14", 4, width=0.25, fc=16)
    pixels = Tensor(np.zeros((4, 3, 56, 56), np.float32))
    for threads in (1, 2):  # with two, the conv layers run on shares of the batch
        threads_are(threads)
        loss = cross_entropy(net(pixels), [0, 1, 2, 3])
        _, texts, _ = picture(loss.graph(network=net)._repr_svg_())
        names = [name for name, _ in net.named_parameters()]
        assert set(names) <= set(texts)
        assert texts.count("MaxPool2d") == 2 and texts.count("Linear") == 3
        assert texts.count("InShares") == (threads > 1)
        assert (f"{4 // threads} x 8 x 28 x 28" in texts) and str(loss.graph()) == graph(loss)


def test_what_is_too_large_to_draw_says_so():
    y = Tensor([1.0], requires_grad=True)
    for _ in range(MOST):
        y = -y
    drawn, texts, lines = picture(graph(y).svg())
    assert (drawn, lines) == ([], []) and "4,001 nodes is too large for a picture" in texts[0]
