"""A network trains on numba_cuda in Numba's simulator, as it does on plain NumPy, and calls every kernel there is."""

import numpy as np
import pytest

from kernels import numba_cuda
from minidelve import Tensor, nn, ops, optim
from minidelve.backend import use
from minidelve.backend.precision import using_precision


class Lab14InSmall(nn.Module):
    """A convolution of each algorithm, each pooling and each activation, for 10-pixel images of 2 channels."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.conv1, self.a1 = nn.Conv2d(2, 3, 7, 2, 3, rng=rng), nn.PReLU(3)
        self.conv2, self.a2 = nn.Conv2d(3, 3, 2, 1, 1, rng=rng), nn.PReLU(3)
        self.conv3, self.a3 = nn.Conv2d(3, 2, 2, 1, 0, rng=rng), nn.PReLU(1)
        self.conv4 = nn.Conv2d(2, 2, 2, 1, 1, rng=rng)
        self.fc = nn.Linear(2 * 5, 3, rng=rng)

    def forward(self, x):
        def conv(x, layer, algorithm, activation):
            arguments = layer.weight, layer.bias, layer.stride, layer.padding, algorithm
            return ops.conv2d(x, *arguments, activation=activation)

        x = conv(x, self.conv1, "direct", self.a1.a)  # 5 x 5
        x = ops.max_pool2d(ops.local_response_norm(x, 3), 2, 2, 1)  # 3 x 3
        x = conv(x, self.conv2, "winograd", self.a2.a)  # 4 x 4
        x = conv(x, self.conv3, "im2col", self.a3.a)  # 3 x 3
        x = ops.avg_pool2d(x, 2, 1)  # 2 x 2
        x = conv(x, self.conv4, "direct", 0.01)  # 3 x 3
        return self.fc(ops.spatial_pyramid_pool2d(x, (2, 1)))


def losses(folder: str, steps: int) -> list[float]:
    rng, network = np.random.default_rng(1), Lab14InSmall()
    optimizer, found = optim.SGD(network.parameters(), lr=0.1), []
    with use(folder):
        for _ in range(steps):
            x, targets = rng.standard_normal((2, 2, 10, 10)).astype(np.float32), rng.integers(0, 3, 2)
            optimizer.zero_grad()
            loss = ops.cross_entropy(network(Tensor(x)), targets)
            loss.backward()
            optimizer.step()
            found.append(loss.item())
    return found


@pytest.mark.parametrize("precision, steps, tolerance", [("fp32", 3, 1e-5), ("tf32", 1, 1e-4)])
def test_training_gives_the_losses_of_plain_numpy_and_calls_every_kernel(monkeypatch, precision, steps, tolerance):
    called = set()

    def noting(name, kernel):
        def call(*args, **kwargs):
            called.add(name)
            return kernel(*args, **kwargs)

        return call

    for name in numba_cuda.__all__:
        monkeypatch.setattr(numba_cuda, name, noting(name, getattr(numba_cuda, name)))
    with using_precision(precision):
        expected = losses("reference", steps)
        assert not called and len(set(expected)) == steps
        np.testing.assert_allclose(losses("numba_cuda", steps), expected, rtol=tolerance)
    assert called == set(numba_cuda.__all__) - ({"matmul"} if precision == "fp32" else set())
