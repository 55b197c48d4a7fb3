"""Start from the weights of another run, as VGG trained its deep networks: copy what fits, draw the rest.

Simonyan & Zisserman (arXiv 1409.1556) began with a network shallow enough to train from random weights (8 conv and
3 fully connected layers), copied its first conv layers and its fully connected ones into the deeper ones, and drew
only the layers between. The paper says that its initialization makes this needless (section 2.2);
it stands here to be compared.

A layer is copied when the other run has one of the same name with parameters of the same shapes: conv3_4 of small14
becomes conv3_4 of small30, whose conv3_7 to conv3_22 are drawn. Only whole layers are copied: fc1 has biases of the
same shape for every pyramid, but without its weights they mean nothing.

Not copied: the last layer if the other run has other classes, for its rows are classes; and an auxiliary classifier,
which reads a place of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from minidelve import models, nn
from minidelve.errors import RunError
from minidelve.training import checkpoint
from minidelve.training.run_folder import find_checkpoint


def warm_start(network: models.Network, run: str | Path, classes: Sequence[str]) -> str:
    """Copy into `network`, which will tell apart `classes`, the layers of a run that fit; the line that says so.

    run   a run folder (its best.npz) or an .npz file

    Raises CheckpointError when there is none, RunError when no layer fits; nothing is copied then.
    """
    path = find_checkpoint(Path(run))
    saved = checkpoint.load(path, optimizer=False)
    last = [name for name, _ in network.named_children()][-1]
    drawn_anyway = {"aux.fc"} | ({last} if list(classes) != saved.meta["classes"] else set())

    layers = dict(layers_with_parameters(network))
    fitting = {name for name, own in layers.items() if name not in drawn_anyway and fits(own, saved.parameters)}
    if not fitting:
        model = saved.meta["config"].get("model")
        raise RunError(
            f"--warm-start {run}: no layer of its {model} fits {network.title} in name and shape",
            cure="give a run of a related --model with the same --width, --levels and --fc",
        )
    for layer in fitting:
        for name, parameter in layers[layer].items():
            parameter.data[...] = saved.parameters[name]
    copied = sum(len(layers[name]) for name in fitting)
    rest = ", ".join(ranges(list(layers), fitting))
    return (
        f"warm start from {path}: {copied} of {sum(map(len, layers.values()))} parameters copied"
        + (f"; not copied: {rest}" if rest else "")
    )  # fmt: skip


def layers_with_parameters(network: nn.Module) -> Iterator[tuple[str, dict[str, nn.Parameter]]]:
    """(layer, its parameters by full name) for every layer that has some."""
    for layer, module in network.named_modules():
        own = {f"{layer}.{name}": p for name, p in vars(module).items() if isinstance(p, nn.Parameter)}
        if own:
            yield layer, own


def fits(own: dict[str, nn.Parameter], saved: dict) -> bool:
    """Whether all parameters of a layer are among the saved ones, in their shapes."""
    return all(name in saved and saved[name].shape == parameter.shape for name, parameter in own.items())


def ranges(names: list[str], without: set[str]) -> Iterator[str]:
    """The names that are not in `without`, neighbours drawn together.

    >>> list(ranges(["conv1", "conv2", "conv3", "conv4", "fc"], {"conv1", "conv4"}))
    ['conv2 to conv3', 'fc']
    """
    together: list[str] = []
    for name in [*names, None]:
        if name is not None and name not in without:
            together.append(name)
        elif together:
            yield together[0] if len(together) == 1 else f"{together[0]} to {together[-1]}"
            together = []
