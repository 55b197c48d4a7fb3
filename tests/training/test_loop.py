"""The training loop through its Python API: pinned losses, what an epoch draws, real images."""

import time
from dataclasses import asdict

import numpy as np
import pytest

from minidelve import data, optim
from minidelve.errors import Diverged, RunError
from minidelve.models import create
from minidelve.training import loop as training
from minidelve.training.config import Config, default_milestones
from minidelve.training.loop import train_epoch, train_step, update
from minidelve.training.setting_up import prepare
from minidelve.training.views import loaders, views


class Pictures(data.Dataset):
    """Images that are in memory already; `labels` say which of `count` classes."""

    def __init__(self, images, labels, count: int, split: str = "train"):
        names = [f"class {k}" for k in range(count)]
        super().__init__(name="pictures", kind="memory", split=split, classes=names, class_names=names, labels=labels)
        self.images = images

    def path(self, i: int) -> str:
        return f"memory!{i}"

    def _load(self, i: int) -> np.ndarray:
        return self.images[i].copy()


def noisy_colours(count: int, seed: int) -> Pictures:
    rng = np.random.default_rng(seed)
    colours, labels = rng.integers(60, 200, (4, 3)), np.arange(count) % 4
    pixels = rng.normal(colours[labels][:, None, None], 50, (count, 32, 32, 3))
    return Pictures(pixels.clip(0, 255).astype(np.uint8), labels, 4)


def started(config: Config, train_set: data.Dataset, val_set: data.Dataset):
    """A Run and its two loaders."""
    network = create(config.model, len(train_set.classes), config.activation, config.init, config.seed)
    run = prepare(config, network, train_set, None, None)
    return run, *loaders(config, train_set, val_set, run.statistics)


# Any change of these numbers is a change of what a seed means, or a bug. BLAS libraries sum in
# different orders, hence not bit for bit.
TEN_LOSSES = [2.51294, 3.182347, 1.641785, 1.3156, 1.552147, 2.083622, 1.11236, 1.412058, 1.9708, 2.00545]


def test_ten_pinned_losses():
    pictures = noisy_colours(80, seed=7)
    run, batches, _ = started(Config(size=28, batch_size=8, seed=3, lr=0.001), pictures, pictures)
    losses = [train_step(run, x, targets, "")[0] for x, targets in batches.epoch(1)]
    np.testing.assert_allclose(losses, TEN_LOSSES, rtol=1e-4)


def test_an_epoch_does_not_depend_on_the_epochs_before():
    """What a resumed run relies on: crops, order and dropout of epoch 2 are the same without epoch 1."""
    pictures = noisy_colours(40, seed=7)
    config = Config(size=28, batch_size=8, lr=1e-30, momentum=0.0)  # a rate at which nothing changes
    rows = []
    for skipped in ([], [{"val_top1_error": 0.0}]):
        run, *both = started(config, pictures, pictures)
        run.history = skipped
        rows.append([train_epoch(run, *both)["train_loss"]])
        if not skipped:
            run.history.append({})
            rows[-1].append(train_epoch(run, *both)["train_loss"])
    assert rows[1][0] == rows[0][1] != rows[0][0]


@pytest.mark.parametrize("change", ["seed", "epoch"])
def test_seed_and_epoch_decide_on_order_crops_and_dropout(monkeypatch, change):
    drawn = []
    for seed, done in ((0, 0), (1, 0)) if change == "seed" else ((0, 0), (0, 1)):
        pictures, seen = noisy_colours(40, seed=7), []

        def record(run, x, targets, where, seen=seen):
            seen.append((targets.tolist(), float(abs(x).sum())))
            return 1.0, 0

        run, *both = started(Config(size=28, batch_size=8, seed=seed), pictures, pictures)
        run.history = [{}] * done
        monkeypatch.setattr(training, "train_step", record)
        train_epoch(run, *both)
        targets, pixels = zip(*seen, strict=True)
        drawn.append((targets, sorted(pixels), run.network.fc1_drop.rng.random(), run.network.fc2_drop.rng.random()))
    for one, other in zip(*drawn, strict=True):
        assert one != other
    assert drawn[0][2] != drawn[0][3]  # every layer draws for itself


