"""docs/notebook.ipynb runs from its first cell to its last, and each cell shows what it is there for."""

import importlib.util
import json
import os
import runpy
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest

from minidelve import data
from tests.commands.runs import altered
from tests.helpers import ROOT

NOTEBOOK = ROOT / "docs" / "notebook.ipynb"
EPOCH = {
    "epoch": 1, "lr": 0.01, "train_loss": 2.0, "train_top1_error": 80.0, "val_top1_error": 70.0,
    "val_top5_error": 30.0, "seconds": 1.0, "images_per_second": 20.0,
}  # fmt: skip


@pytest.fixture
def folder(tmp_path) -> Path:
    """The notebook's folder, in a checkout where README's first commands were given."""
    data.write_toy(tmp_path / "toy-images", train_size=20, val_size=60)
    untrained_run = runpy.run_path(str(ROOT / "examples" / "untrained_run.py"))["main"]
    untrained_run("lab14", str(tmp_path / "toy-images"), str(tmp_path / "runs/first"), 56)
    best = tmp_path / "runs/first/best.npz"
    altered(best, best, lambda arrays, meta: meta.update(history=[EPOCH]))
    (tmp_path / "docs").mkdir()
    return tmp_path / "docs"


def code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def source_of(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def test_it_is_kept_without_outputs():
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert len(code_cells(notebook)) == 10
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code_cells(notebook))


def shown_by_a_kernel(folder: Path) -> list[dict[str, Any]]:
    """Of each code cell what its last line shows, by kind; run as a notebook server runs it."""
    import nbclient
    import nbformat

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}})
    client.execute(env=os.environ | {"PYTHONPATH": str(ROOT)})
    results = ([o for o in cell["outputs"] if o["output_type"] == "execute_result"] for cell in code_cells(notebook))
    return [outputs[0]["data"] if outputs else {} for outputs in results]


def shown_by_hand(folder: Path) -> list[dict[str, Any]]:
    """The same without Jupyter: cells one by one, the last line of each evaluated."""
    names: dict[str, Any] = {}
    shown = []
    kinds = {"text/html": "_repr_html_", "image/svg+xml": "_repr_svg_", "image/png": "_repr_png_"}
    with chdir(folder):
        for cell in code_cells(json.loads(NOTEBOOK.read_text(encoding="utf-8"))):
            *lines, last = source_of(cell).splitlines()
            exec("\n".join(lines), names)
            value = eval(last, names)
            methods = {kind: getattr(value, name, None) for kind, name in kinds.items()}
            shown.append({"text/plain": repr(value)} | {kind: method() for kind, method in methods.items() if method})
    return shown


def test_every_cell_runs_and_shows_what_it_is_there_for(folder):
    with_jupyter = all(importlib.util.find_spec(name) for name in ("nbclient", "ipykernel"))
    pytest.importorskip("onnxruntime")
    cells = shown_by_a_kernel(folder) if with_jupyter else shown_by_hand(folder)
    run, predictions, right, curves, errors, network, slopes, graph, exported, difference = cells
    assert ">conv3_6<" in "".join(run["text/html"]) and ">conv3_6<" in "".join(network["text/html"])
    assert all("image/png" in cell for cell in (predictions, curves))
    assert "of 8 are right" in right["text/plain"] and "top-1 error" in errors["text/plain"]
    assert "'conv1_act.a': 0.25" in slopes["text/plain"]
    assert "conv3_6.weight" in "".join(graph["image/svg+xml"])
    assert exported["text/plain"] == "0" and (folder / "../runs/first.onnx").is_file()
    assert float(difference["text/plain"].split()[-1].strip("'")) < 1e-5
