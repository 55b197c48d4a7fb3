"""Files of safetensors: what is in them besides arrays."""

import io

import numpy as np
import pytest

from minidelve.interchange.weights import safetensors_file

pytest.importorskip("safetensors", reason="safetensors is not installed")


def written(tmp_path, arrays, facts):
    file, content = tmp_path / "a.safetensors", io.BytesIO()
    safetensors_file.write(content, arrays, facts)
    file.write_bytes(content.getvalue())
    return file


def test_a_class_whose_folder_has_a_name_of_no_text_comes_back(tmp_path):
    file = written(tmp_path, {"a": np.zeros(2, np.float32)}, {"classes": ["caf\udce9", "île"]})
    assert safetensors_file.classes_of(file) == ["caf\udce9", "île"]
