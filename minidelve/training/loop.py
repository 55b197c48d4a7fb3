"""Training: the paper's recipe (section 3) around one loop.

    for each epoch:
        for each batch:  forward -> cross entropy -> backward -> momentum step
        errors on the validation set, centre crops
        learning rate divided by 10 at milestones, or when the error plateaus
        checkpoint

What an epoch draws (order, scales, crops, flips, colours, dropout) depends on (seed, epoch) alone.  A run that is
stopped and resumed therefore ends with the same numbers as one that never stopped.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from minidelve import data, models, nn, optim
from minidelve.analysis.diagnosis import first_nonfinite_layer
from minidelve.analysis.summary import summarize
from minidelve.backend import cuda_state, to_device
from minidelve.backend.memory import LESS, explain_out_of_memory
from minidelve.backend.precision import using_precision
from minidelve.backend.streams import read_later, synchronize, upload_ahead
from minidelve.errors import Diverged, RunError
from minidelve.progress import progress
from minidelve.tensor import Tensor
from minidelve.training import checkpoint, curves
from minidelve.training.checkpoint import Checkpoint
from minidelve.training.config import Config, title, versions
from minidelve.training.report import describe, epoch_line
from minidelve.training.run import Run
from minidelve.training.run_folder import RunFolder, find_checkpoint
from minidelve.training.step_log import StepLog
from minidelve.training.validation import evaluate
from minidelve.training.warm_start import warm_start

# The mean image is taken over so many training images at most, spread evenly.  All of ImageNet would take half an
# hour to read before the first step; over 2,500 images a pixel's mean is right to 1 or 2 of 255 levels.
STATISTICS_IMAGES = 2_500


def train(
    config: Config,
    out: Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
    data_sets: tuple[data.Dataset, data.Dataset] | None = None,
) -> dict[str, Any]:
    """Train as `config` says, filling the run folder `out`; returns what result.json holds.

    say         receives one line at the start, per epoch and at the end
    data_sets   config.data's training and validation set where they are open already: their decoded images
                are used again

    Raises RunError (or data.DataError) with one line for anything the user can mend, a loss that stops
    being finite included; the folder then still holds the last finished epoch.
    """
    with RunFolder(out, resume=resume, overwrite=overwrite) as folder:
        return _train(config, folder, resume, say, data_sets)


def _train(
    config: Config,
    folder: RunFolder,
    resume: bool,
    say: Callable[[str], None],
    data_sets: tuple[data.Dataset, data.Dataset] | None,
) -> dict[str, Any]:
    """`train` in a folder of its own."""
    out = folder.path
    check_device(config.device)
    saved = checkpoint.load(folder.last) if resume else None
    if config.warm_start and not saved and find_checkpoint(Path(config.warm_start)).resolve().parent == out.resolve():
        raise RunError(f"--warm-start {config.warm_start} is the run that --out would replace; name another folder")
    train_set, val_set = data_sets or (data.open_dataset(config.data, split) for split in ("train", "val"))
    network = create_network(config, len(train_set.classes))
    check_fits(network, config)
    say(describe(config, network, train_set, val_set, len(saved.meta["history"]) if saved else 0))
    for note in notes(config, train_set):
        say(note)
    if config.warm_start and not saved:  # a checkpoint holds every weight already
        say(warm_start(network, config.warm_start, train_set.classes))
    with within_device_memory(less="a smaller network (--width, --fc)"):
        run = prepare(config, network, train_set, saved, folder.last)
    train_loader, val_loader = loaders(config, train_set, val_set, run.statistics)
    if saved:
        folder.complete(run.history, run.best() is run.history[-1])  # in case the run was stopped while writing

    started, epochs_here = time.monotonic(), 0
    try:
        while run.epoch < config.epochs:
            with within_device_memory(config.batch_size), using_precision(config.precision):
                row = train_epoch(run, train_loader, val_loader)
            run.schedule.step(row["val_top1_error"])
            run.history.append(row)
            run.skipped |= train_loader.skipped | val_loader.skipped
            settings = {**asdict(config), "versions": versions()}
            folder.keep(run.to_checkpoint(), settings, run.history, run.best() is row)
            epochs_here += 1
            left = (time.monotonic() - started) / epochs_here * (config.epochs - run.epoch)
            say(epoch_line(row, config.epochs, left))
    except KeyboardInterrupt:
        kept = f"{folder.last} holds the last finished epoch; go on with --resume"
        raise KeyboardInterrupt(kept if folder.filled else "no epoch was finished, nothing was written") from None
    finally:  # a run that was stopped shows its curves as well
        if folder.filled:
            with folder.writing():
                curves.draw_curves(run.history, folder.path / "curves.png", title=title(config))

    result = run.result()
    with folder.writing():
        folder.write_json("result.json", result)
    return result


def notes(config: Config, train_set: data.Dataset) -> Iterator[str]:
    """What the user may want to know before the first epoch."""
    largest = max([config.short_side or 0, *(config.jitter or [])])
    if isinstance(train_set, data.StoreDataset) and train_set.short_side < largest:
        yield (
            f"note: the images of {train_set.name} were packed with a shorter side of {train_set.short_side}; "
            f"for scales up to {largest} they are enlarged, which blurs; --short-side {largest} when packing avoids it"
        )


def check_device(device: str) -> None:
    """RunError when CUDA is asked for and cannot be used."""
    usable, why = cuda_state() if device == "cuda" else (True, "")
    if not usable:
        raise RunError(f"--device cuda: {why}; use --device cpu, or see `minidelve doctor`")


@contextmanager
def within_device_memory(batch_size: int | None = None, less: str = LESS) -> Iterator[None]:
    """RunError with figures when the device's memory is full; `less` is what may be changed to need less of it."""
    try:
        yield
    except Exception as error:
        line = explain_out_of_memory(error, batch_size, less)
        if line is None:
            raise
        raise RunError(line) from error


