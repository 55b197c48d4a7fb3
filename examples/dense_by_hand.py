"""Dense testing twice: as minidelve does it, and window by window as its definition says; how far apart, how fast?

    python examples/untrained_run.py model_a ilsvrc-100.zip runs/random_a
    python examples/dense_by_hand.py runs/random_a ilsvrc-100.zip 256 2

RUN is a trained or untrained run, PATH a data set, then the shorter side of the images and how many of them (2).
By hand, every window of the last conv map is cut out, pooled by the ordinary pyramid and sent through the fully
connected layers alone; the softmax outputs of the windows of the image and of its mirror image are averaged.
"""

import sys
import time
from pathlib import Path

import numpy as np

import minidelve as md
from minidelve import data
from minidelve.evaluation.dense import DenseScorer
from minidelve.tensor import no_grad
from minidelve.training import checkpoint
from minidelve.training.run_folder import find_checkpoint


def by_hand(network: md.models.Network, maps: np.ndarray, k: int) -> np.ndarray:
    """The mean softmax output over the k x k windows of maps (views, C, H, W)."""
    layers = list(network)
    spp = next(i for i, layer in enumerate(layers) if isinstance(layer, md.nn.SpatialPyramidPool2d))
    H, W = maps.shape[2:]
    scores = []
    for a in range(H - k + 1):
        for b in range(W - k + 1):
            y = md.Tensor(np.ascontiguousarray(maps[:, :, a : a + k, b : b + k]))
            for layer in layers[spp:]:
                y = layer(y)
            scores.append(md.softmax(y, axis=1).data)
    return np.mean(scores, axis=(0, 1))


def main(run: str, path: str, scale: int, count: int) -> None:
    file = find_checkpoint(Path(run))
    saved = checkpoint.load(file, optimizer=False)
    network = checkpoint.trained_network(saved, file)
    dense = DenseScorer(network, saved.statistics, flip=True, batch=64, budget=10**9)
    images = data.open_splits(path)[-1]
    resize, rng = data.ResizeShorterSide(scale), np.random.default_rng(0)
    for i in range(min(count, len(images))):
        image = resize(images.image(i), rng)
        start = time.perf_counter()
        ours = dense([image])[0]
        middle = time.perf_counter()
        with no_grad():
            x = saved.statistics.warped(image.shape[:2]).normalize(np.stack([image, image[:, ::-1]]))
            y = md.Tensor(x.transpose(0, 3, 1, 2))
            for layer in dense.conv:
                y = layer(y)
            conv = time.perf_counter() - middle
            theirs = by_hand(network, y.data, dense.k)
        seconds = time.perf_counter() - middle
        windows = (y.shape[2] - dense.k + 1) * (y.shape[3] - dense.k + 1)
        print(
            f"{images.path(i)}: map {y.shape[2]} x {y.shape[3]}, {windows} windows, mirrored too; largest difference "
            f"{abs(ours - theirs).max():.1e} of scores up to {theirs.max():.3f}; {middle - start:.1f} s, by hand "
            f"{seconds:.1f} s (conv layers {conv:.1f} s of each)"
        )


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) == 5 else 2)
