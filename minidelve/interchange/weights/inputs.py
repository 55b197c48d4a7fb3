"""What a network's first layer expects to see, and the same for a run of ours.

A run gives its network (pixel - mean) / s with one s for all channels (data/feeding/statistics.py). Others divide each
channel by a deviation of its own, or hand over blue first. That part moves into the weights of the first layer:

    sum over c of  w_c (x_c - m_c) / d_c   =   sum over c of  (s / d_c) w_c  (x_c - m_c) / s

It is exact at the borders too, for the zeros of the padding stand for the mean in both. s is the mean of the d_c, so
that the weights keep about their size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of torchvision's models
OWN = "minidelve"
MEAN, STD = "input.mean", "input.std"  # what `minidelve export` writes beside the parameters


@dataclass(frozen=True)
class Input:
    """Pixels from 0 to 255 as a network expects them, (x - mean) / deviation, both as red, green and blue.

    what        for a user
    blue_first  whether its channels are blue, green, red
    """

    what: str
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    deviation: tuple[float, ...] = (1.0, 1.0, 1.0)
    blue_first: bool = False

    @property
    def std(self) -> float:
        """s, which a run divides by."""
        return float(np.mean(self.deviation))

    def mean_image(self, size: int) -> np.ndarray:
        """The mean colour as a mean image, float32 (size, size, 3)."""
        return np.broadcast_to(np.array(self.mean, np.float32), (size, size, 3)).copy()

    def folded(self, weight: np.ndarray) -> np.ndarray:
        """The first layer's weights (out, 3, kh, kw) for inputs (x - mean) / s."""
        factors = self.std / np.array(self.deviation)
        rgb = weight[:, ::-1] if self.blue_first else weight
        return (rgb * factors[:, None, None]).astype(np.float32)


INPUTS = {
    "torchvision": Input(
        "RGB from 0 to 1, less ImageNet's mean, divided by its deviation",
        tuple(255 * m for m in IMAGENET_MEAN),
        tuple(255 * d for d in IMAGENET_STD),
    ),
    "caffe": Input("BGR from 0 to 255, less ImageNet's mean", (123.68, 116.779, 103.939), blue_first=True),
    "none": Input("RGB from 0 to 255 as it is"),
}
WHAT = {name: input.what for name, input in INPUTS.items()} | {OWN: f"as {MEAN} and {STD} in the file say"}
