"""kernels/numba_cuda on a machine without a GPU: in Numba's simulator, a Python thread for each thread of the GPU."""

import pytest

pytestmark = pytest.mark.slow
SIMULATOR = {"NUMBA_ENABLE_CUDASIM": "1"}  # with it Numba's CUDA kernels run in Python


def test_numba_cuda_keeps_the_contract_of_the_kernels(outcomes_of, contract):
    """Every test that numba_cpu passes, on small arrays (tests/kernels/test_contract.py)."""
    expected = outcomes_of(SIMULATOR, "--collect-only", *contract, "-k", "numba_cpu")["collected"]
    counts = outcomes_of(SIMULATOR, *contract, "-k", "numba_cuda")
    assert expected > 40 and counts["passed"] == expected and set(counts) == {"passed", "deselected"}


def test_a_network_trains_on_numba_cuda(outcomes_of):
    counts = outcomes_of(SIMULATOR, "tests/cuda/in_simulator")
    assert counts["passed"] > 0 and set(counts) == {"passed"}
