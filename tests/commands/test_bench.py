"""`minidelve bench`: tables, files, refusals."""

import json
import shlex
import sys

import numpy as np
import pytest

from kernels import reference
from minidelve.backend import kernels_for
from minidelve.backend.threads import thread_count
from minidelve.bench import machine, same_work, tables
from minidelve.bench.case import SIZES, Sizes


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setitem(SIZES, "cpu", Sizes((2, 12, 8), (2, 6, 8), (4, 32), 1000))
    monkeypatch.setattr(machine, "sgemm_gflops", lambda: 100.0)
    monkeypatch.setattr(machine, "copy_gigabytes", lambda: 10.0)


NETWORK = ["networks", "--model", "lab14", "--batch-size", 2, "--size", 28, "--rounds", 2]


@pytest.fixture
def bench(ok, tmp_path):
    """bench(option, ...): what it said, and the file of figures as a dict."""

    def run(*options):
        said = ok("bench", *options, "--json", tmp_path / "b.json")
        return said, json.loads((tmp_path / "b.json").read_text())

    return run


def test_kernels_and_ops_have_a_line_each_and_all_figures_are_in_the_file(bench):
    out, figures = bench("kernels", "ops", "--only", "prelu", "--rounds", 3)
    assert "limits: products 100 GFLOP/s, copy 10.0 GB/s" in out
    assert [case["name"] for case in figures["cases"]] == ["prelu_forward", "prelu_backward", "prelu"]
    for case in figures["cases"]:
        assert case["seconds"]["low"] <= case["seconds"]["median"] <= case["seconds"]["high"]
        assert 0 < case["share_of_limit"]["low"] <= case["share_of_limit"]["median"] and case["ratio"] is None
        assert f"\n{case['name']} " in out
    forward = figures["cases"][0]
    assert forward["rate"] == pytest.approx(4 * (2 * 2 * 12 * 12 * 8 + 8) / forward["seconds"]["median"] / 1e9)


def test_a_network_is_timed_and_its_peak_memory_measured(bench):
    out, figures = bench(*NETWORK, "--mode", "training")
    (network,) = figures["networks"]
    assert "lab14 training, batch 2, 28 px" in out and 50 < network["peak_mb"]["minidelve"] < 1000
    assert network["images_per_second"]["minidelve"]["median"] > 0 and "ratio" not in network


def test_against_torch_both_layouts_run_and_there_is_a_ratio(bench):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    (network,) = bench(*NETWORK, "--mode", "inference", "--against", "torch")[1]["networks"]
    assert set(network["images_per_second"]) == {"minidelve", "torch NCHW", "torch channels_last"}
    assert network["ratio"]["low"] <= network["ratio"]["median"] <= network["ratio"]["high"]


def test_inference_stands_beside_onnxruntime(bench):
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    options = ["--model", "lab14", "--batch-size", 2, "--size", 28, "--rounds", 1, "--threads", 1, "--no-memory"]
    out, figures = bench("inference", *options, "--against", "onnxruntime")
    (line,) = figures["inference"]
    assert line["threads"] == 1 and line["ratio"]["onnxruntime"]["median"] > 0 and "networks" in figures
    assert figures["versions"]["onnxruntime"]
    assert "lab14, batch 2, 28 px" in out and "ratios are their time over ours" in out


def test_different_work_gives_no_ratio_and_exit_code_1(cli, monkeypatch, tmp_path):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    monkeypatch.setitem(same_work.BOUNDS, "fp32", same_work.Bounds(0.0, 0.0))
    options = [*NETWORK, "--mode", "inference", "--against", "torch", "--json", tmp_path / "b.json"]
    code, out, _ = cli("bench", *options)
    assert code == 1 and "NO RATIO: lab14 inference" in out
    assert json.loads((tmp_path / "b.json").read_text())["networks"] == []


WRONG = [
    ("everything", "PART: there is no 'everything'", "kernels, ops, networks, inference"),
    ("--compile", "--compile", "--against torch"),
    ("inference --compile --against onnxruntime", "--compile", "--against torch"),
    ("networks --against onnxruntime", "--against onnxruntime", "does not train", "inference"),
    ("inference --model lab14 --size 8", "--size 8", "too small for lab14", "more pixels"),
    ("inference --device cuda", "inference is measured on the CPU", "--device cuda"),
    ("--json no/such/folder/b.json", "no/such/folder/b.json", "name a file in one that exists"),
    ("--json .", "--json . is a folder", "name a file in it"),
    ("--only nosuch", "--only nosuch", "no such kernel or op", "prelu_forward", "momentum step"),
    ("kernels --only 'momentum step'", "--only momentum step", "expected a part of one of: im2col"),
    ("ops --only prleu", "--only prleu", "did you mean prelu?"),
    ("networks --only prelu", "--only prelu", "--model"),
    ("networks --model lab14 --size 8", "--size 8", "too small for lab14", "more pixels"),
    ("--precision mixed", "--precision mixed", "imitated", "--device cuda"),
    ("kernels --profile", "--profile", "add networks"),
    ("--kernels cupy_cuda", "--kernels cupy_cuda", "--device cpu", "reference, numba_cpu"),
    ("--kernels numba_cpu --device cuda", "--kernels numba_cpu", "--device cuda", "cupy_cuda"),
    ("ops --kernels reference --kernels numba_cpu", "--kernels", "add the part kernels"),
]


