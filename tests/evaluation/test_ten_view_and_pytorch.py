"""Ten-view scores of the same lab14 on the same images, here and in PyTorch."""

import numpy as np
import pytest

from minidelve import nn
from minidelve.evaluation.crops import CropScorer
from minidelve.evaluation.ten_views import CropViews

torch = pytest.importorskip("torch", reason="PyTorch is not installed: no oracle for ten-view testing")
F = torch.nn.functional


def torch_forward(network, x):
    """Layer by layer with torch.nn.functional, weights copied from ours."""
    for layer in network:
        w = [torch.tensor(np.ascontiguousarray(p.data)) for p in layer.parameters()]
        match layer:
            case nn.Conv2d():
                x = F.conv2d(x, w[0], w[1], layer.stride, layer.padding)
            case nn.PReLU():
                x = F.prelu(x, w[0])
            case nn.MaxPool2d():
                x = F.max_pool2d(x, layer.kernel_size, layer.stride)
            case nn.SpatialPyramidPool2d():
                x = torch.cat([pooled(x, n).flatten(1) for n in layer.levels], dim=1)
            case nn.Linear():
                x = F.linear(x, w[0], w[1])
    return x


def pooled(x, n: int):
    """n x n maxima, bin i over [floor(i L / n), ceil((i + 1) L / n))."""

    def edges(length):
        return [(i * length // n, -((-(i + 1) * length) // n)) for i in range(n)]

    rows = [[x[:, :, t:b, l:r].amax((2, 3)) for l, r in edges(x.shape[3])] for t, b in edges(x.shape[2])]
    return torch.stack([torch.stack(row, dim=2) for row in rows], dim=2)


def test_ten_view_scores_are_pytorchs(network, statistics, pictures):
    images = [pictures(1, 44, 67), pictures(2, 58, 39)]
    expected = []
    for image in images:
        h, w = image.shape[:2]
        corners = [(0, 0), (0, w - 32), (h - 32, 0), (h - 32, w - 32), ((h - 32) // 2, (w - 32) // 2)]
        x = torch.tensor(image).permute(2, 0, 1).float()
        crops = torch.stack([x[:, t : t + 32, l : l + 32] for t, l in corners])
        crops = torch.cat([crops, crops.flip(3)])
        crops = (crops - torch.tensor(statistics.mean).permute(2, 0, 1)) / statistics.std
        expected.append(F.softmax(torch_forward(network, crops), dim=1).mean(0).numpy())
    scores = CropScorer(network, statistics, CropViews(32, ten=True, flip=True), 64, 10**9)(images)
    assert np.ptp(scores, axis=0).max() > 1e-3  # the two images are told apart
    np.testing.assert_allclose(scores, expected, atol=1e-5)
