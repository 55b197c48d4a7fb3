"""The first layer that leaves the finite numbers is named."""

import numpy as np

from minidelve import models
from minidelve.analysis.diagnosis import first_nonfinite_layer
from minidelve.tensor import Tensor

X = Tensor(np.ones((1, 3, 28, 28), np.float32))


def test_the_first_of_several_is_named_with_its_bad_parameter():
    network = models.create("lab14", 4).eval()
    for layer in (network.conv2_3, network.fc1):
        layer.bias.data[1] = np.nan
    assert first_nonfinite_layer(network, X) == "conv2_3 (Conv2d), whose bias is not finite either"


def test_an_overflow_of_finite_weights_is_named():
    network = models.create("lab14", 4).eval()
    network.conv2_1.weight.data[...] = 1e38
    assert first_nonfinite_layer(network, X) == "conv2_1 (Conv2d)"


def test_an_auxiliary_classifier_beside_the_layers_is_named():
    network = models.create("lab14", 4, aux_after="conv2_1").eval()
    network.aux.fc.weight.data[0, 0] = np.nan
    assert first_nonfinite_layer(network, X) == "none, but aux.fc.weight is not finite"


def test_a_finite_network_is_cleared():
    assert first_nonfinite_layer(models.create("lab14", 4).eval(), X).startswith("none")
