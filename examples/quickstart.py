"""A small PReLU network learns the toy pictures: python examples/quickstart.py"""

import numpy as np

from minidelve import Tensor, cross_entropy, data, nn, optim
from minidelve.training.validation import evaluate

train_set, val_set = data.ToyDataset("train", train_size=2000), data.ToyDataset("val", val_size=300)
view = data.Compose([data.ResizeShorterSide(32), data.CenterCrop(32)])
statistics = data.compute_statistics(train_set, view)
batches = data.Loader(train_set, 50, view, statistics, shuffle=True, seed=0)

net = nn.Sequential(
    nn.Conv2d(3, 16, kernel_size=5, stride=2, padding=2),  # (N, 3, 32, 32) -> (N, 16, 16, 16)
    nn.PReLU(16),  # a learned slope per channel
    nn.Conv2d(16, 32, kernel_size=3, padding=1),
    nn.PReLU(32),
    nn.MaxPool2d(2),  # -> (N, 32, 8, 8)
    nn.Conv2d(32, 64, kernel_size=3, padding=1),
    nn.PReLU(64),
    nn.SpatialPyramidPool2d([2, 1]),  # -> (N, 64 * 5), whatever the picture's size
    nn.Linear(64 * 5, len(train_set.classes)),
)
sgd = optim.SGD(net.parameters(), lr=0.003, momentum=0.9, weight_decay=5e-4)

for epoch in range(1, 6):
    losses = []
    for images, labels in batches.epoch(epoch):
        loss = cross_entropy(net(Tensor(images)), labels)
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        losses.append(loss.item())
    print(f"epoch {epoch}  loss {np.mean(losses):.3f}")

errors = evaluate(net, data.Loader(val_set, 50, view, statistics, shuffle=False, seed=0).epoch(0))
print(f"top-1 error on new pictures: {errors.top1:.0f}% (guessing: 90%)")
