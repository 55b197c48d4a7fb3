"""The table of inference: which sides there are, what a ratio is, and onnxruntime's side."""

import json
from contextlib import nullcontext

import numpy as np
import pytest

from minidelve.backend.threads import thread_count
from minidelve.bench import inference
from minidelve.bench.inference import inference_table, measured
from minidelve.bench.memory import peak_in_own_process
from minidelve.bench.networks import Job, our_side
from minidelve.bench.runtime import check_runtime, export, runtime_side
from minidelve.bench.same_work import DifferentWork
from minidelve.bench.tables import Options

JOB = Job("lab14", 2, 28, "inference")
SECONDS = {"minidelve": 2.0, "torch NCHW": 4.0, "torch channels_last": 3.0, "torch compiled": 1.0, "onnxruntime": 5.0}


@pytest.fixture
def runtime():
    return pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: nothing to compare with")


@pytest.fixture
def options():
    return Options("cpu", "fp32", ["numba_cpu"], inference=[JOB], rounds=2, memory=False)


def test_the_better_layout_counts_and_a_ratio_is_their_time_over_ours(options, monkeypatch, tmp_path):
    monkeypatch.setattr(inference, "timed", lambda *args: [SECONDS, SECONDS])
    found = measured(JOB, options, None, None, tmp_path / "a.onnx")
    medians = {name: ratio["median"] for name, ratio in found["ratio"].items()}
    assert medians == {"minidelve": 1.0, "torch": 1.5, "torch compiled": 0.5, "onnxruntime": 2.5}
    assert {name: rate["median"] for name, rate in found["images_per_second"].items()}["torch"] == 2 / 3.0
    assert json.dumps(found)


def test_every_job_is_measured_on_one_thread_and_on_all(options, threads_are, monkeypatch, capsys):
    threads_are(2)
    seen = []
    monkeypatch.setattr(inference, "using", lambda n: seen.append(n) or nullcontext())
    monkeypatch.setattr(inference, "timed", lambda *args: [{"minidelve": 2.0}])
    assert len(list(inference_table(options, None, None, []))) == 2 and seen == [1, 2]
    assert capsys.readouterr().out.count("lab14, batch 2, 28 px") == 2


def test_onnxruntime_does_the_same_work_and_less_is_noticed(runtime, tmp_path):
    network, _ = our_side(JOB)
    path = tmp_path / "lab14.onnx"
    export(JOB, network, path)
    step = runtime_side(runtime, JOB, path)
    assert step().shape == (2, 1000) and check_runtime(JOB, network, step) < 1e-4
    network.fc3.bias.data = np.linspace(0, 1, 1000, dtype=np.float32)
    with pytest.raises(DifferentWork, match="lab14 inference.*probabilities differ by"):
        check_runtime(JOB, network, step)


def test_a_side_that_differs_gives_no_line_but_the_reason(options, runtime, monkeypatch):
    def different(*args):
        raise DifferentWork("lab14: differs")

    monkeypatch.setattr(inference, "check_runtime", different)
    refused = []
    assert list(inference_table(options, None, runtime, refused)) == []
    assert refused == ["lab14: differs"] * len({1, thread_count()})


def test_the_memory_of_onnxruntime_is_that_of_a_process_of_its_own(runtime, tmp_path):
    path = tmp_path / "lab14.onnx"
    export(JOB, our_side(JOB)[0], path)
    assert 20 < peak_in_own_process("onnxruntime", JOB, 1, file=path)["resident"] < 1000