def test_training_sees_random_views_and_validation_the_centre(rng):
    image = rng.integers(0, 256, (64, 80, 3), dtype=np.uint8)
    random_view, centre = views(56)
    np.testing.assert_array_equal(centre(image, rng), image[4:60, 12:68])
    seen = [random_view(image, rng) for _ in range(40)]
    assert len({view.tobytes() for view in seen}) > 30
    small = rng.integers(0, 256, (58, 58, 3), dtype=np.uint8)
    np.testing.assert_array_equal(centre(small, rng), small[1:57, 1:57])  # never enlarged
    assert centre(rng.integers(0, 256, (500, 375, 3), dtype=np.uint8), rng).shape == (56, 56, 3)


def test_milestones_by_default_and_ones_that_never_come():
    assert default_milestones(20) == [12, 17] and Config(epochs=1).milestones == []
    assert Config(plateau=True).milestones == []
    with pytest.raises(RunError, match="after epoch 17 there is none of --epochs 10"):
        Config(epochs=10, milestones=[12, 17])


def test_milestones_and_a_plateau_exclude_each_other():
    with pytest.raises(RunError, match="^plateau and milestones exclude each other; keep one of them$"):
        Config(plateau=True, milestones=[5])
    for good in (Config(plateau=True, milestones=[]), Config(milestones=[5])):  # what is shown or saved can be read
        assert Config(**asdict(good)) == good


def test_images_per_second_are_those_of_training_alone(monkeypatch):
    def slow(*arguments):
        time.sleep(0.3)
        return validate(*arguments)

    validate = training.evaluate
    monkeypatch.setattr(training, "evaluate", slow)
    pictures = noisy_colours(16, seed=7)
    row = train_epoch(*started(Config(size=28, batch_size=8), pictures, pictures))
    assert len(pictures) / row["images_per_second"] < row["seconds"] - 0.3


def test_slopes_move_and_decay_only_where_it_should():
    pictures = noisy_colours(16, seed=7)
    run, batches, _ = started(Config(size=28, batch_size=8), pictures, pictures)
    for x, targets in batches.epoch(1):
        train_step(run, x, targets, "")
    slopes = run.network.conv1_act.a
    assert not slopes.weight_decay and run.network.conv1.weight.weight_decay
    assert np.ptp(slopes.data) > 0


@pytest.mark.parametrize(("activation", "count"), [("prelu", 32 + 4 * 64 + 6 * 128 + 2 * 512), ("prelu-shared", 13)])
def test_slopes_decay_like_weights_if_asked_to(activation, count):
    """After one step, with the same gradients, the slopes differ by eps decay a (4), a = 0.25."""
    pictures, slopes, others = noisy_colours(8, seed=7), [], []
    for decay_slopes in (False, True):
        options = {"decay_slopes": decay_slopes, "activation": activation}
        config = Config(size=28, batch_size=8, lr=0.01, weight_decay=0.5, **options)
        run, batches, _ = started(config, pictures, pictures)
        ((x, targets),) = batches.epoch(1)
        train_step(run, x, targets, "")
        parameters = run.network.state_dict()
        slopes.append(np.concatenate([a for name, a in parameters.items() if name.endswith("_act.a")]))
        others.append(np.concatenate([w.ravel() for name, w in parameters.items() if not name.endswith("_act.a")]))
    assert len(slopes[0]) == count
    np.testing.assert_allclose(slopes[0] - slopes[1], 0.01 * 0.5 * 0.25, rtol=1e-3)
    np.testing.assert_array_equal(*others)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_is_an_error_and_moves_nothing(value):
    pictures = noisy_colours(8, seed=7)
    run, batches, _ = started(Config(size=28, batch_size=8), pictures, pictures)
    ((x, targets),) = batches.epoch(1)
    x[3, 1, 20, 20] = value
    before = run.network.state_dict()
    said = r"the loss became \w+ in epoch 4, step 2; first layer .* is not finite: conv1 \(Conv2d\); .* --lr than 0.01$"
    with pytest.raises(Diverged, match=said):
        train_step(run, x, targets, "epoch 4, step 2")
    for name, array in run.network.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_gradients_that_are_not_finite_without_a_scale_are_that_error_too():
    pictures = noisy_colours(8, seed=7)
    run, *_ = started(Config(size=28, batch_size=8), pictures, pictures)
    run.loss_scale = optim.LossScale(1.0)
    run.network.fc3.bias.grad = np.full(4, np.nan, np.float32)
    with pytest.raises(Diverged, match="in step 7; try a smaller --lr than 0.01") as caught:
        update(run, "step 7")
    assert isinstance(caught.value, RunError)  # which the command line prints as one line


