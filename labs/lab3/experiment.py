"""Lab 3's experiment: a small net learns the toy set, once with your gradient of the slopes, once with its mean.

Your PReLU is what trains here, forward and backward. The second net of each pair has everything in common with the
first, weights and order of the images included, but for one thing: what your `PReLU.backward` returns for the slopes is
divided by the number of positions, as if (2) were a mean.
"""

from pathlib import Path
from unittest.mock import patch

import numpy as np

import minidelve as md
from minidelve import nn
from minidelve.analysis.pictures import picture
from minidelve.data.toy.toy import ToyDataset
from minidelve.disk.files import write_whole
from minidelve.ops.prelu import PReLU
from minidelve.optim import SGD
from minidelve.progress import say

WIDTH, BATCH, LR = 16, 32, 0.01
START = 0.25  # of every slope
KINDS = "sum", "mean"
TOLERANCE = {
    "error, sum": (0.25, 5.0), "error, mean": (0.25, 5.0), "loss, sum": (0.3, 0.1), "loss, mean": (0.3, 0.1),
    **{f"slope {layer}, {kind}": (0.0, 0.05) for layer in (1, 2, 3) for kind in KINDS},
    **{f"moved {layer}, {kind}": (0.5, 1e-5) for layer in (1, 2, 3) for kind in KINDS},
}  # fmt: skip


def main(out: Path, seed: int, quick: bool = False) -> dict[str, float]:
    """Train both nets with three seeds from `seed` on, draw the slopes, return the means over the seeds."""
    seeds, epochs, images = (1, 1, 200) if quick else (3, 5, 2000)
    train, val = toy("train", images), toy("val", max(100, images // 4))
    mean, deviation = train[0].mean(0), train[0].std()
    train, val = (((x - mean) / deviation, labels) for x, labels in (train, val))
    say("seed  (2) is a  epoch    loss  error %   mean slope of each layer")
    ended = {kind: [trained(train, val, seed + i, epochs, kind) for i in range(seeds)] for kind in KINDS}
    numbers = {}
    for kind, runs in ended.items():
        slopes = np.array([slopes for _, slopes in runs])  # (seed, layer, channel)
        numbers[f"error, {kind}"] = float(np.mean([course[-1][1] for course, _ in runs]))
        numbers[f"loss, {kind}"] = float(np.mean([course[-1][0] for course, _ in runs]))
        for i in range(slopes.shape[1]):
            numbers[f"slope {i + 1}, {kind}"] = float(slopes[:, i].mean())
            numbers[f"moved {i + 1}, {kind}"] = float(np.abs(slopes[:, i] - START).mean())
    report(numbers)
    if content := picture("slopes.png", lambda: figure(ended)):
        write_whole(out / "slopes.png", content)
    return numbers


def toy(split: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """`count` pictures of 32 x 32, (N, 3, 32, 32) float32, and their labels."""
    dataset = ToyDataset(split, count, count)
    pixels = np.stack([dataset.image(i) for i in range(count)]).astype(np.float32)
    halved = pixels.reshape(count, 32, 2, 32, 2, 3).mean(axis=(2, 4))
    return halved.transpose(0, 3, 1, 2), np.asarray(dataset.labels)


def small_net(rng: np.random.Generator) -> nn.Sequential:
    """Three conv layers with a PReLU and a pooling each, and a linear one."""
    layers: list[nn.Module] = []
    for channels in (3, WIDTH, WIDTH):
        layers += [nn.Conv2d(channels, WIDTH, 3, padding=1, rng=rng), nn.PReLU(WIDTH, START), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(WIDTH * 4 * 4, 10, rng=rng))


def trained(train, val, seed: int, epochs: int, kind: str) -> tuple[list[tuple[float, float]], list[np.ndarray]]:
    """(loss, error in percent) of each epoch, and the slopes of each layer at the end."""
    right = PReLU.backward

    def backward(self, df):
        dy, da = right(self, df)
        return dy, da / (df.size // len(da)) if kind == "mean" else da

    net, order = small_net(np.random.default_rng(seed)), np.random.default_rng([seed, 1])
    optimizer, course = SGD(net.parameters(), lr=LR), []
    images, labels = train
    with md.use("reference"), patch.object(PReLU, "backward", backward):
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
            means = "".join(f"{a.mean():8.4f}" for a in slopes_of(net))
            say(f"{seed:4}  {kind:<8}{epoch:6}{course[-1][0]:9.3f}{course[-1][1]:9.1f}  {means}")
    return course, slopes_of(net)


def slopes_of(net: nn.Sequential) -> list[np.ndarray]:
    return [layer.a.data.copy() for layer in net if isinstance(layer, nn.PReLU)]


def report(numbers: dict[str, float]) -> None:
    """The means over the seeds, the two gradients side by side."""
    say("\nmeans over the seeds, at the end          sum        mean")
    names = [name.removesuffix(", sum") for name in numbers if name.endswith(", sum")]
    for name in names:
        what, _, layer = name.partition(" ")
        words = {"error": "error, %", "loss": "loss in the last epoch", "slope": f"slope of layer {layer}",
                 "moved": f"|slope - {START}| of layer {layer}"}[what]  # fmt: skip
        say(f"  {words:<32}{numbers[f'{name}, sum']:12.4g}{numbers[f'{name}, mean']:12.4g}")


def figure(ended):
    """Left, the loss of both; right, every slope that was learned."""
    from minidelve.experiments.style import legend, line, panels

    drawing, (left, right) = panels("PReLU with (2) as a sum, and as a mean", columns=2)
    for i, (kind, runs) in enumerate(ended.items()):
        look, name = line(i), f"(2) is a {kind}"
        for n, (course, _) in enumerate(runs):
            left.plot(range(1, len(course) + 1), [loss for loss, _ in course], label=None if n else name, **look)
        slopes = np.array([slopes for _, slopes in runs]).transpose(1, 0, 2).reshape(len(runs[0][1]), -1)
        places = np.arange(1, len(slopes) + 1) + 0.25 * (i - 0.5)  # of the layers
        for n, column in enumerate(slopes.T):
            right.plot(places, column, label=None if n else name, **look | {"linestyle": "none", "alpha": 0.6})
    left.set(title="What is watched: the loss", xlabel="epoch", ylabel="training loss")
    right.set(title="What is learned: the slopes", xlabel="layer", ylabel="slope of each channel, all seeds")
    left.set_xticks(range(1, len(course) + 1))
    right.set_xticks(range(1, len(slopes) + 1))
    right.axhline(START, color="0.4", linestyle=":", label=f"the start, {START}")
    legend(left, right)
    return drawing
