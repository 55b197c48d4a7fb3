"""kernels/numba_cuda on a machine without a GPU: in Numba's simulator, a Python thread for each thread of the GPU."""

import pytest

pytestmark = pytest.mark.slow


def test_numba_cuda_keeps_the_contract_of_the_kernels(outcomes_of, simulator, contract):
    """Every test that numba_cpu passes, on small arrays (tests/kernels/test_contract.py)."""
    expected = outcomes_of(simulator, "--collect-only", *contract, "-k", "numba_cpu")["collected"]
    counts = outcomes_of(simulator, *contract, "-k", "numba_cuda")
    assert expected > 40 and counts["passed"] == expected and set(counts) == {"passed", "deselected"}


def test_a_network_trains_on_numba_cuda(outcomes_of, simulator):
    counts = outcomes_of(simulator, "tests/cuda/in_simulator")
    assert counts["passed"] > 0 and set(counts) == {"passed"}
