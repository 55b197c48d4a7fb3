"""Train lab14 on an ImageNet subset with a loop of one's own, in place of `minidelve train`.

    python examples/train_imagenet_subset.py tiny-imagenet-20.zip            20 epochs, about half an hour
    python examples/train_imagenet_subset.py tiny-imagenet-20.zip 1 5        1 epoch of 5 batches: does it run?

PATH is a folder or a .zip in the layout of Tiny-ImageNet or ImageNet, with images of at least 56 pixels.
"""

import sys
from itertools import islice

import numpy as np

from minidelve import Tensor, cross_entropy, data, models, optim
from minidelve.training.validation import evaluate

SIZE, BATCH = 56, 64


def main(path: str, epochs: int = 20, batches_per_epoch: int | None = None) -> None:
    train_set, val_set = data.open_dataset(path, "train"), data.open_dataset(path, "val")
    print(train_set.describe())

    # The paper's recipe: the mean image subtracted, a random crop and flip to train on, the centre to test.
    centre = data.Compose([data.ShrinkShorterSide(64), data.CenterCrop(SIZE)])
    random = data.Compose([data.ShrinkShorterSide(64), data.RandomCrop(SIZE), data.RandomFlip()])
    statistics = data.compute_statistics(train_set, centre, max_images=2000)
    train_batches = data.Loader(train_set, BATCH, random, statistics, shuffle=True, seed=0)
    val_batches = data.Loader(val_set, BATCH, centre, statistics, shuffle=False, seed=0)

    net = models.create("lab14", len(train_set.classes), activation="prelu", init="he", seed=0)
    sgd = optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    schedule = optim.MultiStepLR(sgd, milestones=[round(0.6 * epochs), round(0.85 * epochs)] if epochs > 4 else [])

    for epoch in range(1, epochs + 1):
        losses = []
        for images, labels in islice(train_batches.epoch(epoch), batches_per_epoch):
            loss = cross_entropy(net(Tensor(images)), labels)
            sgd.zero_grad()
            loss.backward()
            sgd.step()
            losses.append(loss.item())
        errors = evaluate(net, islice(val_batches.epoch(0), batches_per_epoch))
        print(f"epoch {epoch:>2}  lr {sgd.lr:.0e}  loss {np.mean(losses):.3f}  "
              f"top-1 error {errors.top1:.1f}%  top-5 error {errors.top5:.1f}%", flush=True)  # fmt: skip
        schedule.step()

    # What the slopes became: the paper's Table 1 finds large ones in conv1, smaller ones deeper down.
    for name, layer in net.named_modules():
        if name.endswith("_act"):
            print(f"{name:<12} mean slope {layer.a.data.mean():.5f}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1], *map(int, sys.argv[2:4]))