@pytest.mark.parametrize("row", WRONG, ids=lambda row: row[0])
def test_what_cannot_be_done_is_one_line(refused, row):
    options, *parts = row
    refused(["bench", *shlex.split(options)], *parts)


def test_what_is_not_there_is_one_line(refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    refused(["bench", "ops", "--against", "torch"], "PyTorch is not installed", "pip install torch")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    refused(["bench", "inference", "--against", "onnxruntime"], "it is not installed", "pip install onnxruntime")
    monkeypatch.setattr("minidelve.backend.cuda._state", (None, "CuPy finds no driver"))
    refused(["bench", "kernels", "--device", "cuda"], "--device cuda", "CuPy finds no driver", "--device cpu")


@pytest.mark.parametrize("against", [[], ["--against", "torch"]])
def test_a_share_is_the_rate_over_the_limit_s_and_kernels_run_on_one_core(bench, monkeypatch, against):
    if against:
        pytest.importorskip("torch", reason="PyTorch is not installed")
    threads = []

    def rounds(sides, count, seconds, clock):
        threads.append(thread_count())
        return [{name: {"ours": 4.0, "limit": 1.0, "torch": 8.0}[name] for name in sides}] * count

    monkeypatch.setattr(tables, "interleaved", rounds)
    monkeypatch.setattr(machine, "copy", lambda: machine.Limit(lambda: None, 1e9))  # in the second above: 1 GB/s
    found = bench("kernels", "ops", "--only", "prelu", "--threads", 2, *against)[1]["cases"]
    assert threads == [1, 1, 2]
    for case in found:
        assert case["share_of_limit"]["median"] == pytest.approx(case["rate"])
    assert found[2]["ratio"] == ({"median": 2.0, "low": 2.0, "high": 2.0} if against else None)


def test_only_leaves_the_networks_out_and_what_is_done_is_kept(cli, monkeypatch, tmp_path):
    """The second case is interrupted: the first one's figures are in the file."""
    first = tables.measure

    def interrupted(case, *args):
        if case.name != "prelu_forward":
            raise KeyboardInterrupt
        return first(case, *args)

    monkeypatch.setattr(tables, "measure", interrupted)
    code, out, _ = cli("bench", "--only", "prelu", "--rounds", 1, "--json", tmp_path / "b.json")
    assert code == 130 and "img/s" not in out
    assert [case["name"] for case in json.loads((tmp_path / "b.json").read_text())["cases"]] == ["prelu_forward"]


def test_two_folders_of_kernels_are_timed_side_by_side(bench):
    options = ["--kernels", "reference", "--kernels", "numba_cpu", "--only", "relu", "--rounds", 2]
    out, found = bench("kernels", *options)
    assert "against numba_cpu" in out and found["kernels"] == "reference" and len(found["cases"]) == 4
    for case in found["cases"]:
        assert case["ratio"] is None and case["other_kernels"]["numba_cpu"]["median"] > 0
    assert kernels_for(np.zeros(1)).__name__ == "kernels.numba_cpu"  # the choice was the command's


def test_the_folder_of_kernels_that_is_named_computes(bench, monkeypatch):
    calls = []
    forward = reference.prelu_forward
    monkeypatch.setattr(reference, "prelu_forward", lambda *args, **kw: calls.append(args) or forward(*args, **kw))
    bench(*NETWORK, "--mode", "inference", "--kernels", "reference")
    assert calls


def test_a_profile_has_a_line_for_each_kernel_of_the_step(bench):
    out, figures = bench(*NETWORK, "--mode", "training", "--no-memory", "--profile")
    (network,) = figures["networks"]
    assert "a step on one core" in out and "\n  the step" in out
    assert {"matmul", "prelu_backward", "momentum_step", "the rest"} <= {line["name"] for line in network["profile"]}
    for line in network["profile"]:
        assert f"\n  {line['name']} " in out


def test_pytorch_out_of_memory_is_one_line(refused, monkeypatch):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")

    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has ...")

    monkeypatch.setattr("minidelve.bench.tables.their_side", full)
    refused(["bench", *NETWORK, "--against", "torch"], "Tried to allocate 2.00 GiB", "--batch-size")
