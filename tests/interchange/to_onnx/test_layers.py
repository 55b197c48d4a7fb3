"""Single layers in onnxruntime, with settings that no network of the paper has."""

import numpy as np
import pytest

from minidelve import Tensor, nn
from minidelve.interchange.to_onnx.layers import add_layers
from tests.interchange.to_onnx.conftest import run_nodes

CHAINS = {
    "conv": [nn.Conv2d(3, 4, (3, 2), (2, 1), (0, 2))],
    "conv without bias": [nn.Conv2d(3, 4, 3, bias=False)],
    "linear without bias": [nn.Flatten(), nn.Linear(3 * 11 * 8, 5, bias=False), nn.PReLU(5)],
    "shared slope of units": [nn.Flatten(), nn.PReLU(1, 0.3)],
    "shared slope of maps": [nn.PReLU(1, -0.3)],
    "slopes": [nn.Conv2d(3, 7, 1), nn.PReLU(7)],
    "leaky relu": [nn.LeakyReLU(0.3)],
    "pool": [nn.MaxPool2d(3, 2)],
    "pool with padding": [nn.MaxPool2d((3, 4), (2, 3), (1, 2))],
    "pool in ceil mode": [nn.MaxPool2d(3, 2, ceil_mode=True)],
    "pool with padding in ceil mode": [nn.MaxPool2d(3, 2, 1, ceil_mode=True)],
    # Rounded up there would be a fifth window along the 11, which would see padding alone.
    "pool without a last window": [nn.MaxPool2d(2, 3, 1, ceil_mode=True)],
    "pool with gaps in ceil mode": [nn.MaxPool2d(1, 4, ceil_mode=True)],  # the last 3 of 8 are in no window
    "dropout": [nn.Dropout(0.5)],
    "pyramid": [nn.SpatialPyramidPool2d([3, 2, 6, 1, 2])],
}


@pytest.mark.parametrize("name", CHAINS)
def test_a_layer_computes_what_it_computes_here(name):
    layers, rng = nn.Sequential(*CHAINS[name]), np.random.default_rng(1)
    for parameter in layers.parameters():
        parameter.data += 0.2 * rng.standard_normal(parameter.shape, np.float32)
    layers.eval()
    x = rng.standard_normal((2, 3, 11, 8)).astype(np.float32) - 0.5  # a maximum may be below 0
    expected = layers(Tensor(x)).data
    found = run_nodes(lambda graph, x: add_layers(graph, layers.named_children(), x, (3, 11, 8)), x)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5, strict=True)


def test_an_unknown_layer_is_named():
    layers = nn.Sequential(nn.LocalResponseNorm())
    with pytest.raises(ValueError, match="no ONNX node is known for LocalResponseNorm"):
        run_nodes(lambda graph, x: add_layers(graph, layers.named_children(), x, (3, 11, 8)), np.zeros((1, 3, 11, 8)))
