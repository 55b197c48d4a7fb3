"""The paper's networks by name: `create("lab14", num_classes=10)`. Tables, what is built of them, and their options.

Code that turns a name and options into a network belongs here. Single layers are in nn/, their training in training/.

    small14.py   the paper's Table 1, and its siblings     large.py            Table 3: VGG-19 and models A, B and C
    table.py     the words in which tables are written     catalogue.py        the tables by name
    build.py     layers and weights for a table's rows     activations.py      their layers and first slopes by name
    network.py   what comes of it                          network_options.py  the options, declared once (option.py)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from minidelve.models.activations import ACTIVATIONS
from minidelve.models.auxiliary import AuxiliaryNetwork
from minidelve.models.build import build, fc_fill
from minidelve.models.catalogue import TABLES, usual_size
from minidelve.models.network import Network
from minidelve.models.network_options import FC_INITS, INITS, UNFILLED, NetworkOptions
from minidelve.models.option import options_of, takes_options_of
from minidelve.models.table import FullyConnected, resized


@takes_options_of(NetworkOptions)
def create(
    name: str,
    num_classes: int,
    activation: str = NetworkOptions.activation,
    init: str = NetworkOptions.init,
    seed: int = 0,
    **options: Any,
) -> Network:
    """The network `name` with freshly drawn weights.

    name         small14, small30, model_a, model_b, model_c or vgg19 (crops of 224 pixels), or lab14 (for images of 64
                 pixels, of which it sees crops of 56); their pyramid takes other sizes too
    activation   prelu (a slope per channel), prelu-shared (one per layer), lrelu (fixed) or relu
    init         he (equations 10, 10a), he-backward (14), xavier (std sqrt(1/n)) or gaussian (std 0.01); the fully
                 connected layers start smaller with each of them: with the fixed 0.01, 0.01, 0.001 of section 2.2, in
                 lab14 with 0.8, 0.45 and 0.045 of He's deviation (models/small14.py says why);
                 "unfilled" leaves in the weights whatever lay in memory, for shapes or for loading others
    seed         the same seed gives the same weights and the same dropout
    slope        of lrelu, taken into account by he and he-backward (10a)
    width        a factor for the channels of every conv layer, rounded; at least one channel is left
    levels       of the pyramid, in place of the table's
    fc           units of fc1 and fc2, in place of the table's; `width` leaves them alone
    fc_init      of the fully connected layers: "table", as above, or "he" with each `init`. The fixed standard
                 deviations are meant for 4,096 units: where `fc` gives few, hardly any signal passes
    aux_after    a conv or pooling layer that an auxiliary classifier reads in training (models/auxiliary.py)
    aux_weight   of the auxiliary classifier's loss

    Raises ValueError for a value that is none of these.

    >>> create("lab14", num_classes=20).fc3
    Linear(512, 20)
    >>> create("lab14", num_classes=20, width=0.5, levels=(2, 1), fc=100).fc1
    Linear(320, 100)
    """
    if name not in TABLES:
        raise ValueError(f"model {name!r} is unknown; expected one of: {', '.join(TABLES)}")
    if num_classes < 1:
        raise ValueError(f"num_classes is {num_classes}; expected at least 1")
    chosen = NetworkOptions(activation, init, **options)
    table = resized(TABLES[name], chosen.width, chosen.levels, chosen.fc)
    network = build(name, table, num_classes, chosen, seed)
    if chosen.aux_after is None:
        return network
    rng = np.random.default_rng(seed).spawn(1)[0]  # of its own: the layers start as they would without it
    last = table[-1]
    assert isinstance(last, FullyConnected)
    return AuxiliaryNetwork(network, chosen.aux_after, chosen.aux_weight, rng, fc_fill(chosen, last))


def from_config(config: Mapping[str, Any], num_classes: int, init: str | None = None) -> Network:
    """The network that a run's options describe; `init` in place of the run's.

    An option that is newer than the run has its default.
    Raises KeyError without model, activation and init, ValueError as `create` does.
    """
    known = {name: config[name] for name in options_of(NetworkOptions) if name in config}
    known |= {"activation": config["activation"], "init": init or config["init"]}
    return create(config["model"], num_classes, seed=config.get("seed", 0), **known)


__all__ = [
    "ACTIVATIONS", "FC_INITS", "INITS", "TABLES", "UNFILLED", "AuxiliaryNetwork", "Network", "create", "from_config",
    "usual_size",
]  # fmt: skip
