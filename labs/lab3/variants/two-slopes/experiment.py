"""The experiment of lab 3 with two slopes: a small net learns the toy set with PReLU's slopes, and with two of yours.

Your function trains in both nets: PReLU is its case of slopes (C,). The two of a pair have their first weights and the
order of the images in common.
"""

from pathlib import Path

import numpy as np

import minidelve as md
from minidelve import nn
from minidelve.analysis.pictures import picture
from minidelve.data.toy.toy import ToyDataset
from minidelve.disk.files import write_whole
from minidelve.nn.module import Parameter
from minidelve.optim import SGD
from minidelve.progress import say

WIDTH, BATCH, LR = 16, 32, 0.01
START = {"PReLU": [0.25], "two slopes": [0.25, 1.0]}  # a, and b where it is learned
LAYERS = 1, 2, 3
TOLERANCE = {
    **{f"error, {kind}": (0.25, 5.0) for kind in START}, **{f"loss, {kind}": (0.3, 0.1) for kind in START},
    **{f"a {layer}, {kind}": (0.0, 0.06) for layer in LAYERS for kind in START},
    **{f"b {layer}, two slopes": (0.0, 0.06) for layer in LAYERS},
}  # fmt: skip


class TwoSlopes(nn.Module):
    """The layer: slopes (2, C), or PReLU's (C,), without weight decay."""

    def __init__(self, start: list[float]):
        slopes = np.repeat(np.array(start, np.float32)[:, None], WIDTH, axis=1)
        self.a = Parameter(slopes if len(start) == 2 else slopes[0], weight_decay=False)

    def forward(self, y: md.Tensor) -> md.Tensor:
        return md.prelu(y, self.a)


def main(out: Path, seed: int, quick: bool = False) -> dict[str, float]:
    """Train both nets with three seeds from `seed` on, draw the slopes, return the means over the seeds."""
    seeds, epochs, images = (1, 1, 200) if quick else (3, 5, 2000)
    train, val = toy("train", images), toy("val", max(100, images // 4))
    mean, deviation = train[0].mean(0), train[0].std()
    train, val = (((x - mean) / deviation, labels) for x, labels in (train, val))
    say("seed  slopes       epoch    loss  error %   mean a of each layer      mean b")
    ended = {kind: [trained(train, val, seed + i, epochs, kind) for i in range(seeds)] for kind in START}
    numbers = {}
    for kind, runs in ended.items():
        numbers[f"error, {kind}"] = float(np.mean([course[-1][1] for course, _ in runs]))
        numbers[f"loss, {kind}"] = float(np.mean([course[-1][0] for course, _ in runs]))
        slopes = np.array([slopes for _, slopes in runs])  # (seed, layer, 1 or 2, channel)
        for s in range(slopes.shape[2]):
            numbers |= {f"{'ab'[s]} {layer}, {kind}": float(slopes[:, layer - 1, s].mean()) for layer in LAYERS}
    say("\nmeans over the seeds, at the end      PReLU  two slopes")
    for name in ("error", "loss", *(f"a {layer}" for layer in LAYERS), *(f"b {layer}" for layer in LAYERS)):
        both = (numbers.get(f"{name}, {kind}") for kind in START)
        say(f"  {name:<32}" + "".join(" " * 10 if number is None else f"{number:10.3f}" for number in both))
    if content := picture("slopes.png", lambda: figure(ended)):
        write_whole(out / "slopes.png", content)
    return numbers


def toy(split: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """`count` pictures of 32 x 32, (N, 3, 32, 32) float32, and their labels."""
    dataset = ToyDataset(split, count, count)
    pixels = np.stack([dataset.image(i) for i in range(count)]).astype(np.float32)
    halved = pixels.reshape(count, 32, 2, 32, 2, 3).mean(axis=(2, 4))
    return halved.transpose(0, 3, 1, 2), np.asarray(dataset.labels)


def small_net(rng: np.random.Generator, kind: str) -> nn.Sequential:
    """Three conv layers with the activation and a pooling each, and a linear one."""
    layers: list[nn.Module] = []
    for channels in (3, WIDTH, WIDTH):
        layers += [nn.Conv2d(channels, WIDTH, 3, padding=1, rng=rng), TwoSlopes(START[kind]), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(WIDTH * 4 * 4, 10, rng=rng))


def trained(train, val, seed: int, epochs: int, kind: str) -> tuple[list[tuple[float, float]], list[np.ndarray]]:
    """(loss, error in percent) of each epoch, and the slopes (1 or 2, C) of each layer at the end."""
    net, order = small_net(np.random.default_rng(seed), kind), np.random.default_rng([seed, 1])
    optimizer, course = SGD(net.parameters(), lr=LR), []
    images, labels = train
    with md.use("reference"):
        for epoch in range(1, epochs + 1):
            losses = []
            for batch in np.array_split(order.permutation(len(images)), len(images) // BATCH):
                loss = md.cross_entropy(net(md.Tensor(images[batch])), labels[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
            with md.no_grad():
                wrong = net(md.Tensor(val[0])).data.argmax(axis=1) != val[1]
            course.append((float(np.mean(losses)), float(100 * wrong.mean())))
            means = "  ".join("".join(f"{a[s].mean():7.3f}" for a in slopes_of(net)) for s in range(len(START[kind])))
            say(f"{seed:4}  {kind:<11}{epoch:7}{course[-1][0]:8.3f}{course[-1][1]:9.1f}  {means}")
    return course, slopes_of(net)


def slopes_of(net: nn.Sequential) -> list[np.ndarray]:
    return [layer.a.data.copy().reshape(-1, WIDTH) for layer in net if isinstance(layer, TwoSlopes)]


def figure(ended):
    """Left, the loss of both; right, every pair of slopes that was learned, a beside b."""
    from minidelve.experiments.style import legend, line, panels

    drawing, (left, right) = panels("A line that bends at 0: one half learned, or both", columns=2)
    for i, (kind, runs) in enumerate(ended.items()):
        for n, (course, _) in enumerate(runs):
            places = range(1, len(course) + 1)
            left.plot(places, [loss for loss, _ in course], label=None if n else kind, **line(i))
    for layer in LAYERS:
        a, b = np.concatenate([slopes[layer - 1] for _, slopes in ended["two slopes"]], axis=1)
        right.plot(a, b, label=f"layer {layer}", **line(layer) | {"linestyle": "none", "alpha": 0.7})
    right.plot(*START["two slopes"], "k+", markersize=14, markeredgewidth=2, label="the start")
    left.set(title="The loss", xlabel="epoch", ylabel="training loss", xticks=list(places))
    right.set(title="The two slopes of each channel, all seeds", xlabel="a, below 0", ylabel="b, above 0")
    legend(left, right)
    return drawing