def create_network(config: Config, classes: int, init: str | None = None) -> models.Network:
    """The network that the options describe, `init` in place of theirs; RunError if they exclude each other."""
    try:
        return models.from_config(asdict(config), classes, init)
    except ValueError as error:
        raise RunError(f"--model {config.model}: {error}") from error


def check_fits(network: models.Network, config: Config) -> None:
    """Say before the first epoch that a --size is too small for the network."""
    try:
        summarize(network, config.size)
    except ValueError as error:
        where = f"--size {config.size} is too small for {config.model}"
        raise RunError(f"{where} ({error}); choose a larger one") from error


def prepare(
    config: Config, network: models.Network, train_set: data.Dataset, saved: Checkpoint | None, path: Path
) -> Run:
    """Optimizer, schedule and statistics for the network; with a checkpoint (from `path`) as it was left."""
    if saved and saved.meta["classes"] != train_set.classes:
        raise RunError(f"--resume: {config.data} has other classes than the run was trained on; give its data set")
    if saved:
        statistics = saved.statistics
    else:
        view = views(config.size, config.short_side)[1]
        statistics = data.compute_statistics(train_set, view, STATISTICS_IMAGES, on_bad_image=config.on_bad_image)
        if config.normalize == "mean":
            statistics = replace(statistics, std=1.0)
    network.to(config.device)
    if config.decay_slopes:
        for layer in network.modules():
            if isinstance(layer, nn.PReLU):
                layer.a.weight_decay = True
    optimizer = optim.SGD(network.parameters(), config.lr, config.momentum, config.weight_decay)
    schedule: optim.MultiStepLR | optim.ReduceLROnPlateau
    if config.plateau:
        schedule = optim.ReduceLROnPlateau(optimizer)
    else:
        schedule = optim.MultiStepLR(optimizer, config.milestones or [])
    run = Run(config, network, optimizer, schedule, statistics, train_set.classes, train_set.class_names)
    run.loss_scale = optim.LossScale() if config.precision == "mixed" else None
    if saved:
        run.restore(saved, path)
    return run


def views(
    size: int, short_side: int | None = None, jitter: Sequence[int] | None = None
) -> tuple[data.Transform, data.Transform]:
    """(training view, testing view) of an image: a random crop and flip, or the centre crop.

    Images are first brought to the shorter side, which for training is drawn at random with `jitter`.
    Without either, larger images are shrunk to 8/7 of the crop, the paper's 256 to 224, and smaller
    ones stay.
    """
    scale = testing_scale(size, short_side)
    crop: data.Transform = data.Compose([scale, data.RandomCrop(size)])
    if jitter:
        crop = data.ScaleJitter(jitter[0], jitter[1], size)
    return data.Compose([crop, data.RandomFlip()]), data.Compose([scale, data.CenterCrop(size)])


