"""Lab 2's experiment: a linear layer and your loss, nothing more, learn to read digits.

1. The loss before anything is learned.
2. Mean against sum: which learning rate can either take, for batches of several sizes?
3. A digit reader, and the template that it has learned for each digit.
4. The same on the toy set's pictures.
"""

from pathlib import Path

import numpy as np

from minidelve import Tensor, cross_entropy, data, linear, no_grad
from minidelve.analysis.pictures import picture
from minidelve.disk.files import write_whole
from minidelve.experiments import style
from minidelve.optim import descend
from minidelve.progress import progress, say

DIGITS = """
01110 00100 01110 11111 00010 11111 00110 11111 01110 01110
10001 01100 10001 00010 00110 10000 01000 00001 10001 10001
10011 00100 00001 00100 01010 11110 10000 00010 10001 10001
10101 00100 00010 00010 10010 00001 11110 00100 01110 01111
11001 00100 00100 00001 11111 00001 10001 01000 10001 00001
10001 00100 01000 10001 00010 10001 10001 01000 10001 00010
01110 01110 11111 01110 00010 01110 01110 01000 01110 01100
"""
SIZE, CLASSES, SHIFT, NOISE = 18, 10, 1, 0.6
BATCHES = {
    False: {"few": 200, "more": 800, "many": 3200},
    True: {"few": 50, "more": 100, "many": 200},
}  # if quick: True
TRIED = 10  # steps that a learning rate is tried for
LR, STEPS, AT_ONCE = 0.3, 200, 40
TOY_SIZE, TOY_LR = 16, 0.02
# How far a number may lie from another run's: relatively, absolutely. A rate is a power of 2, and may be the next one.
TOLERANCE = {
    "loss_of_zeros": (1e-5, 0), "loss_of_large_weights": (1e-3, 0), "loss_last": (1e-3, 0), "error_train": (0, 0.5),
    "error_test": (0, 0.5), "toy_loss_last": (1e-2, 0), "toy_error_train": (0, 1), "toy_error_test": (0, 1),
} | {f"rate_of_{kind}, {name}": (1, 0) for kind in ("mean", "sum") for name in BATCHES[False]}  # fmt: skip


def main(out: Path, seed: int, quick: bool = False) -> dict[str, float]:
    """The numbers of all parts; templates.png and toy.png in `out`."""
    rng = np.random.default_rng(seed)
    train, test = (digits(rng, n) for n in ((200, 100) if quick else (3200, 1000)))
    numbers = at_the_start(rng, train)
    numbers |= rates(train, BATCHES[quick])
    reader, more = learn("3. Reading digits", train, test, LR, 40 if quick else STEPS)
    keep(out / "templates.png", lambda: draw_templates(train, reader))
    toy = [toy_pictures(split, n) for split, n in (("train", 100 if quick else 1500), ("val", 50 if quick else 500))]
    reader, of_toy = learn("4. The toy set", *toy, TOY_LR, 40 if quick else STEPS)
    keep(out / "toy.png", lambda: draw_toy(toy[0], reader))
    return numbers | more | {f"toy_{name}": number for name, number in of_toy.items()}


def keep(path, draw):
    """A figure in its file, where one can be drawn."""
    if content := picture(path.name, draw):
        write_whole(path, content)


# -- images: x (N, pixels), and their classes (N,) -----------------------------------------------------


def digits(rng, count):
    """Digits of 10 x 14 pixels at changing places, in noise."""
    rows = [line.split() for line in DIGITS.split("\n") if line]
    shapes = np.array([[[int(dot) for dot in row[digit]] for row in rows] for digit in range(CLASSES)], np.float32)
    large = np.pad(shapes.repeat(2, axis=1).repeat(2, axis=2), ((0, 0), (2, 2), (4, 4)))
    labels = rng.integers(CLASSES, size=count)
    moves = rng.integers(-SHIFT, SHIFT + 1, (count, 2))
    images = np.stack([np.roll(large[t], move, (0, 1)) for t, move in zip(labels, moves, strict=True)])
    images = images - large.mean() + rng.normal(0, NOISE, images.shape)
    return images.reshape(count, -1).astype(np.float32), labels


def toy_pictures(split, count):
    """The toy set's pictures, made small, from -1 to 1."""
    pictures = data.ToyDataset(split, count, count)
    view = data.Compose([data.ResizeShorterSide(TOY_SIZE), data.CenterCrop(TOY_SIZE)])
    still = np.random.default_rng(0)  # these two draw nothing
    images = [view(pictures.image(i), still) for i in progress(range(count), count, f"toy pictures, {split}")]
    return np.stack(images).reshape(count, -1).astype(np.float32) / 127.5 - 1, pictures.labels[:count]


# -- the classifier ------------------------------------------------------------------------------------


def classifier(inputs, std=0.0, rng=None):
    """W (classes, inputs) and b (classes,)."""
    W = np.zeros((CLASSES, inputs)) if rng is None else rng.normal(0, std, (CLASSES, inputs))
    return [Tensor(a.astype(np.float32), requires_grad=True) for a in (W, np.zeros(CLASSES))]


