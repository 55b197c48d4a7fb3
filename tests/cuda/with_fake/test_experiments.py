"""Items of `minidelve reproduce` on the device: what they compute there, they compute on the CPU too."""

from dataclasses import replace
from pathlib import Path

import pytest

from minidelve.experiments import ITEMS, Budget, Setup

pytestmark = pytest.mark.usefixtures("dropout_draws_on_the_cpu")
MOMENT = {
    "width": 0.0625, "fc": 4, "size": 32, "short_side": 32, "epochs": 1, "batch_size": 24, "jitter": [32, 40],
    "inputs": 8, "units": 4, "batches": 1, "steps": 10, "scales": [32, 36],
}  # fmt: skip
# One item of each way to use a network: its errors, its weights, its responses, its first gradients, its pictures.
VARIANTS = {
    "table2": "PReLU channel-wise", "table1": "PReLU shared", "fig2-responses": "ReLU", "fig3-right": "He",
    "per-class": "PReLU channel-wise", "dying-relu": "ReLU, 0", "table4": "PReLU", "fisher": "PReLU a=0.25",
}  # fmt: skip


@pytest.mark.parametrize("name", VARIANTS)
def test_an_item_computes_on_the_device_what_it_computes_on_the_cpu(name, tiny_data, tmp_path):
    settings = {key: MOMENT.get(key, value) for key, value in ITEMS[name].budgets["quick"].settings.items()}
    setup = Setup(Budget(1, settings), str(tiny_data), VARIANTS[name], 0, Path(tmp_path))
    on_cpu, on_device = (ITEMS[name].run(replace(setup, device=device)) for device in ("cpu", "cuda"))
    assert len(on_cpu) == len(on_device) > 0
    for ours, theirs in zip(on_cpu, on_device, strict=True):
        assert ours.keys() == theirs.keys()
        for column, value in ours.items():
            expected = pytest.approx(value, rel=1e-3, abs=1e-3) if isinstance(value, float) else value
            assert theirs[column] == expected, column
