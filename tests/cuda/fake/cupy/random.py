"""CuPy's generators: other numbers than on a GPU, as nobody may depend on those."""

import numpy as np

from cupy import _array


class Philox4x3210:
    def __init__(self, seed=None, *, size=-1):
        self._bits = np.random.Philox(seed)


class Generator:
    def __init__(self, bit_generator):
        self._rng = np.random.Generator(bit_generator._bits)

    def random(self, size=None, dtype=np.float64, out=None):
        return self._give("random", size, dtype, out)

    def standard_normal(self, size=None, dtype=np.float64, out=None):
        return self._give("standard_normal", size, dtype, out)

    def integers(self, low, high=None, size=None, dtype=np.int64, endpoint=False):
        return _array.fresh(np.asarray(self._rng.integers(low, high, size, dtype, endpoint)))

    def _give(self, name, size, dtype, out):
        if out is not None:
            raise NotImplementedError(f"{name}(out=) is not in the fake")
        return _array.fresh(np.asarray(getattr(self._rng, name)(size, dtype)))


def default_rng(seed=None):
    return Generator(Philox4x3210(seed))
