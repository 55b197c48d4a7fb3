"""Training, testing and predicting with --device cuda, and what is said when the device's memory is full.

There is no GPU: a process of its own has a stand-in for CuPy on NumPy (tests/cuda/fake), with the reference kernels
behind it. What runs when on a real device is tested in test_streams_order.py, the CUDA kernels in tests/cuda.
"""

import csv
import json
import re
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest

from minidelve import nn
from minidelve.backend import streams
from minidelve.errors import RunError
from minidelve.tensor import Tensor
from minidelve.training import checkpoint
from minidelve.training import loop as training
from minidelve.training import validation as testing
from minidelve.training.validation import evaluate
from tests.helpers import ON_THE_FAKE, python

# stdin: a JSON list a line, the arguments of minidelve, or ["!room", bytes to be left on the device], or
# ["!python", code].  stdout: [exit code, stdout, stderr] for each.
COMMAND_LINE = """
import contextlib, gc, io, json, math, sys
from types import SimpleNamespace
import cupy, numpy as np
from cupy._array import on_device
from kernels import reference
from minidelve import backend, cli, progress
from minidelve.backend import memory, streams
from minidelve.bench import machine

def on_fake(kernel):
    def call(*args, **kwargs):
        owners = []
        def host(x):
            if isinstance(x, cupy.ndarray):
                owners.append(x)
                return x._host
            return tuple(map(host, x)) if isinstance(x, tuple) else x
        return on_device(kernel(*map(host, args), **{name: host(x) for name, x in kwargs.items()}), owners)
    return call

kernels = {name: on_fake(getattr(reference, name)) for name in reference.__all__}
backend.implementations._loaded["cupy_cuda"] = SimpleNamespace(__name__="kernels.cupy_cuda", **kernels)
# A GPU has a generator of its own; here both devices drop the same units, so that they can be compared.
sys.modules["minidelve.ops.dropout"].uniform = lambda rng, like: backend.to_device(
    rng.random(like.shape, np.float32), backend.device_of(like))
progress.EVERY_SECONDS, machine.best_seconds = math.inf, lambda work, seconds: 0.01
pool = cupy.get_default_memory_pool()
for line in sys.stdin:
    words, out, err, code = json.loads(line), io.StringIO(), io.StringIO(), None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            if words[0] == "!room":
                gc.collect()
                pool.set_limit(pool.used_bytes() + int(words[1]))
            elif words[0] == "!python":
                exec(words[1])
            else:
                code = cli.main(words)
        except (Exception, SystemExit) as error:
            code = repr(error)
    print(json.dumps([code, out.getvalue(), err.getvalue()]))
"""


def run(commands):
    """{name: (exit code, stdout, stderr)} of the commands, in their order, in one process."""
    lines = "\n".join(json.dumps(list(map(str, words))) for words in commands.values())
    said = python("-c", COMMAND_LINE, environment=ON_THE_FAKE, input=lines, timeout=600)
    return dict(zip(commands, map(tuple, map(json.loads, said.stdout.splitlines())), strict=True))


MEMORY = """
def work():
    x = cupy.empty(1_000_000, np.uint8)
    del x
    y = cupy.empty(3_000_000, np.uint8)
del (large := [cupy.empty(9_000_000, np.uint8)])[:]
start, kept = memory.memory(), cupy.empty(500_000, np.uint8)
now = memory.memory()
print(json.dumps([now.used - start.used, now.held >= now.used, now.free <= now.total - now.held, now.total]))
print(json.dumps([memory.peak_memory(work) - memory.memory().used]))
"""
SECONDS = "import time; print(streams.seconds_on_device(lambda: time.sleep(0.002), 30)); streams.synchronize('cuda')"


