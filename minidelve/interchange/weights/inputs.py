"""What a network's first layer expects to see, and how a run of ours comes to give it that.

A run gives its network (x - m) / s: red, green and blue pixels x less their mean m, with one s for all channels
(data/feeding/statistics.py). Others divide each channel c by a deviation d_c of its own. What differs moves into the
weights of the first layer, once, when they are imported. A response of that layer is a sum over the places t of its
kernel and the channels c,

    y = b + sum over c, t of  w[c, t] (x[c, t] - m_c) / d_c
      = b + sum over c, t of  (s / d_c) w[c, t]  (x[c, t] - m_c) / s                    (1i)

and the weights (s / d_c) w[c, t] make the same y of what a run gives. The bias stays. At the border of the image, too:
there the padding has zeros in place of (x - m) / d_c and of (x - m) / s, and both leave a term out. (The mean cannot
move likewise. It would go into b, which is there at the border as well, where nothing was subtracted.) (1i) holds for
any s; it is the mean of the d_c, so that the weights keep about their size.

Caffe's models see blue first (BGR, as OpenCV reads images): their channel 0 is blue, ours is red. The sum over c has
any order, so the channels of the weights are turned round, w[2 - c, t] in place of w[c, t].                      (2i)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Red, green and blue. Of torchvision's models, for pixels from 0 to 1: https://pytorch.org/vision/stable/models.html
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# Of VGG's models for Caffe, for pixels from 0 to 255; their authors publish it blue first.
VGG_MEAN = (123.68, 116.779, 103.939)
OWN = "minidelve"  # the input of a file that `minidelve export` wrote
MEAN, STD = "input.mean", "input.std"  # what `minidelve export` writes beside the parameters


@dataclass(frozen=True)
class Input:
    """What a network expects: (x - mean) / deviation of pixels x from 0 to 255.

    what         the same in words, for a user
    mean         m of red, green and blue, whatever the order of the channels
    deviation    d likewise
    blue_first   whether its channels are blue, green, red
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
        """The first layer's weights (out, 3, kh, kw) for what a run gives: red first, (x - mean) / s.

        >>> bgr = np.array([30.0, 20.0, 10.0]).reshape(1, 3, 1, 1)
        >>> Input("d = 1 for red, 2, 3 for blue", deviation=(1, 2, 3), blue_first=True).folded(bgr).ravel().tolist()
        [20.0, 20.0, 20.0]
        """
        rgb = weight[:, ::-1] if self.blue_first else weight  # (2i)
        factors = self.std / np.array(self.deviation)
        return (rgb * factors[:, None, None]).astype(np.float32)  # (1i)


INPUTS = {
    "torchvision": Input(
        "RGB from 0 to 1, less ImageNet's mean, divided by its deviation",
        tuple(255 * m for m in IMAGENET_MEAN),
        tuple(255 * d for d in IMAGENET_STD),
    ),
    "caffe": Input("BGR from 0 to 255, less ImageNet's mean", VGG_MEAN, blue_first=True),
    "none": Input("RGB from 0 to 255 as it is"),
}
DESCRIPTIONS = {name: input.what for name, input in INPUTS.items()} | {OWN: f"as {MEAN} and {STD} in the file say"}
