"""The training recipes by name: what each published run sets, and the lab's own.

A recipe is a set of options (config.py). Flags and a TOML file override it: `minidelve train --recipe
paper-large --epochs 20 --show-config` prints what results. The paper does not state all of them; what is our
choice says so.
"""

from __future__ import annotations

from typing import Any

# Section 3, stated for the large models: the batch, the rate it starts with, momentum, weight decay, crops
# of 224, PReLU per channel, and the mean image subtracted. The colour alteration is Krizhevsky's (2012), and so
# is its deviation of 0.1. Dividing by one standard deviation is our choice among the ways that section 2.2
# names: with the mean alone (--normalize mean) and this rate, training can diverge (docs/measurements.md).
_PAPER: dict[str, Any] = {
    "batch_size": 128,
    "lr": 0.01,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "size": 224,
    "colour": 0.1,
    "normalize": "mean-std",
    "activation": "prelu",
}

RECIPES: dict[str, dict[str, Any]] = {
    # Images of 56 to 64 pixels on a laptop: the defaults of config.py.
    "lab": {},
    # The same with the augmentation of the large models, at a fourth of their sizes.
    # Our choice: scales up to 12/7 of the crop instead of 16/7, as pixels and epochs are few.
    "lab-jitter": {"epochs": 30, "jitter": [64, 96], "colour": 0.1, "short_side": 64},
    # Table 2, the 14-layer network. Stated: 75 epochs, shorter side 256 in training and in testing. For the rest
    # the paper refers to He & Sun (arXiv 1412.1710). To take the large models' is our choice, and so are the 60%
    # and 85% of the epochs (config.py) for the drops of the rate.
    "paper-small": _PAPER | {"model": "small14", "epochs": 75, "short_side": 256},
    # Tables 4 to 7. Stated for A, B and C: s in [256, 512] from the first epoch on, about 80 epochs,
    # initialized by equation (14), the rate divided by 10 on a plateau (--plateau). Epochs 20 and 65 are
    # where model A's curves drop in Figure 4 of the ICCV version. The shorter side of the test after each
    # epoch is our choice.
    "paper-large": _PAPER
    | {"model": "model_a", "init": "he-backward", "jitter": [256, 512], "short_side": 256, "epochs": 80,
       "milestones": [20, 65]},
}  # fmt: skip