@pytest.fixture(scope="module")
def done(tiny_data, tmp_path_factory):
    """The results of all commands on the stand-in, by name, and the folder of the runs."""
    folder = tmp_path_factory.mktemp("device")
    options = ["--data", tiny_data, "--size", "28", "--batch-size", "9", "--workers", "0", "--plateau",
               "--width", "0.25", "--fc", "32"]  # fmt: skip

    def train(out, epochs, on, *more):
        return ["train", *options, "--epochs", str(epochs), "--device", on, "--out", folder / out, *more]

    def resume(out, epochs, on):
        return ["train", "--resume", "--out", folder / out, "--epochs", str(epochs), "--device", on]

    def with_run(command, on, *more):
        return [command, folder / "cuda", *more, "--device", on]

    picture = tiny_data / "val" / "red" / "00.png"
    commands = {
        "cpu": train("cpu", 2, "cpu"), "cuda": train("cuda", 2, "cuda"),
        "begun on cuda": train("cuda_cpu", 1, "cuda"), "resumed on cpu": resume("cuda_cpu", 2, "cpu"),
        "begun on cpu": train("cpu_cuda", 1, "cpu"), "resumed on cuda": resume("cpu_cuda", 2, "cuda"),
        "doctor": ["doctor"], "diverged": train("diverged", 2, "cuda", "--lr", "1e30"),
        "memory": ["!python", MEMORY], "seconds": ["!python", SECONDS],
    }  # fmt: skip
    for on in ("cpu", "cuda"):
        commands |= {f"{p} {on}": with_run("evaluate", on, "--protocol", p) for p in ("center", "ten-view", "dense")}
        commands[f"predict {on}"] = with_run("predict", on, picture, "--out", folder / f"{on}.png")
    commands |= {
        "no room for steps": ["!room", 800_000], "train full": resume("cpu_cuda", 3, "cuda"),
        "no room for maps": ["!room", 320_000], "evaluate full": with_run("evaluate", "cuda"),
        "predict full": with_run("predict", "cuda", picture, "--out", folder / "full.png"),
        "no room for weights": ["!room", 50_000], "load full": with_run("evaluate", "cuda"),
        "start full": train("full", 2, "cuda"),
    }  # fmt: skip
    return SimpleNamespace(folder=folder, results=run(commands))


def rows(folder):
    with open(folder / "metrics.csv", encoding="utf-8") as file:
        return [{name: float(value) if value else None for name, value in row.items()} for row in csv.DictReader(file)]


def assert_same_course(one, other):
    for name in ("lr", "train_loss", "train_top1_error", "val_top1_error"):
        assert [row[name] for row in one] == pytest.approx([row[name] for row in other], rel=1e-4), name


# -- the commands ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cuda", "begun on cuda", "resumed on cpu", "resumed on cuda", "center cuda",
                                  "ten-view cuda", "dense cuda", "predict cuda", "doctor"])  # fmt: skip
def test_every_command_works_on_the_device(done, name):
    code, _, err = done.results[name]
    assert code == 0 and err == ""


def test_training_takes_the_same_course_on_both_devices(done):
    assert_same_course(rows(done.folder / "cpu"), rows(done.folder / "cuda"))


@pytest.mark.parametrize("out", ["cuda_cpu", "cpu_cuda"])
def test_a_run_goes_on_on_the_other_device_as_if_it_had_never_left(done, out):
    assert_same_course(rows(done.folder / out), rows(done.folder / "cpu"))
    ours, theirs = (checkpoint.load(done.folder / name / "last.npz") for name in (out, "cpu"))
    assert ours.meta["config"]["device"] == out.partition("_")[2]
    # Whole arrays: rounded otherwise, a number beside 0 may take the other side of a kink, and a few weights follow it.
    for name, value in theirs.parameters.items():
        assert np.linalg.norm(ours.parameters[name] - value) <= 1e-4 + 1e-3 * np.linalg.norm(value), name
    for one, other in zip(ours.steps, theirs.steps, strict=True):
        assert np.linalg.norm(one - other) <= 0.1 * np.linalg.norm(other)


