"""The pyramid in ONNX: bins that are windows of one max pooling, and those that are not."""

import numpy as np
import pytest

from minidelve import Tensor, spatial_pyramid_pool2d
from minidelve.interchange.to_onnx.graph import Graph
from minidelve.interchange.to_onnx.pyramid import add_pyramid, pooling_of_bins
from minidelve.ops.spatial_pyramid_pool2d import bin_edges
from tests.interchange.to_onnx.conftest import run_nodes


def test_windows_are_the_bins_or_there_are_none():
    found = 0
    for L in range(1, 25):
        for n in range(1, 9):
            if pool := pooling_of_bins(L, n):
                found += 1
                starts = [i * pool.stride - pool.padding for i in range(n)]
                assert [(max(0, s), min(L, s + pool.kernel)) for s in starts] == bin_edges(L, n)
                assert (L + 2 * pool.padding - pool.kernel) // pool.stride + 1 == n
                assert 0 <= pool.padding < pool.kernel
    assert found > 100


def test_the_pyramids_of_the_paper_are_a_pooling_for_each_level():
    for L, levels in ((14, (3, 2, 1)), (18, (6, 3, 2, 1)), (14, (7, 3, 2, 1)), (14, (7,))):
        graph = Graph()
        add_pyramid(graph, "spp", "x", (L, L), levels)
        assert sum(node.op_type == "MaxPool" for node in graph.nodes) == len(levels)
        assert not any(node.op_type == "ReduceMax" for node in graph.nodes)


@pytest.mark.parametrize(
    ("size", "levels"), [((10, 7), (6, 3)), ((10, 10), (6,)), ((2, 5), (3, 3, 1)), ((1, 1), (2,)), ((13, 9), (4, 1))]
)
def test_every_pyramid_is_exact(size, levels):
    x = np.random.default_rng(0).standard_normal((2, 3, *size)).astype(np.float32) - 2
    found = run_nodes(lambda graph, name: add_pyramid(graph, "spp", name, size, levels), x)
    np.testing.assert_array_equal(found, spatial_pyramid_pool2d(Tensor(x), levels).data, strict=True)
