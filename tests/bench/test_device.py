"""`minidelve bench --device cuda`, on a stand-in for CuPy (tests/cuda/fake) and with the .cu files compiled by g++.

That every line of it runs, and what is measured: not how fast.  In a process of its own, as the stand-in is chosen by
PYTHONPATH; sizes are tiny, as it runs a GPU's threads one after the other.
"""

import json
import shutil

import pytest

from minidelve import models, nn
from minidelve.bench.kernel_cases import KERNELS
from minidelve.bench.op_cases import OPS
from tests.helpers import ON_THE_FAKE, python

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++, to run the CUDA files on the CPU"),
]

# stdin: {name: arguments}; stdout: {name: [exit code, stdout, stderr]}, and what the limits' products come to.
SCRIPT = """
import contextlib, io, json, sys
import numpy as np
from kernels import reference
from minidelve import cli
from minidelve.backend import to_device, uniform
from minidelve.bench import machine, networks, profile, tables
from minidelve.bench.case import SIZES, Sizes
from minidelve.backend.precision import FACTORS

SIZES["cuda"] = Sizes((2, 12, 8), (2, 6, 8), (4, 16), 1000)
machine.COPY_BYTES, machine.PRODUCT_SIDE, networks.SETTLING_STEPS = 1 << 14, 24, 1
profile.PASSES = 1
clocks, interleaved = {}, tables.interleaved
def turns(sides, rounds, seconds, clock):
    clocks[len(clocks)] = getattr(clock, "__name__", type(clock).__name__)
    return interleaved(sides, rounds, seconds, clock)
tables.interleaved = turns
results = {}
for name, words in json.load(sys.stdin).items():
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.main(words)
    results[name] = code, out.getvalue(), err.getvalue()
errors = {}
for name in FACTORS:
    limit = machine.device_product(name)
    out = to_device(limit.run(), "cpu")
    x = to_device(uniform(np.random.default_rng(0), limit.run()), "cpu") - np.float32(0.5)
    errors[name] = {other: float(abs(out - reference.matmul(x, x, FACTORS[other])).max()) for other in FACTORS}
copy = machine.device_copy(1 << 12)
copy.run()
print(json.dumps([results, errors, copy.work, list(clocks.values())]))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """(results by name, errors of the products, work of a copy of 4096 bytes, clocks in turn, folder of the files)."""
    folder = tmp_path_factory.mktemp("bench")
    on_cuda = ["--device", "cuda", "--rounds", "1"]
    lab14 = ["bench", "networks", *on_cuda, "--model", "lab14", "--batch-size", "2", "--size", "28"]
    commands = {
        "cases": ["bench", "kernels", "ops", *on_cuda, "--json", str(folder / "cases.json")],
        "lower": ["bench", "kernels", *on_cuda, "--only", "matmul", "--precision", "tf32"],
        "training": [*lab14, "--mode", "training", "--precision", "mixed", "--profile",
                     "--json", str(folder / "training.json")],
        "inference": [*lab14, "--mode", "inference", "--json", str(folder / "inference.json")],
        "torch": [*lab14, "--against", "torch"],
    }  # fmt: skip
    done = python("-c", SCRIPT, input=json.dumps(commands), environment=ON_THE_FAKE, timeout=600)
    return *json.loads(done.stdout), folder


def figures(found, name):
    results, *_, folder = found
    code, out, err = results[name]
    assert (code, err) == (0, ""), out + err
    return out, json.loads((folder / f"{name}.json").read_text())


def test_every_kernel_and_op_is_held_to_the_devices_own_limits(found):
    out, found_figures = figures(found, "cases")
    assert "a CPU in place of a GPU" in out and "kernels cupy_cuda, precision fp32" in out
    assert [case["name"] for case in found_figures["cases"]] == [*KERNELS, *OPS]
    assert set(found_figures["limits"]["products"]) == {"fp32", "tf32", "mixed"} and found_figures["limits"]["copy"] > 0
    for case in found_figures["cases"]:
        assert case["share_of_limit"]["median"] > 0 and case["rate"] > 0, case["name"]
    by_name = {case["name"]: case for case in found_figures["cases"]}
    assert by_name["prelu_backward"]["rate"] * by_name["prelu_backward"]["seconds"]["median"] == pytest.approx(
        4 * (3 * 2 * 12 * 12 * 8 + 2 * 8) / 1e9
    )
    assert found_figures["kernels"] == "cupy_cuda" and "cupy" in found_figures["versions"]
    expected = ["KernelClock"] * len(KERNELS) + ["seconds_until_done"] * len(OPS)
    assert found[3] == [*expected, "KernelClock", *["seconds_until_done"] * 2]  # matmul and two steps, in tests below


def test_the_limit_of_each_precision_is_a_product_in_that_precision(found):
    _, errors, copied, *_ = found
    for name, by_other in errors.items():
        assert by_other[name] < 1e-5, errors
    # Between -0.5 and 0.5 both formats have the same numbers; strict float32 has more.
    assert min(errors["tf32"]["fp32"], errors["mixed"]["fp32"], errors["fp32"]["tf32"]) > 1e-4, errors
    assert copied == 2 * 4096
    assert found[0]["lower"][0] == 0 and "precision tf32" in found[0]["lower"][1]


def test_a_training_step_is_timed_taken_apart_and_its_memory_measured(found):
    out, found_figures = figures(found, "training")
    (step,) = found_figures["networks"]
    assert (step["device"], step["precision"], step["batch"]) == ("cuda", "mixed", 2)
    assert "lab14 training, batch 2, 28 px, cuda, mixed" in out and step["images_per_second"]["minidelve"]["median"] > 0
    network = models.create("lab14", 1000)
    calls = {line["name"]: line["calls"] for line in step["profile"]}
    assert calls["momentum_step"] == len(list(network.parameters()))
    assert calls["prelu_backward"] == sum(isinstance(layer, nn.PReLU) for layer in network)
    assert calls["look_at"] >= 1 and calls["all_finite"] == 1 and calls["uniform"] == 2  # dropout's masks
    assert "a step on cupy_cuda" in out and "\n  matmul " in out
    # weights, their gradients and the steps D: all there at the end of backward
    least = 3 * sum(p.data.nbytes for p in network.parameters()) / 2**20
    assert least < step["peak_mb"]["minidelve"] < 4 * least and "MB reserved" in out


def test_inference_is_timed_and_takes_no_memory_of_its_own(found):
    out, found_figures = figures(found, "inference")
    (step,) = found_figures["networks"]
    assert step["mode"] == "inference" and "profile" not in step and step["peak_mb"] == {}


def test_a_pytorch_without_cuda_is_one_line_with_the_cure(found):
    pytest.importorskip("torch", reason="PyTorch is not installed").cuda.is_available() and pytest.skip("it has CUDA")
    code, _, err = found[0]["torch"]
    assert code == 2 and len(err.splitlines()) == 1
    assert "--against torch" in err and "without CUDA" in err and "pytorch.org/get-started" in err