def loss_of(x, labels, layer):
    return cross_entropy(linear(Tensor(x), *layer), labels)


def error(x, labels, layer):
    """How many images in a hundred are taken for another class."""
    with no_grad():
        return float(100 * (linear(Tensor(x), *layer).data.argmax(axis=1) != labels).mean())


def at_the_start(rng, images):
    """The loss of weights that know nothing: zeros, and random ones."""
    x, labels = images
    say(f"1. Before anything is learned: {CLASSES} classes, ln {CLASSES} = {np.log(CLASSES):.4f}")
    losses = {0.0: loss_of(x, labels, classifier(x.shape[1])).item()}
    for std in (0.01, 0.1, 1.0):
        losses[std] = loss_of(x, labels, classifier(x.shape[1], std, rng)).item()
    for std, loss in losses.items():
        say(f"   weights of deviation {std:<5}  loss {loss:8.4f}")
    return {"loss_of_zeros": losses[0.0], "loss_of_large_weights": losses[1.0]}


def rates(images, sizes):
    """The largest learning rate, a power of 2, with which the loss falls in every one of the first steps."""
    say("\n2. The largest learning rate with which the loss falls from step to step")
    say("   images     mean        sum")
    numbers = {}
    for name, n in sizes.items():
        x, labels = (array[:n] for array in images)
        found = {kind: largest_rate(x, labels, n if kind == "sum" else 1) for kind in ("mean", "sum")}
        say(f"   {n:6} {found['mean']:8.4f}  {found['sum']:9.6f}")
        numbers |= {f"rate_of_{kind}, {name}": rate for kind, rate in found.items()}
    return numbers


def largest_rate(x, labels, times):
    """Of the loss multiplied by `times`: that of N images by N is the sum."""
    rate = 8.0
    while True:
        layer = classifier(x.shape[1])
        losses = descend(lambda layer=layer: loss_of(x, labels, layer) * times, layer, rate, TRIED)
        if np.all(np.diff(losses) < 0):
            return rate
        rate /= 2
        if rate < 1e-9:
            return 0.0  # no rate makes this loss fall


def learn(title, train, test, lr, steps):
    """W and b, trained on all the images at once, and the numbers."""
    say(f"\n{title}: {len(train[0])} images of {train[0].shape[1]} numbers, eps = {lr}")
    say("   step     loss    error     error on others")
    layer, done = classifier(train[0].shape[1]), 0
    while True:
        loss, errors = loss_of(*train, layer).item(), [error(*images, layer) for images in (train, test)]
        say(f"   {done:4}   {loss:6.4f}   {errors[0]:5.1f}%   {errors[1]:5.1f}%")
        if done >= steps:
            return layer, {"loss_last": loss, "error_train": errors[0], "error_test": errors[1]}
        descend(lambda: loss_of(*train, layer), layer, lr, AT_ONCE)
        done += AT_ONCE


# -- pictures ------------------------------------------------------------------------------------------


def draw_templates(images, layer):
    """For each digit: one image, the mean of all, and the row of W."""
    x, labels = images
    rows = {
        "an image": [x[labels == t][0] for t in range(CLASSES)],
        "the mean": [x[labels == t].mean(axis=0) for t in range(CLASSES)],
        "its template": list(layer[0].data),
    }
    figure, panels = style.panels("What the linear layer has learned: red counts for the digit, blue against it",
                                  len(rows), CLASSES, height=1.3)  # fmt: skip
    figure.set_size_inches(11, 4)
    for i, (name, pictures) in enumerate(rows.items()):
        for t, shown in enumerate(pictures):
            panel, most = panels[CLASSES * i + t], np.abs(pictures).max()
            panel.imshow(shown.reshape(SIZE, SIZE), cmap="RdBu_r", vmin=-most, vmax=most)
            panel.set(xticks=[], yticks=[], ylabel=name if t == 0 else "", title=str(t) if i == 0 else "")
            panel.grid(False)
    return figure


def draw_toy(images, layer):
    """For each class of the toy set: two of its pictures and its template, in colour."""
    x, labels = images
    W = layer[0].data
    figure, panels = style.panels("The toy set: two pictures of each class, and its template", 3, CLASSES, height=1.3)
    figure.set_size_inches(11, 4)
    for t in range(CLASSES):
        for i, shown in enumerate([*(x[labels == t][:2] + 1) / 2, 0.5 + W[t] / (2 * np.abs(W).max())]):
            panel = panels[CLASSES * i + t]
            panel.imshow(np.clip(shown, 0, 1).reshape(TOY_SIZE, TOY_SIZE, 3))
            panel.set(xticks=[], yticks=[])
            panel.set_title(data.ToyDataset().class_names[t].replace(" ", "\n") if i == 0 else "", fontsize=7)
            panel.grid(False)
    return figure