@pytest.mark.parametrize("name", ["center", "ten-view", "dense", "predict"])
def test_a_run_of_the_device_says_the_same_on_the_cpu(done, name):
    on_cpu, on_cuda = (done.results[f"{name} {on}"][1].replace("cpu.png", "cuda.png") for on in ("cpu", "cuda"))
    assert on_cpu == on_cuda != ""


def test_a_diverged_run_names_the_layer_and_keeps_the_weights(done):
    code, _, err = done.results["diverged"]
    assert code == 2 and re.fullmatch(
        r"minidelve: the loss became \w+ in epoch 1, step \d; first layer .*: \w+.*; try a smaller --lr than 1e\+30\n",
        err,
    ), err


@pytest.mark.parametrize(("name", "batch", "cure"), [
    ("train full", " with batches of 9", "a smaller --batch-size or --size"),
    ("start full", "", "a smaller network (--width, --fc)"), ("load full", "", "fewer runs at a time"),
    ("evaluate full", " with batches of 64", "a smaller --batch-size or --max-memory"),
    ("predict full", "", "--device cpu"),
])  # fmt: skip
def test_a_full_device_is_one_line_with_figures_and_a_cure(done, name, batch, cure):
    code, _, err = done.results[name]
    start = f"minidelve: the device is out of memory{batch}: "
    assert code == 2 and err.startswith(start) and err.count("\n") == 1, err
    assert re.match(
        r"[\d.]+ [KM]B more were asked for, [\d.]+ GB of 8\.6 GB are free, CUPY_GPU_MEMORY_LIMIT allows "
        r"[\d.]+ [KM]B; try ", err.removeprefix(start)
    ), err  # fmt: skip
    assert err.endswith(f"try {cure}, or close other programs that use the device\n")


def test_a_full_device_leaves_the_run_as_it_was(done):
    assert len(rows(done.folder / "cpu_cuda")) == 2
    assert len(checkpoint.load(done.folder / "cpu_cuda" / "last.npz").meta["history"]) == 2
    assert not (done.folder / "full" / "last.npz").exists()


def test_doctor_tries_a_product_and_a_kernel(done):
    out = done.results["doctor"][1]
    for line in (
        r"CUDA +usable: CuPy 14\.\d\.\d on a CPU in place of a GPU",
        r"device +a CPU in place of a GPU, compute capability 9\.0, 1 multiprocessors",
        r"device memory +8\.\d GB free of 8\.6 GB", r"cuBLAS +a matrix product works",
        r"kernels of CUDA +kernels\.cupy_cuda, the momentum step works",
    ):  # fmt: skip
        assert re.search(f"^{line}$", out, re.M), line


# -- memory and time -------------------------------------------------------------------------------


def test_memory_counts_what_is_used_and_the_peak_what_was(done):
    code, out, _ = done.results["memory"]
    assert code is None
    (used, held, fits, total), (peak,) = map(json.loads, out.splitlines())
    assert 500_000 <= used <= 501_000 and held and fits and total == 2**33
    assert 3_000_000 <= peak <= 3_001_000  # the first array's memory was free again


def test_seconds_on_device_are_those_of_one_call(done):
    code, out, _ = done.results["seconds"]
    assert code is None and 0.002 <= float(out) < 0.02


# -- in this process, on the CPU -------------------------------------------------------------------


def test_on_the_cpu_batches_pass_through_one_by_one_and_results_are_there():
    made = []

    def source():
        try:
            for i in range(3):
                made.append(i)
                yield np.full(2, i), np.arange(2)
        finally:
            made.append("closed")

    given = source()
    uploaded = streams.upload_ahead(given, "cpu")
    assert next(uploaded)[0].tolist() == [0, 0] and made == [0]
    uploaded.close()
    assert made == [0, "closed"]
    x = np.arange(3.0)
    assert streams.read_later(x)() is x
    streams.synchronize("cpu")