def test_the_row_of_an_epoch_has_its_course_within():
    """32 images in batches of 8 are four steps, and as many points."""
    pictures = noisy_colours(32, seed=7)
    row = train_epoch(*started(Config(size=28, batch_size=8), pictures, pictures))
    shares, losses, errors = zip(*row["within"], strict=True)
    assert shares == (0.25, 0.5, 0.75, 1.0)
    assert np.mean(losses) == pytest.approx(row["train_loss"]) and np.mean(errors) == row["train_top1_error"]


class SomeClasses(data.Dataset):
    """The first `count` images of each of some classes of another data set."""

    def __init__(self, whole: data.Dataset, classes: list[str], count: int):
        labels = [whole.classes.index(name) for name in classes]
        self.whole, self.chosen = whole, np.concatenate([np.flatnonzero(whole.labels == k)[:count] for k in labels])
        super().__init__(name=whole.name, kind=whole.kind, split=whole.split, classes=classes, class_names=classes,
                         labels=np.repeat(np.arange(len(classes)), count))  # fmt: skip

    def path(self, i: int) -> str:
        return self.whole.path(self.chosen[i])

    def _load(self, i: int) -> np.ndarray:
        return self.whole.image(self.chosen[i]).copy()


def test_a_short_run_on_real_images_learns(test_data):
    """500 photographs of goldfish, CD player, school bus, lemon and seashore; guessing errs in 80%."""
    path = test_data / "tiny-imagenet-20.zip"
    classes = ["n01443537", "n02988304", "n04146614", "n07749582", "n09428293"]
    train_set, val_set = (
        SomeClasses(data.open_dataset(path, split), classes, count) for split, count in (("train", 100), ("val", 50))
    )
    run, *both = started(Config(batch_size=20, lr=0.003), train_set, val_set)
    for _ in range(3):
        run.history.append(train_epoch(run, *both))
    assert run.history[-1]["train_top1_error"] < 65 and run.history[-1]["val_top1_error"] < 50


def test_a_single_class_is_trained_and_drawn_without_a_warning(tmp_path, recwarn):
    """Its loss is 0 from the start."""
    images = np.random.default_rng(0).integers(0, 256, (8, 24, 24, 3), dtype=np.uint8)
    sets = Pictures(images, np.zeros(8, int), 1), Pictures(images, np.zeros(8, int), 1, "val")
    config = Config(width=0.1, fc=8, levels=[1], size=24, epochs=1, batch_size=4)
    result = training.train(config, tmp_path / "run", data_sets=sets, say=lambda line: None)
    assert result["final"]["train_loss"] == 0 and (tmp_path / "run" / "curves.png").exists()
    assert [str(w.message) for w in recwarn if "matplotlib" in w.filename or "lim" in str(w.message)] == []
