"""From others' weights to a run: the network that the options describe, filled, and what its input is normalised by.

file --reading.py--> names and shapes --names.py--> our names, checked --> numbers --> network
what its first layer expects --inputs.py--> the run's mean and s, and other weights in that layer
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from minidelve import data, models
from minidelve.errors import CheckpointError, MissingSplit, RunError, shown
from minidelve.interchange.weights.inputs import INPUTS, MEAN, OWN, STD
from minidelve.interchange.weights.names import NAMINGS, likeliest, theirs
from minidelve.interchange.weights.reading import Weights, check, fill
from minidelve.models import Network
from minidelve.training.checkpoint import Checkpoint
from minidelve.training.config import Config
from minidelve.training.setting_up import check_fits, create_network


@dataclass(frozen=True)
class Imported:
    """Weights that have become a run.

    naming    whose names the file has
    dataset   whose classes the network tells apart
    """

    network: Network
    checkpoint: Checkpoint
    naming: str
    dataset: data.Dataset


def imported(path: Path, input: str, options: Mapping[str, Any], naming: str | None = None) -> Imported:
    """The run that a file of weights makes.

    input     what its first layer expects: a name of INPUTS, or "minidelve" for what `minidelve export` wrote
    options   of Config: data, model, and what shapes the network; without an activation, that of the file, without a
              size that of the model
    naming    whose names the file has; None: those that fit best

    Raises RunError, DataError or CheckpointError with one line for what the user can mend.
    """
    weights = Weights(path)
    if input != OWN and MEAN in weights.entries:
        raise RunError(f"--input {input}: {weights.path} says itself what its input is", cure=f"give --input {OWN}")
    dataset = open_any_split(options["data"])
    config = config_of(weights, input, options)
    network = create_network(config, len(dataset.classes), models.UNFILLED)
    naming = naming or likeliest(weights.entries, network)
    check_number_of_classes(weights, network, naming, dataset)
    check_ids_of_classes(weights, dataset)
    check(weights, network, naming, frozenset({MEAN, STD} if input == OWN else ()))
    statistics = statistics_of(weights, input, config.size)
    check_fits(network, config)
    fill(network, weights, naming)
    if input != OWN:
        conv1 = next(iter(network.parameters())).data  # the first parameter of a network: what sees the pixels
        conv1[...] = INPUTS[input].folded(conv1)
    config.normalize = "mean" if statistics.std == 1 else "mean-std"
    meta = meta_of(config, statistics, dataset) | {"imported": {"file": path.name, "names": naming, "input": input}}
    parameters = {name: parameter.data for name, parameter in network.named_parameters()}
    return Imported(network, Checkpoint(parameters, [], statistics.mean, meta), naming, dataset)


def open_any_split(path: str) -> data.Dataset:
    """The validation images, or the training images where there are no others: only the classes matter."""
    try:
        return data.open_dataset(path, "val", cache_bytes=0)
    except MissingSplit:
        return data.open_dataset(path, "train", cache_bytes=0)


def config_of(weights: Weights, input: str, options: Mapping[str, Any]) -> Config:
    """The options of the run. Where none are given, size and activation are those of the file or the usual ones."""
    size = options.get("size") or size_of(weights, input, options["model"])
    # A run of ours, unless it was told otherwise, only shrinks; others' weights get the paper's 256 for crops of 224.
    short_side = weights.short_side() if input == OWN else round(size * 256 / 224)
    given = {"short_side": short_side, **options, "size": size}
    return Config(**{**given, "activation": activation_of(weights, given, input)})


def meta_of(config: Config, statistics: data.Statistics, dataset: data.Dataset) -> dict[str, Any]:
    """What a checkpoint holds beside arrays, of a run in which no epoch was trained (training/checkpoint.py)."""
    return {
        "config": asdict(config),
        "std": statistics.std,
        "classes": dataset.classes,
        "class_names": dataset.class_names,
        "history": [],
        "schedule": {},
        "lr": config.lr,
        "skipped": {},
    }


def size_of(weights: Weights, input: str, model: str) -> int:
    """The side of the mean image that the file holds, else of the crops that the model is made for."""
    if input == OWN and MEAN in weights.entries:
        return max((1, *weights.entries[MEAN].shape[:1]))
    return models.usual_size(model)


def activation_of(weights: Weights, options: Mapping[str, Any], input: str) -> str:
    """That of the options, else PReLU where the file has its slopes in some naming, else ReLU, as others have it.

    RunError where the file is one of ours without slopes: LReLU, which has none in a file either, is as likely.
    """
    if "activation" in options or "slope" in options:
        return options.get("activation", "lrelu")
    for activation in ("prelu", "prelu-shared"):
        network = create_network(Config(**options, activation=activation), 1, models.UNFILLED)
        slopes = {name: p.shape for name, p in network.named_parameters() if name.endswith("_act.a")}
        for naming in NAMINGS:
            named = theirs(naming, network)
            if any(weights.entries[named[a]].shape == slopes[a] for a in slopes if named[a] in weights.entries):
                return activation
    if input == OWN and not any(name.endswith("_act.a") for name in weights.entries):
        raise RunError(f"{weights.path} has no slopes of PReLU", cure="give the run's --activation relu, or lrelu")
    return "relu"


def check_number_of_classes(weights: Weights, network: Network, naming: str, dataset: data.Dataset) -> None:
    """DataError where the file's last layer is right but for the number of classes: another data set is meant."""
    last = [name for name in theirs(naming, network) if name.endswith(".weight")][-1]
    found, wanted = weights.entries.get(theirs(naming, network)[last]), dict(network.named_parameters())[last].shape
    if found and len(found.shape) == 2 and found.shape[1] == wanted[1] and found.shape[0] != wanted[0]:
        raise data.DataError(
            f"{weights.path} tells {found.shape[0]} classes apart, and {dataset.name} has {wanted[0]}",
            cure="give the data set of its classes with --data",
        )


def check_ids_of_classes(weights: Weights, dataset: data.Dataset) -> None:
    """DataError where the file says its classes, as ours do, and they are not those of the data set, in its order."""
    ids = weights.classes() or dataset.classes
    if ids != dataset.classes:
        found, wanted = next((a, b) for a, b in zip_longest(ids, dataset.classes) if a != b)
        raise data.DataError(
            f"{weights.path} tells {shown(found)} where {dataset.name} has the class {shown(wanted)}",
            cure="give the data set of its classes with --data",
        )


def statistics_of(weights: Weights, input: str, size: int) -> data.Statistics:
    """What the run subtracts from a crop of `size` pixels and divides it by."""
    if input != OWN:
        return data.Statistics(INPUTS[input].mean_image(size), INPUTS[input].std)
    shapes = {name: weights.entries[name].shape for name in (MEAN, STD) if name in weights.entries}
    if shapes != {MEAN: (size, size, 3), STD: (1,)}:
        held = " and ".join(f"{name} of shape {shown(shape)}" for name, shape in shapes.items()) or "neither of both"
        raise RunError(
            f"--input {OWN}: {weights.path} has {held}",
            expected=f"{MEAN} of shape {(size, size, 3)} and {STD} of shape (1,), as `minidelve export` writes them",
            cure="give another --input, or the --size of the run that was exported",
        )
    std = float(weights.array(STD)[0])
    if not std > 0:
        raise CheckpointError(f"{weights.path}: {STD} is {std}", expected="a number above 0", cure="get another file")
    return data.Statistics(np.ascontiguousarray(weights.array(MEAN)), std)
