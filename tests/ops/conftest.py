"""Both CPU implementations of the kernels, for the ops that stand on them."""

import pytest

import minidelve


@pytest.fixture(scope="module", params=["reference", "numba_cpu"])
def kernels(request):
    """The name of the implementation that serves this test; of module scope, as hypothesis asks."""
    with minidelve.use(request.param):
        yield request.param