class Scores(nn.Module):
    """A network whose output is its input, times w if there is one."""

    def __init__(self, w: nn.Parameter | None = None):
        super().__init__()
        self.w = w

    def forward(self, x: Tensor) -> Tensor:
        return x if self.w is None else x * self.w


def noted(log, read_later):
    """read_later, with a note when a result is looked at."""

    def start(x):
        read = read_later(x)

        def look():
            log.append("look")
            return read()

        return look

    return start


def test_no_batch_of_a_test_waits_for_the_result_of_another(monkeypatch):
    log = []

    def batches():
        for i in range(3):
            log.append(i)
            yield np.eye(4, dtype=np.float32), np.arange(4)

    monkeypatch.setattr(testing, "read_later", noted(log, streams.read_later))
    assert evaluate(Scores(), batches()).top1 == 0
    assert log == [0, 1, 2] + ["look"] * 6


def tiny_run(log, weight):
    """What train_step needs of a Run; the network's output is w x, and its backward and the step are noted."""
    w = nn.Parameter(np.array(weight, np.float32))
    layer = Scores(w)
    network = nn.Sequential(layer)

    def loss(x, targets):
        y = network(x)
        total = y.sum()
        backward = total.backward
        total.backward = lambda *args: (log.append("backward"), backward(*args))
        return total, y

    network.loss = loss
    optimizer = SimpleNamespace(lr=0.1, zero_grad=lambda: None, step=lambda: log.append("step"))
    return SimpleNamespace(config=SimpleNamespace(device="cpu"), network=network, optimizer=optimizer, loss_scale=None)


def test_the_loss_is_looked_at_between_backward_and_the_step(monkeypatch):
    log = []
    monkeypatch.setattr(training, "read_later", noted(log, streams.read_later))
    x, targets = np.array([[1, 2], [4, 3]], np.float32), np.array([1, 1])
    assert training.train_step(tiny_run(log, 1.0), x, targets, "") == (10.0, 1)
    assert log == ["backward", "look", "step", "look"]
    log.clear()
    with pytest.raises(RunError, match=r"the loss became inf in step 7; first layer whose output is not finite: 0 "):
        training.train_step(tiny_run(log, np.inf), x, targets, "step 7")
    assert log == ["backward", "look"]


def test_the_clock_of_an_epoch_stops_when_the_device_is_done(monkeypatch):
    log = []
    monkeypatch.setattr(training, "train_step", lambda *args, **kwargs: (log.append("step"), (1.0, 0))[1])
    monkeypatch.setattr(training, "synchronize", lambda on: log.append(on))
    monkeypatch.setattr(training, "evaluate", lambda *args: (log.append("test"), SimpleNamespace(top1=0, top5=0))[1])
    training.train_epoch(*epoch_of([(np.zeros(2), np.zeros(2))] * 2))
    assert log == ["step", "step", "cpu", "test"]


def test_an_epoch_that_fails_stops_the_loader_at_once(monkeypatch):
    log = []

    def batches():
        try:
            yield np.zeros(2), np.zeros(2)
        finally:
            log.append("stopped")

    monkeypatch.setattr(training, "train_step", Mock(side_effect=ArithmeticError))
    given = batches()
    with pytest.raises(ArithmeticError) as held:  # its frames hold all: garbage collection stops nothing
        training.train_epoch(*epoch_of(given))
    assert log == ["stopped"] and held.traceback


def epoch_of(batches):
    """What train_epoch takes: a run without a network, and loaders that give the batches."""

    class Loader:
        def __len__(self):
            return 2

        def epoch(self, number):
            return batches

    config = SimpleNamespace(device="cpu", epochs=1, seed=0)
    run = SimpleNamespace(config=config, epoch=0, network=nn.Sequential(), optimizer=SimpleNamespace(lr=0.1))
    return run, Loader(), Loader()
