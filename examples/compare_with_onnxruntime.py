"""An exported run in onnxruntime: are its scores those of `minidelve evaluate`?

    python examples/compare_with_onnxruntime.py RUN DATA [COUNT [BY_SIZE [PYTHON]]]
    python examples/compare_with_onnxruntime.py runs/tiny tiny-imagenet-20.zip
    python examples/compare_with_onnxruntime.py runs/tiny tiny-imagenet-20.zip 400 64 other/bin/python

Needs onnxruntime (pip install onnxruntime 'minidelve[onnx]').

COUNT     so many pictures of the data set (400) go through the graph of centre crops, in batches of 1, 7 and 64, up to
          ten batches of each
BY_SIZE   so many of them (8) go through the dense graph, at five sizes
PYTHON    the Python in which onnxruntime runs (this one); it needs NumPy too and nothing of this project

The largest difference of a probability is printed. Both compute in float32 and add up in other orders, so it is one of
rounding.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from PIL import Image

from minidelve import data
from minidelve.evaluation.crops import CropScorer
from minidelve.evaluation.dense import DenseScorer
from minidelve.evaluation.ten_views import CropViews
from minidelve.interchange.to_onnx.model import onnx_model
from minidelve.training import checkpoint
from minidelve.training.run_folder import find_checkpoint
from minidelve.training.views import views

BATCHES = 1, 7, 64
SIZES = (1, 1), (1.1, 1), (8 / 7, 8 / 7), (1.3, 1.7), (1.7, 1.7)  # of a crop: height and width
BUDGET = 2 * 10**9  # bytes for activations

# What the other Python runs. It reads images and writes their scores, by name of the array and size of the batch.
CHILD = """
import sys, numpy, onnxruntime
graph, arrays, scores, *batches = sys.argv[1:]
session, found = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"]), {}
for name, images in numpy.load(arrays).items():
    for batch in map(int, batches):
        parts = [images[i : i + batch] for i in range(0, min(len(images), 10 * batch), batch)]
        found[f"{name}, batch {batch}"] = numpy.concatenate([session.run(None, {"rgb_images": x})[0] for x in parts])
numpy.savez(scores, **found)
print(onnxruntime.__version__)
"""


def main(run: Path, path: str, count: int = 400, by_size: int = 8, python: str = sys.executable) -> None:
    place = find_checkpoint(run)
    saved = checkpoint.load(place, optimizer=False)
    network, statistics = checkpoint.trained_network(saved, place), saved.statistics
    crop, pictures = len(saved.mean), data.open_splits(path)[-1]
    _, centre_crop = views(crop, saved.meta["config"].get("short_side"))
    rng = np.random.default_rng(0)
    spread_evenly = np.linspace(0, len(pictures) - 1, min(count, len(pictures))).astype(int)
    chosen = [pictures.image(i) for i in spread_evenly]

    crops = np.stack([centre_crop(image, rng) for image in chosen])
    by_crop = CropScorer(network, statistics, CropViews(crop, ten=False, flip=False), 64, BUDGET)
    compare(onnx_model(network, statistics, saved.meta), {f"crops of {crop}": crops}, by_crop, BATCHES, python)

    resized = {}
    for height, width in ((round(h * crop), round(w * crop)) for h, w in SIZES):
        images = [np.asarray(Image.fromarray(image).resize((width, height))) for image in chosen[:by_size]]
        resized[f"dense at {height} x {width}"] = np.stack(images)
    by_window = DenseScorer(network, statistics, flip=False, batch=64, budget=BUDGET)
    compare(onnx_model(network, statistics, saved.meta, dense=True), resized, by_window, [4], python)


def compare(model, arrays, scorer, batches, python: str) -> None:
    """Check the graph, run it there and here, and print the largest difference for each array and batch size.

    arrays   by name, uint8 (N, height, width, 3)
    scorer   of this project: a list of images -> (N, classes)
    """
    onnx.checker.check_model(model, full_check=True)
    with tempfile.TemporaryDirectory() as folder:
        graph, images, scores = (f"{folder}/{name}" for name in ("graph.onnx", "images.npz", "scores.npz"))
        onnx.save(model, graph)
        np.savez(images, **arrays)
        words = [python, "-c", CHILD, graph, images, scores, *map(str, batches)]
        version = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        with np.load(scores) as found:
            for name, array in arrays.items():
                expected = np.concatenate([scorer(list(array[i : i + 8])) for i in range(0, len(array), 8)])
                for batch in batches:
                    theirs = found[f"{name}, batch {batch}"]
                    worst = np.abs(theirs - expected[: len(theirs)]).max()
                    print(
                        f"onnxruntime {version}, {name}, batch {batch}, {len(theirs)} images: {worst:.1e}", flush=True
                    )


if __name__ == "__main__":
    if not 3 <= len(sys.argv) <= 6:
        sys.exit(__doc__)
    numbers, python = map(int, sys.argv[3:5]), sys.argv[5:]
    main(Path(sys.argv[1]), sys.argv[2], *numbers, *python)
