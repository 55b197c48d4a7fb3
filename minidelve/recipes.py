"""The training recipes by name: what each published run sets, and the lab's own.

A recipe is a set of options (config.py). Flags and a TOML file override it: `minidelve train --recipe
paper-large --epochs 20 --show-config` prints what results. Facts are from the paper unless a comment
says otherwise.
"""

from __future__ import annotations

from typing import Any

from minidelve.config import Config
from minidelve.run_folder import RunError

# Section 3: momentum, weight decay, the first rate, crops of 224, flips, the colour alteration of
# Krizhevsky et al., and the mean image, subtracted from values that are not divided by anything.
_PAPER: dict[str, Any] = {
    "batch_size": 128,
    "lr": 0.01,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "size": 224,
    "short_side": 256,
    "colour": 0.1,
    "normalize": "mean",
    "activation": "prelu",
}

RECIPES: dict[str, dict[str, Any]] = {
    # Images of 56 to 64 pixels on a laptop: the defaults of config.py.
    "lab": {},
    # The same with the augmentation of the large models, at a fourth of their sizes.
    # Our choice: scales up to 12/7 of the crop instead of 16/7, for so few pixels and epochs.
    "lab-jitter": {"epochs": 30, "jitter": [64, 96], "colour": 0.1, "short_side": 64},
    # Table 2, the 14-layer network: shorter side 256 in training and in testing, 75 epochs.
    # The paper does not print when its rate dropped: config.py's 60% and 85% are our choice.
    "paper-small": _PAPER | {"model": "small14", "epochs": 75},
    # Tables 4 to 7, models A, B and C: s in [256, 512] from the first epoch on, 80 epochs, initialized
    # by equation (14).  The rate drops after epochs 20 and 65, as the ICCV version's Figure 4 shows;
    # --plateau instead lets the validation error decide.
    "paper-large": _PAPER
    | {"model": "model_a", "init": "he-backward", "jitter": [256, 512], "epochs": 80, "milestones": [20, 65]},
}


def resolve(given: dict[str, Any]) -> Config:
    """The options of the recipe that `given` names (lab if none), overridden by the rest of `given`.

    When a rate drops belongs to how long one trains: with other epochs or another schedule than the
    recipe's, its milestones no longer hold, and config.py's share of the epochs decides.

    Raises RunError for an unknown recipe or options that contradict each other.

    >>> resolve({"recipe": "paper-large", "batch_size": 64}).milestones
    [20, 65]
    >>> resolve({"recipe": "paper-large", "epochs": 20}).milestones
    [12, 17]
    """
    name = given.get("recipe", "lab")
    if name not in RECIPES:
        raise RunError(f"--recipe {name!r} is unknown; expected one of: {', '.join(RECIPES)}")
    options = RECIPES[name] | given
    if "milestones" not in given and (options.get("plateau") or options.get("epochs") != RECIPES[name].get("epochs")):
        options.pop("milestones", None)
    return Config(**options)
