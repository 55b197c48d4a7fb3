"""Files of Caffe: which blob becomes which array."""

import numpy as np
import pytest

from minidelve.interchange.weights import caffemodel
from tests.interchange.weights import others

pytest.importorskip("google.protobuf", reason="protobuf is not installed")


def read(tmp_path, content):
    """{name: array} of a file."""
    (tmp_path / "a.caffemodel").write_bytes(content)
    return {name: entry.read() for name, entry in caffemodel.read(tmp_path / "a.caffemodel").items()}


def layer(name, kind, bottom, top, *blobs):
    """A layer of the second generation."""
    own = others.field(1, name) + others.field(2, kind) + others.field(3, bottom) + others.field(4, top)
    return others.field(100, own + b"".join(others.field(7, others.blob(blob, legacy=False)) for blob in blobs))


def test_a_slope_that_all_channels_share_has_no_shape_in_the_file(tmp_path):
    arrays = {"c.weight": np.ones((2, 1, 1, 1)), "c.bias": np.ones(2), "c.slope": np.array(0.25)}
    assert read(tmp_path, others.caffemodel(arrays, 2))["c.slope"].tolist() == [0.25]


def test_slopes_belong_to_the_layer_whose_output_they_take(tmp_path):
    convolution = layer(b"c", b"Convolution", b"data", b"out of c", np.ones((2, 1, 1, 1)))
    found = read(tmp_path, convolution + layer(b"p", b"PReLU", b"out of c", b"p", np.ones(2)))
    assert list(found) == ["c.weight", "c.slope"]


@pytest.mark.parametrize("generation", [1, 2])
def test_a_layer_of_one_unit_keeps_its_axes(tmp_path, generation):
    for shape in ((1, 3), (1, 1), (1, 2, 1, 1)):
        arrays = {"a.weight": np.ones(shape), "a.bias": np.ones(1)}
        found = read(tmp_path, others.caffemodel(arrays, generation))
        assert [array.shape for array in found.values()] == [shape, (1,)]


def test_layers_of_both_generations_are_found_in_one_file(tmp_path):
    arrays = [{f"{name}.weight": np.ones((2, 3)), f"{name}.bias": np.ones(2)} for name in "ab"]
    content = b"".join(others.caffemodel(part, generation) for generation, part in enumerate(arrays, 1))
    assert list(read(tmp_path, content)) == ["a.weight", "a.bias", "b.weight", "b.bias"]


def test_a_layer_of_another_kind_is_named_with_it(tmp_path):
    found = read(tmp_path, layer(b"c", b"Convolution", b"x", b"y", *np.ones((3, 2))))
    assert list(found) == [f"c.{i} of Convolution" for i in range(3)]
    assert list(read(tmp_path, layer(b"n", b"BatchNorm", b"x", b"y", np.ones(2)))) == ["n.0 of BatchNorm"]
