"""Lab 6's experiment: 22 conv layers that start by He's rule, and the same 22 by Xavier's.

Both networks have 16 channels a layer and PReLUs of slope 0.25, and see the same toy images of 32 pixels in one order.
They differ in nothing but the deviation of the conv layers' first weights: yours, of minidelve/nn/init.py.
"""

from functools import partial
from pathlib import Path

import numpy as np

from minidelve import Tensor, cross_entropy, data, nn, no_grad, optim
from minidelve.analysis.pictures import picture
from minidelve.disk.files import write_whole
from minidelve.experiments import style
from minidelve.nn import init
from minidelve.progress import say

CHANNELS, SLOPE, SIZE = 16, 0.25, 32
STAGES = 8, 14  # conv layers on maps of 16 pixels, then on maps of 8
STARTS = {
    "He": partial(init.he_normal_, a=SLOPE),
    "Xavier": partial(init.xavier_normal_, mode="fan_in"),
}
# When it is run again, on another machine: training rounds otherwise, and then goes another way.
TOLERANCE = {"loss, He": (0, 0.4), "loss, Xavier": (0, 0.02), "signal, He": (0.02, 0), "signal, Xavier": (0.02, 0)}


def network(fill, seed: int) -> nn.Sequential:
    """22 conv layers with a PReLU behind each, a pyramid, and a linear layer."""
    rng = np.random.default_rng(seed)
    layers: list[nn.Module] = [nn.Conv2d(3, CHANNELS, 5, stride=2, padding=2, rng=rng, init=fill), nn.PReLU(CHANNELS)]
    for stage, count in enumerate(STAGES):
        if stage:
            layers.append(nn.MaxPool2d(2))
        for _ in range(count - (stage == 0)):
            layers += [nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, rng=rng, init=fill), nn.PReLU(CHANNELS)]
    return nn.Sequential(*layers, nn.SpatialPyramidPool2d([2, 1]), nn.Linear(5 * CHANNELS, 10, rng=rng))


def signal(net: nn.Sequential, images: np.ndarray) -> np.ndarray:
    """The root mean square of every conv layer's response, over that of the first."""
    x, found = Tensor(images), []
    with no_grad():
        for layer in net:
            x = layer(x)
            if isinstance(layer, nn.Conv2d):
                found.append(float(np.sqrt((x.data**2).mean())))
    return np.array(found) / found[0]


def epoch_of(net: nn.Sequential, sgd: optim.SGD, batches) -> float:
    """Train on every batch; the mean loss."""
    losses = []
    for images, labels in batches:
        loss = cross_entropy(net(Tensor(images)), labels)
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        losses.append(loss.item())
    return float(np.mean(losses))


def main(out: Path, seed: int = 0, quick: bool = False) -> dict[str, float]:
    """Train both networks; the losses of the last epoch, and what is left of the signal before training."""
    images = data.ToyDataset("train", train_size=200 if quick else 5000)
    view = data.Compose([data.ResizeShorterSide(SIZE), data.CenterCrop(SIZE)])
    loader = data.Loader(images, 50, view, data.compute_statistics(images, view), shuffle=True, seed=seed)
    networks = {name: network(fill, seed) for name, fill in STARTS.items()}
    optimizers = {name: optim.SGD(net.parameters(), lr=0.01) for name, net in networks.items()}
    first_batch = next(iter(loader.epoch(1)))[0]
    signals = {name: signal(net, first_batch) for name, net in networks.items()}

    say("before training: response of layer l over that of layer 1")
    say("  layer    " + "".join(f"{name:>12}" for name in networks))
    for l in (2, 8, 15, 22):
        say(f"  {l:5}    " + "".join(f"{signals[name][l - 1]:12.2g}" for name in networks))
    say(f"training loss (guessing: ln 10 = {np.log(10):.3f})")
    say("  epoch    " + "".join(f"{name:>12}" for name in networks))
    losses: dict[str, list[float]] = {name: [] for name in networks}
    for epoch in range(1, 2 if quick else 9):
        for name, net in networks.items():
            losses[name].append(epoch_of(net, optimizers[name], loader.epoch(epoch)))
        say(f"  {epoch:5}    " + "".join(f"{losses[name][-1]:12.3f}" for name in networks))

    drawn = picture("signal.png", partial(draw, signals, losses))
    if drawn:
        write_whole(out / "signal.png", drawn)
    ends = {f"loss, {name}": losses[name][-1] for name in networks}
    return ends | {f"signal, {name}": float(signals[name][-1]) for name in networks}


def draw(signals: dict[str, np.ndarray], losses: dict[str, list[float]]):
    """The signal through the layers, and the losses."""
    figure, (left, right) = style.panels("22 conv layers, 16 channels, PReLU", 1, 2)
    for i, name in enumerate(signals):
        left.plot(range(1, 23), signals[name], label=name, **style.line(i))
        right.plot(range(1, len(losses[name]) + 1), losses[name], label=name, **style.line(i))
    left.set(title="before training", xlabel="conv layer l", ylabel="response over that of layer 1 (rms)", yscale="log")
    right.axhline(np.log(10), label="guessing, ln 10", **style.LEVEL)
    right.set(title="training", xlabel="epoch", ylabel="training loss")
    style.legend(left, right)
    return figure
