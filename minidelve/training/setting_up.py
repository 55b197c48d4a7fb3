"""Setting up a run: from options to a network, an optimizer, a schedule and the images' statistics.

What cannot be trained as asked is refused here, before the first epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

from minidelve import data, models, nn, optim
from minidelve.analysis.summary import summarize
from minidelve.errors import RunError
from minidelve.training import checkpoint
from minidelve.training.checkpoint import Checkpoint
from minidelve.training.config import Config
from minidelve.training.device import check_device, within_device_memory
from minidelve.training.report import describe, rates_to_come
from minidelve.training.run_folder import RunFolder, find_checkpoint
from minidelve.training.state import Run
from minidelve.training.views import loaders, views
from minidelve.training.warm_start import warm_start

# The mean image is taken over at most this many training images, spread evenly. Reading all of ImageNet would delay
# the first step, and a pixel's mean over 2,500 images is right to 1 or 2 of 255 levels.
STATISTICS_IMAGES = 2_500
SIZES_LOOKED_AT = 50_000  # of each split: ImageNet's validation images


def set_up(
    config: Config,
    folder: RunFolder,
    data_sets: tuple[data.Dataset, data.Dataset] | None,
    say: Callable[[str], None],
) -> tuple[Run, data.Loader, data.Loader]:
    """The run at its start, or where it was stopped, with its training and validation batches; says what it is.

    Raises RunError (or data.DataError) for what cannot be trained as asked.
    """
    check_device(config.device)
    saved = checkpoint.load(folder.last) if folder.resume else None
    warm = config.warm_start if not saved else None  # a checkpoint holds every weight already
    if warm and find_checkpoint(Path(warm)).resolve().parent == folder.path.resolve():
        raise RunError(f"--warm-start {warm} is the run that --out would replace", cure="name another folder")
    train_set, val_set = data_sets or data.open_for_training(config.data, config.val_fraction, config.seed)
    network = create_network(config, len(train_set.classes))
    check_fits(network, config)
    say(describe(config, network, train_set, val_set, len(saved.meta["history"]) if saved else 0))
    for note in notes(config, train_set, val_set):
        say(note)
    check_sizes(config, train_set, val_set, say)
    done = len(saved.meta["history"]) if saved else 0
    if 0 < done < config.epochs:
        say(f"note: {rates_to_come(config, done)}")
    if warm:
        say(warm_start(network, warm, train_set.classes))
    with within_device_memory(less="a smaller network (--width, --fc)"):
        run = prepare(config, network, train_set, saved, folder.last)
    if saved:
        # in case the run was stopped while writing
        folder.complete(run.to_checkpoint().meta, run.best() is run.history[-1])
    return run, *loaders(config, train_set, val_set, run.statistics)


def prepare(
    config: Config, network: models.Network, train_set: data.Dataset, saved: Checkpoint | None, path: Path
) -> Run:
    """Optimizer, schedule and statistics for the network; with a checkpoint (from `path`) as it was left."""
    if saved and saved.meta["classes"] != train_set.classes:
        found = f"--resume: {config.data} has other classes than the run was trained on"
        raise RunError(found, cure="give its data set")
    statistics = saved.statistics if saved else statistics_of(config, train_set)
    network.to(config.device)
    if config.decay_slopes:
        for layer in network.modules():
            if isinstance(layer, nn.PReLU):
                layer.a.weight_decay = True
    optimizer = optim.SGD(network.parameters(), config.lr, config.momentum, weight_decay=config.weight_decay)
    run = Run(
        config, network, optimizer, schedule_of(config, optimizer), statistics, train_set.classes, train_set.class_names
    )
    run.loss_scale = optim.LossScale() if config.precision == "mixed" else None
    if saved:
        run.restore(saved, path)
        if isinstance(run.schedule, optim.MultiStepLR) and config.milestones != saved.meta["config"]["milestones"]:
            optimizer.lr = run.schedule.rate(run.epoch)  # as if the run had had these from its beginning
    return run


def statistics_of(config: Config, train_set: data.Dataset) -> data.Statistics:
    """What the images are normalised by: their mean image and, unless --normalize is "mean", their deviation."""
    view = views(config.size, config.short_side)[1]
    statistics = data.compute_statistics(train_set, view, STATISTICS_IMAGES, on_bad_image=config.on_bad_image)
    return replace(statistics, std=1.0) if config.normalize == "mean" else statistics


def schedule_of(config: Config, optimizer: optim.SGD) -> optim.MultiStepLR | optim.ReduceLROnPlateau:
    """When the rate drops."""
    if config.plateau:
        return optim.ReduceLROnPlateau(optimizer)
    return optim.MultiStepLR(optimizer, config.milestones or [])


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
        found = f"--size {config.size} is too small for {config.model} ({error})"
        raise RunError(found, cure="choose a larger one") from error


def check_sizes(config: Config, train_set: data.Dataset, val_set: data.Dataset, say: Callable[[str], None]) -> None:
    """Say, or with --on-bad-image error raise DataError, that images are smaller than the crop of the run.

    Of a large set a sample is looked at: all would delay the first epoch.
    """
    if config.short_side:
        return  # every image is brought to it
    for dataset in (val_set,) if config.jitter else (train_set, val_set):
        numbers = dataset.sample(SIZES_LOOKED_AT)
        small = list(data.smaller_than(dataset, config.size, numbers))
        if small and config.on_bad_image == "error":
            raise data.DataError(f"{small[0][1]} {data.ADVICE}")
        if small:
            looked = "" if len(numbers) == len(dataset) else f" of {len(numbers)} looked at"
            say(f"note: images of {dataset.split} that are left out: {len(small)}{looked}; the first: {small[0][1]}")


def notes(config: Config, train_set: data.Dataset, val_set: data.Dataset) -> Iterator[str]:
    """What the user may want to know before the first epoch."""
    for dataset in (train_set, val_set):
        if dataset.strays and (dataset is train_set or dataset.strays != train_set.strays):
            yield f"note: {dataset.split}: ignored {dataset.ignored()}"
    untested = len(val_set.classes) - len(set(val_set.labels.tolist()))
    if untested:
        have = "has" if untested == 1 else "have"
        yield f"note: {untested} of {len(val_set.classes)} classes {have} no validation image"
    largest = max([config.short_side or 0, *(config.jitter or [])])
    train_set = train_set.whole if isinstance(train_set, data.Part) else train_set
    if isinstance(train_set, data.StoreDataset) and train_set.short_side < largest:
        yield (
            f"note: the images of {train_set.name} were packed with a shorter side of {train_set.short_side}; "
            f"for scales up to {largest} they are enlarged, which blurs; --short-side {largest} when packing avoids it"
        )
