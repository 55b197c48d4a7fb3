"""kernels/cupy_cuda without a GPU: the .cu files compiled by g++, CuPy's part played by tests/cuda/fake."""

import shutil

import pytest

from tests.helpers import ON_THE_FAKE

if shutil.which("g++") is None:
    pytest.skip("g++ is missing: the .cu files cannot be compiled for the CPU", allow_module_level=True)

pytestmark = pytest.mark.slow


def test_cupy_cuda_keeps_the_contract_of_the_kernels(outcomes_of, contract):
    """Every test that numba_cpu passes."""
    expected = outcomes_of(ON_THE_FAKE, "--collect-only", *contract, "-k", "numba_cpu")["collected"]
    counts = outcomes_of(ON_THE_FAKE, *contract, "-k", "cupy_cuda")
    assert expected > 40 and counts["passed"] == expected and set(counts) == {"passed", "deselected"}


def test_the_framework_works_on_cupy_s_arrays_and_the_stand_in_is_strict(outcomes_of):
    counts = outcomes_of(ON_THE_FAKE, "tests/test_gpu.py", "tests/cuda/with_fake")
    assert counts["passed"] > 100 and set(counts) == {"passed"}
