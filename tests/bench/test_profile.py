"""Whose time is whose: calls, seconds and bytes of each function of a step, on a clock that the test turns."""

import time

import numpy as np
import pytest

from kernels import numba_cpu, reference
from minidelve import backend, ops
from minidelve.backend.precision import using_precision
from minidelve.backend.threads import using
from minidelve.bench.networks import Job, our_side
from minidelve.bench.profile import REST, places_of, profile
from minidelve.bench.work import work_of
from minidelve.tensor import Tensor

x = np.ones((6, 4), np.float32)


@pytest.fixture
def slow_kernels(monkeypatch):
    """A clock, and a folder of kernels that take their time on it: prelu_forward 2 seconds, matmul 5."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def slowly(kernel, seconds):
        def call(*args, **kwargs):
            now[0] += seconds
            return kernel(*args, **kwargs)

        return call

    monkeypatch.setattr(reference, "prelu_forward", slowly(reference.prelu_forward, 2.0))
    monkeypatch.setattr(reference, "matmul", slowly(reference.matmul, 5.0))
    with backend.use("reference"), using(1):
        yield now


def test_a_step_is_taken_apart_and_what_nobody_claims_is_the_rest(slow_kernels):
    def step():
        slow_kernels[0] += 1.0
        for _ in range(3):
            backend.kernels_for(x).prelu_forward(x, x[0])
        with using_precision("tf32"):
            ops.linear(Tensor(x), Tensor(x))

    lines, seconds = profile(step, x)
    found = {line.name: line for line in lines}
    assert seconds == pytest.approx(12.0) and [line.name for line in lines] == ["prelu_forward", "matmul", REST]
    assert (found["prelu_forward"].calls, found["prelu_forward"].seconds) == (3, pytest.approx(6.0))
    # backend.matmul and the kernel in it are one call, not two
    assert (found["matmul"].calls, found["matmul"].seconds) == (1, pytest.approx(5.0))
    assert found[REST].seconds == pytest.approx(1.0)
    assert found["prelu_forward"].bytes == 3 * 4 * (24 + 4 + 24) and found["matmul"].flops == 2 * 6 * 4 * 6


def test_every_function_is_as_it_was_afterwards_even_when_the_step_fails():
    before = {name: getattr(numba_cpu, name) for name in numba_cpu.__all__}
    places = places_of(backend.matmul)
    assert {module.__name__ for module, _ in places} >= {"minidelve.ops.conv.im2col", "minidelve.ops.linear"}

    def fail():
        assert numba_cpu.im2col is not before["im2col"] and places[0][0].matmul is not backend_matmul
        raise ZeroDivisionError

    backend_matmul = backend.matmul
    with pytest.raises(ZeroDivisionError):
        profile(fail, x)
    assert {name: getattr(numba_cpu, name) for name in numba_cpu.__all__} == before
    assert places_of(backend_matmul) == places


def test_the_lines_of_a_network_add_up_to_its_step():
    with using(1):
        network, step = our_side(Job("lab14", 2, 28, "training"))
        step()
        lines, seconds = profile(step, x)
    calls = {line.name: line.calls for line in lines}
    assert sum(line.seconds for line in lines) == pytest.approx(seconds) and all(line.seconds >= 0 for line in lines)
    assert calls["max_pool_forward"] == calls["max_pool_backward"] == 2 and calls["bin_max_backward"] == 1
    assert calls["momentum_step"] == len(list(network.parameters()))
    kernels = [line.seconds for line in lines[:-1]]
    assert kernels == sorted(kernels, reverse=True) and lines[-1].name == REST


def array(*shape):
    return np.zeros(shape, np.float32)


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "result", "flops", "numbers"),
    [
        # x (2, 5, 5, 3) -> y (2, 4, 4, 7) with W (2 2 3, 7)
        ("correlate", [array(2, 5, 5, 3), array(12, 7), (2, 2), (1, 1), (0, 0)], {}, array(2, 4, 4, 7),
         2 * 2 * 16 * 12 * 7, 150 + 84 + 224),
        ("correlate_weight", [array(2, 5, 5, 3), array(2, 4, 4, 7), (2, 2), (1, 1), (0, 0), array(12, 7), False], {},
         None, 2 * 2 * 16 * 12 * 7, 150 + 224 + 84),
        ("products", [array(9, 2, 3), array(9, 3, 4)], {}, array(9, 2, 4), 2 * 9 * 2 * 3 * 4, 54 + 108 + 72),
        ("transposed_products", [array(9, 3, 2), array(9, 3, 4), array(9, 2, 4), True], {}, None, 2 * 9 * 2 * 3 * 4,
         54 + 108 + 72),
        ("momentum_step", [array(10), array(10), array(10), 0.9, 0.1, 0.0], {}, None, 0, 50),
    ],
)  # fmt: skip
def test_the_work_of_a_call(name, args, kwargs, result, flops, numbers):
    assert work_of(name, tuple(args), kwargs, result) == (flops, 4 * numbers)


def test_an_array_in_place_is_read_and_written_and_a_pair_counts_both():
    y, da = array(6, 4), array(4)
    assert work_of("prelu_forward", (y, da), {"out": y}, y) == (0, 4 * (24 + 4 + 24))
    out = array(6, 4)
    assert work_of("prelu_backward", (y, y, da), {"out": out}, (out, da)) == (0, 4 * (24 + 24 + 4 + 24 + 4))
