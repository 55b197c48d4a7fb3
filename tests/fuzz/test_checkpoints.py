"""A checkpoint, damaged anywhere: loaded and used as it was written, or refused by one line."""

import io
from dataclasses import asdict

import numpy as np
import pytest

from minidelve import data, models, optim
from minidelve.evaluation.predict import describe, predict
from minidelve.evaluation.runs import evaluate_runs
from minidelve.training import checkpoint
from minidelve.training.config import Config
from minidelve.training.state import Run
from minidelve.training.views import views
from tests.fuzz.frame import Reader
from tests.fuzz.mutations import bytes_of, json_of, members_of

ROW = {"epoch": 1, "lr": 0.01, "train_loss": 1.5, "train_top1_error": 50.0, "val_top1_error": 50.0,
       "val_top5_error": 0.0, "seconds": 1.0, "images_per_second": 48.0, "within": [[1.0, 1.5, 50.0]]}  # fmt: skip


def make_run(state=None):
    config = Config(model="lab14", width=0.02, fc=3, levels=[1], size=24, epochs=3)
    network = models.from_config(asdict(config), 3)
    optimizer = optim.SGD(network.parameters(), config.lr)
    statistics = data.Statistics(np.zeros((24, 24, 3), np.float32), 60.0, np.eye(3))
    return Run(config, network, optimizer, optim.MultiStepLR(optimizer, [2]), statistics, list("abc"), list("ABC"),
               [dict(ROW)], {"a.png": "broken"})  # fmt: skip


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "last.npz"
    checkpoint.save(path, make_run().to_checkpoint())
    return path


def used(file):
    """What evaluating and resuming find in the file."""
    meta = checkpoint.load_meta(file)
    saved = checkpoint.load(file)
    checkpoint.trained_network(saved, file)
    run = make_run()
    run.restore(saved, file)
    arrays = [*saved.parameters.values(), *saved.steps, saved.statistics.mean]
    return meta, run.result(), [array.tobytes() for array in arrays]


class Pictures(data.Dataset):
    """Two noisy images, of two of the run's three classes."""

    def __init__(self):
        classes, names = list("abc"), list("ABC")
        super().__init__(
            name="two", kind="memory", split="val", classes=classes, class_names=names, labels=np.arange(2)
        )

    def path(self, i):
        return f"memory!{i}"

    def _load(self, i):
        return np.random.default_rng(i).integers(0, 256, (30, 32, 3), dtype=np.uint8)


def evaluated(file, pictures):
    """What `minidelve evaluate` and `minidelve predict` do with the file."""
    found = evaluate_runs([file], dataset=pictures)
    saved = checkpoint.load(file, optimizer=False)
    network = checkpoint.trained_network(saved, file)
    view = views(len(saved.mean), saved.meta["config"].get("short_side"))[1]
    images = [(pictures.path(i), pictures.image(i)) for i in range(2)]
    guesses = predict(network, images, saved.statistics, view, saved.meta["class_names"])
    return [row.tally.errors() for row in found.rows], [describe(guess) for guess in guesses]


def test_a_strange_checkpoint_evaluated(fuzz, file):
    pictures = Pictures()
    fuzz(Reader("evaluated", [file], lambda: evaluated(file, pictures), [members_of(meta_of), members_of()]))


def test_a_damaged_checkpoint(fuzz, file):
    fuzz(Reader("damaged checkpoint", [file], lambda: used(file), checked=True))


def meta_of(rng, content):
    """The JSON inside meta.npy changed; its length follows."""
    try:
        text = str(np.load(io.BytesIO(content)))
        json_text = json_of(rng, text.encode()).decode()
    except ValueError:
        return bytes_of(rng, content)
    written = io.BytesIO()
    np.save(written, np.array(json_text))
    return written.getvalue()


def test_a_strange_checkpoint(fuzz, file):
    fuzz(Reader("strange checkpoint", [file], lambda: used(file), [members_of(), members_of(meta_of)]))
