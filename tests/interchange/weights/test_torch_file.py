"""State dicts of PyTorch: what else lies in a file, and which tensors are weights."""

import zipfile

import pytest

from minidelve.interchange.weights import torch_file

torch = pytest.importorskip("torch", reason="PyTorch is not installed")


@pytest.mark.parametrize("inside", [["state_dict"], ["model_state_dict"], ["model"], ["state_dict", "model"], []])
def test_a_state_dict_is_found_where_training_scripts_put_it(tmp_path, inside):
    content = {"a": torch.ones(2)}
    for name in reversed(inside):
        content = {"epoch": 3, name: content}
    torch.save(content, tmp_path / "a.pt")
    assert list(torch_file.read(tmp_path / "a.pt")) == ["a"]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_floats_of_other_sizes_become_float32(tmp_path, dtype):
    torch.save({"a": torch.nn.Parameter(torch.tensor([1.5, -2.0], dtype=dtype))}, tmp_path / "a.pt")
    found = torch_file.read(tmp_path / "a.pt")["a"].read()
    assert found.dtype == "float32" and found.tolist() == [1.5, -2.0]


def test_a_sparse_tensor_is_named(tmp_path):
    torch.save({"a": torch.eye(2).to_sparse()}, tmp_path / "a.pt")
    with pytest.raises(ValueError, match="'a' is no dense tensor of floats"):
        torch_file.read(tmp_path / "a.pt")


def test_what_unfolds_to_many_times_its_size_is_refused_unread(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.pt", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("archive/data.pkl", bytes(2**24 + 2**21))
    with pytest.raises(ValueError, match="unfold to 19 MB"):
        torch_file.read(tmp_path / "a.pt")