def testing_scale(size: int, short_side: int | None = None) -> data.Transform:
    """What brings an image to the shorter side at which a run tests."""
    return data.ResizeShorterSide(short_side) if short_side else data.ShrinkShorterSide(round(size * 256 / 224))


def loaders(
    config: Config, train_set: data.Dataset, val_set: data.Dataset, statistics: data.Statistics
) -> tuple[data.Loader, data.Loader]:
    """The training loader (shuffled, random views and colours) and the validation loader."""
    training, testing = views(config.size, config.short_side, config.jitter)
    colour = data.ColourAlteration(statistics.covariance, config.colour) if config.colour else None
    common: dict[str, Any] = {"seed": config.seed, "workers": config.workers, "on_bad_image": config.on_bad_image}
    return (
        data.Loader(train_set, config.batch_size, training, statistics, shuffle=True, colour=colour, **common),
        data.Loader(val_set, min(config.batch_size, len(val_set)), testing, statistics, shuffle=False, **common),
    )


def train_epoch(run: Run, train_loader: data.Loader, val_loader: data.Loader) -> dict[str, Any]:
    """One pass over the training set and one over the validation set; a line of metrics.csv."""
    config, epoch = run.config, run.epoch + 1
    reseed_dropout(run.network, config.seed, epoch)
    lr, started = run.optimizer.lr, time.perf_counter()
    log = StepLog()
    with closing(upload_ahead(train_loader.epoch(epoch), config.device)) as uploaded:
        batches = progress(uploaded, len(train_loader), f"epoch {epoch}/{config.epochs}")
        for step, (x, targets) in enumerate(batches, 1):
            loss, missed = train_step(run, x, targets, where=f"epoch {epoch}, step {step}")
            log.add(loss, missed, len(targets))
    synchronize(config.device)  # the last step may still be under way
    seconds = time.perf_counter() - started
    errors = evaluate(run.network, val_loader.epoch(0), config.device)
    return {
        "epoch": epoch,
        "lr": lr,
        "train_loss": log.loss,
        "train_top1_error": log.top1_error,
        "val_top1_error": errors.top1,
        "val_top5_error": errors.top5,
        "seconds": time.perf_counter() - started,
        "images_per_second": log.images / seconds,
        "within": log.within(),
    }


def train_step(run: Run, x: Any, targets: np.ndarray, where: str) -> tuple[float, int]:
    """Forward, backward, update on one batch: (loss, how many images were misclassified).

    x   (N, 3, H, W), on the run's device already (device.upload_ahead) or not; the targets stay on the CPU
    """
    batch = Tensor(to_device(x, run.config.device))
    run.optimizer.zero_grad()
    with np.errstate(all="ignore"):  # a diverging run is reported below, by layer, not by NumPy
        loss, logits = run.network.loss(batch, targets)
        # A GPU would stand idle if Python waited for the loss before it launched the backward pass: the copy is
        # started here and looked at when backward is under way, in time to leave the weights as they are.
        loss_is, guesses_are = read_later(loss.data), read_later(logits.data.argmax(axis=1))
        loss.backward(run.loss_scale.gradient(loss) if run.loss_scale else None)
        value = float(loss_is())
        if not math.isfinite(value):
            raise Diverged(
                f"the loss became {value} in {where}; first layer whose output is not finite: "
                f"{first_nonfinite_layer(run.network, batch)}; try a smaller --lr than {run.optimizer.lr:g}"
            )
        update(run, where)
    return value, int((guesses_are() != targets).sum())


def update(run: Run, where: str) -> None:
    """The momentum step; in mixed precision only if the scaled gradients were finite (optim/loss_scale.py)."""
    try:
        if run.loss_scale is None or run.loss_scale.unscale(run.network.parameters()):
            run.optimizer.step()
    except FloatingPointError as error:
        line = f"{error}, in {where}; try a smaller --lr than {run.optimizer.lr:g}, or --precision fp32"
        raise Diverged(line) from error


def reseed_dropout(network: nn.Module, seed: int, epoch: int) -> None:
    """Give every dropout layer a generator of this epoch, so that a resumed run draws alike."""
    for i, module in enumerate(network.modules()):
        if isinstance(module, nn.Dropout):
            module.rng = np.random.default_rng([seed, epoch, i])
