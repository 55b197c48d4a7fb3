"""Files of safetensors: what is in them besides arrays."""

import io

import numpy as np
import pytest

from minidelve.interchange.weights import safetensors_file
from tests.interchange.weights import others

pytest.importorskip("safetensors", reason="safetensors is not installed")


def written(tmp_path, arrays, facts):
    file, content = tmp_path / "a.safetensors", io.BytesIO()
    safetensors_file.write(content, arrays, facts)
    file.write_bytes(content.getvalue())
    return file


def test_a_class_whose_folder_has_a_name_of_no_text_comes_back(tmp_path):
    file = written(tmp_path, {"a": np.zeros(2, np.float32)}, {"classes": ["caf\udce9", "île"]})
    assert safetensors_file.classes_of(file) == ["caf\udce9", "île"]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_floats_of_every_size_in_any_order_of_memory_come_back(tmp_path, dtype):
    x = np.arange(6, dtype=dtype).reshape(2, 3)
    arrays = {"plain": x, "turned": x.T, "backwards": x[::-1], "one": x[1, 1]}
    found = safetensors_file.read(written(tmp_path, arrays, {}))
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name].read(), array)


@pytest.mark.parametrize("facts", [7, {}, [], "no JSON", "7", "{}", '{"classes": 7}', '{"classes": [7]}'])
def test_metadata_of_somebody_else_name_no_classes(tmp_path, facts):
    (tmp_path / "a.safetensors").write_bytes(others.safetensors({"__metadata__": {"minidelve": facts}}))
    assert safetensors_file.classes_of(tmp_path / "a.safetensors") is None


def test_a_header_that_is_longer_than_any_sensible_one_is_refused(tmp_path, monkeypatch):
    file = written(tmp_path, {"a": np.zeros(2, np.float32)}, {"classes": ["blue"] * 9})
    monkeypatch.setattr(safetensors_file, "MOST_HEADER", 100)
    with pytest.raises(ValueError, match="its header would have"):
        safetensors_file.read(file)
