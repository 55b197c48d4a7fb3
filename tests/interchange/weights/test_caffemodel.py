"""Files of Caffe: which blob becomes which array."""

import numpy as np
import pytest

from minidelve.interchange.weights import caffemodel
from tests.interchange.weights import others

pytest.importorskip("google.protobuf", reason="protobuf is not installed")


def test_a_slope_that_all_channels_share_has_no_shape_in_the_file(tmp_path):
    arrays = {"c.weight": np.ones((2, 1, 1, 1)), "c.bias": np.ones(2), "c.slope": np.array(0.25)}
    (tmp_path / "a.caffemodel").write_bytes(others.caffemodel(arrays, 2))
    found = caffemodel.read(tmp_path / "a.caffemodel")["c.slope"]
    assert found.shape == (1,) and found.read().tolist() == [0.25]
