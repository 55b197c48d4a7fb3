"""Lab 5's experiment: images of three sizes, one set of weights.

A small network with your max pooling and your pyramid learns the toy set on images of 32 pixels. Then it reads images
of 24, 32 and 48 pixels, with the weights that it has. A second network starts alike and sees another size each epoch.

All kernels are those of kernels/reference, yours among them.
"""

from functools import partial
from pathlib import Path

import numpy as np

from minidelve import Tensor, cross_entropy, data, nn, no_grad, optim
from minidelve.analysis.pictures import picture
from minidelve.backend import use
from minidelve.disk.files import write_whole
from minidelve.experiments import style
from minidelve.progress import say
from minidelve.training.validation import evaluate

SIZES, TRAINED = (24, 32, 48), 32
LEVELS, CHANNELS = (3, 2, 1), 32
COURSES = {"one size": (TRAINED,), "three sizes": SIZES}  # the images of epoch 1, 2, ..., over and over
TOLERANCE = {
    f"error at {size}, {course}": (0.2, 6.0) for size in SIZES for course in COURSES  # training rounds otherwise
} | {f"length at {size}": (0, 0) for size in SIZES}  # fmt: skip


def network(seed: int) -> nn.Sequential:
    """Three conv layers, a max pooling of windows that overlap, the pyramid, and a linear layer."""
    rng = np.random.default_rng(seed)
    return nn.Sequential(
        nn.Conv2d(3, 16, 5, stride=2, padding=2, rng=rng), nn.PReLU(16),
        nn.MaxPool2d(3, stride=2, padding=1),
        nn.Conv2d(16, CHANNELS, 3, padding=1, rng=rng), nn.PReLU(CHANNELS),
        nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, rng=rng), nn.PReLU(CHANNELS),
        nn.SpatialPyramidPool2d(LEVELS),
        nn.Linear(CHANNELS * sum(n * n for n in LEVELS), 10, rng=rng),
    )  # fmt: skip


class Images:
    """The toy set at every size: batches for training, and the pictures kept for testing."""

    def __init__(self, seed: int, quick: bool):
        train = data.ToyDataset("train", train_size=200 if quick else 2000)
        test = data.ToyDataset("val", val_size=50 if quick else 500)
        self.training, self.testing = {}, {}
        for size in SIZES:
            view = data.Compose([data.ResizeShorterSide(size), data.CenterCrop(size)])
            statistics = data.compute_statistics(train, view)
            self.training[size] = data.Loader(train, 50, view, statistics, shuffle=True, seed=seed)
            self.testing[size] = data.Loader(test, 50, view, statistics, shuffle=False, seed=seed)


def train(net: nn.Sequential, images: Images, sizes: tuple[int, ...], epochs: int, course: str) -> None:
    """An epoch on images of each size in turn."""
    sgd = optim.SGD(net.parameters(), lr=0.005)
    for epoch in range(1, epochs + 1):
        size = sizes[(epoch - 1) % len(sizes)]
        losses = []
        for x, labels in images.training[size].epoch(epoch):
            loss = cross_entropy(net(Tensor(x)), labels)
            sgd.zero_grad()
            loss.backward()
            sgd.step()
            losses.append(loss.item())
        say(f"  {course:>11}  epoch {epoch}  images of {size}  loss {np.mean(losses):.3f}")


def vector(net: nn.Sequential, images: np.ndarray) -> tuple[tuple[int, ...], np.ndarray]:
    """The size of the map before the pyramid, and what the pyramid makes of it."""
    x = Tensor(images)
    with no_grad():
        for layer in net:
            if isinstance(layer, nn.SpatialPyramidPool2d):
                return x.shape[2:], layer(x).data
            x = layer(x)
    raise AssertionError("the network has a pyramid")


def main(out: Path, seed: int = 0, quick: bool = False) -> dict[str, float]:
    """Train both networks, test them at three sizes; the errors, and the length of the vectors."""
    with use("reference"):
        images = Images(seed, quick)
        networks = {course: network(seed) for course in COURSES}
        for course, net in networks.items():
            train(net, images, COURSES[course], epochs=3 if quick else 12, course=course)
        numbers: dict[str, float] = {}
        say("test images  last map  vector for fc   error %, one size   three sizes")
        for size in SIZES:
            (height, width), vectors = vector(networks["one size"], next(iter(images.testing[size].epoch(0)))[0])
            errors = [evaluate(net, images.testing[size].epoch(0)).top1 for net in networks.values()]
            say(f"{size:8} px  {height:4} x {width:<2} {vectors.shape[1]:11}  {errors[0]:18.1f} {errors[1]:13.1f}")
            numbers[f"length at {size}"] = vectors.shape[1]
            numbers |= {f"error at {size}, {course}": error for course, error in zip(networks, errors, strict=True)}
    drawn = picture("sizes.png", partial(draw, numbers))
    if drawn:
        write_whole(out / "sizes.png", drawn)
    return numbers


def draw(numbers: dict[str, float]):
    """The errors over the size of the test images."""
    figure, (panel,) = style.panels("One set of weights, images of three sizes")
    for i, course in enumerate(COURSES):
        panel.plot(SIZES, [numbers[f"error at {size}, {course}"] for size in SIZES], label=f"trained on {course}",
                   **style.line(i))  # fmt: skip
    panel.axhline(90, label="guessing", **style.LEVEL)
    panel.set(xlabel="side of the test images, pixels", ylabel="top-1 error %", xticks=SIZES, ylim=(0, 95))
    style.legend(panel)
    return figure
