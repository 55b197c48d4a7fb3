"""Peaks: each in a process of its own, PyTorch's after its trial of algorithms."""

from types import SimpleNamespace

import pytest

from minidelve.bench.memory import peak_in_own_process, torch_peaks
from minidelve.bench.networks import Job
from minidelve.errors import RunError


def test_on_the_cpu_it_is_resident_memory():
    (kind, size), *none = peak_in_own_process("minidelve", Job("lab14", 2, 28, "training"), steps=1).items()
    assert kind == "resident" and 50 < size < 1000 and not none


def test_a_process_that_fails_is_one_line():
    with pytest.raises(RunError, match="lab14 training, batch 2, 8 px.*of minidelve failed .*ValueError.*--no-memory"):
        peak_in_own_process("minidelve", Job("lab14", 2, 8, "training"), steps=1)


def test_pytorchs_peaks_are_those_of_the_steps_alone():
    log = []
    names = "synchronize", "empty_cache", "reset_peak_memory_stats"
    cuda = SimpleNamespace(**{name: lambda name=name: log.append(name) for name in names})
    cuda.max_memory_reserved, cuda.max_memory_allocated = lambda: 3 << 20, lambda: 2 << 20
    assert torch_peaks(SimpleNamespace(cuda=cuda), lambda: log.append("steps")) == {"reserved": 3.0, "allocated": 2.0}
    assert log == ["synchronize", "empty_cache", "reset_peak_memory_stats", "steps", "synchronize"]


def test_pytorch_has_what_is_asked_of_it_on_a_device():
    """It cannot be called here: that it exists, with these parameters, is all a machine without a GPU can tell."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    for name in ("synchronize", "empty_cache", "reset_peak_memory_stats", "max_memory_reserved",
                 "max_memory_allocated", "is_available"):  # fmt: skip
        assert callable(getattr(torch.cuda, name)), name
    weight = torch.nn.Parameter(torch.ones(3))
    torch.optim.SGD([weight], 0.1, momentum=0.9, fused=True)
    torch.amp.GradScaler("cuda", enabled=False)
    assert torch.backends.cudnn.benchmark in (True, False)
