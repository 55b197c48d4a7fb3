"""The first layer that leaves the finite numbers is named."""

import numpy as np
import pytest

from minidelve import models
from minidelve.analysis.diagnosis import first_nonfinite_layer
from minidelve.tensor import Tensor

X = Tensor(np.ones((1, 3, 28, 28), np.float32))


def several(network):
    for layer in (network.conv2_3, network.fc1):
        layer.bias.data[1] = np.nan


def beside(network):
    network.aux.fc.weight.data[0, 0] = np.nan


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (several, "conv2_3 (Conv2d), whose bias is not finite either"),
        (lambda network: network.conv2_1.weight.data.fill(1e38), "conv2_1 (Conv2d)"),  # finite, but the sums are not
        (beside, "none, but aux.fc.weight is not finite"),
    ],
)
def test_the_first_layer_is_named_with_its_bad_parameter(spoil, said):
    network = models.create("lab14", 4, aux_after="conv2_1").eval()
    assert first_nonfinite_layer(network, X).startswith("none")
    spoil(network)
    assert first_nonfinite_layer(network, X) == said
