"""What is said when the device's memory is full, and that the C library keeps what is freed."""

import platform
from unittest.mock import Mock

import pytest

from minidelve import cli
from minidelve.backend import memory
from minidelve.commands import bench
from minidelve.training.device import within_device_memory
from tests.helpers import in_python


@pytest.mark.parametrize(("text", "said"), [
    ("Out of memory allocating 1,500,000,000 bytes (allocated so far: 9 bytes).", ": 1.5 GB more were asked for"),
    ("CUBLAS_STATUS_ALLOC_FAILED", ""), ("cudaErrorMemoryAllocation: out of memory", ""),
    ("[2] Call to cuMemAlloc results in CUDA_ERROR_OUT_OF_MEMORY", ""),
])  # fmt: skip
def test_every_library_has_its_own_words_for_a_full_device(monkeypatch, text, said):
    monkeypatch.setattr(memory, "memory", lambda: 1 / 0)  # a device in this state may not answer
    expected = f"the device is out of memory with batches of 64{said}; try less, or close other programs that use"
    assert memory.explain_out_of_memory(RuntimeError(text), 64, "less") == expected + " the device"
    monkeypatch.setattr(memory, "memory", lambda: memory.DeviceMemory(0, 0, 300_000_000, 8 * 10**9))
    assert "300.0 MB of 8.0 GB are free; try a smaller --batch-size" in memory.explain_out_of_memory(RuntimeError(text))


@pytest.mark.parametrize("error", [MemoryError("Unable to allocate 8 GiB for an array"), ValueError("of shape (3,)")])
def test_other_errors_are_left_alone(error):
    assert memory.explain_out_of_memory(error) is None
    with pytest.raises(type(error)), within_device_memory(64):
        raise error


def test_bench_says_it_too(monkeypatch, capsys):
    monkeypatch.setattr(bench, "Report", Mock(side_effect=RuntimeError("CUBLAS_STATUS_ALLOC_FAILED")))
    assert cli.main(["bench", "kernels"]) == 2
    assert capsys.readouterr().err.startswith("minidelve: the device is out of memory; try a smaller --batch-size")


PAGE_FAULTS = """
import resource
import numpy as np
if {kept}: import minidelve
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(1 << 24)  # 128 MB, more than M_TOP_PAD
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(min(faults() for _ in range(3)))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left alone")
def test_memory_that_is_freed_is_not_fetched_from_the_system_again():
    """Without minidelve each large array costs a page fault for each page, or each huge page, of it."""
    kept, anew = (int(in_python(PAGE_FAULTS.format(kept=kept))) for kept in (True, False))
    assert kept < 4 < anew
