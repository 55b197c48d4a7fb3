"""Training: the paper's recipe (section 3) around one loop.

    for each epoch:
        for each batch:  forward -> cross entropy -> backward -> momentum step
        errors on the validation set, centre crops
        learning rate divided by 10 at milestones, or when the error plateaus
        checkpoint

What an epoch draws (order, scales, crops, flips, colours, dropout) depends on (seed, epoch) alone. A run that is
stopped and resumed therefore ends with the same numbers as one that never stopped.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from minidelve import data, nn
from minidelve.analysis.diagnosis import first_nonfinite_layer
from minidelve.backend import array_module, to_device
from minidelve.backend.precision import using_precision
from minidelve.backend.streams import read_later, synchronize, upload_ahead
from minidelve.errors import Diverged
from minidelve.progress import progress, say
from minidelve.tensor import Tensor
from minidelve.training import curves
from minidelve.training.computing import computing_with
from minidelve.training.config import Config, title
from minidelve.training.device import within_device_memory
from minidelve.training.report import epoch_line
from minidelve.training.run_folder import RunFolder
from minidelve.training.setting_up import set_up
from minidelve.training.state import Run
from minidelve.training.step_log import StepLog
from minidelve.training.validation import evaluate


def train(
    config: Config,
    out: Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    say: Callable[[str], None] = say,
    data_sets: tuple[data.Dataset, data.Dataset] | None = None,
) -> dict[str, Any]:
    """Train as `config` says, filling the run folder `out`; returns what result.json holds.

    say         receives the lines at the start and one for each epoch
    data_sets   config.data's training and validation set where they are open already: their decoded images
                are used again

    Raises UserError with one line for anything the user can mend, a loss that is not finite included;
    the folder then still holds the last finished epoch.
    """
    computing = computing_with(config.kernels, config.algorithm, config.device)
    with RunFolder(out, resume=resume, overwrite=overwrite) as folder, computing:
        run, train_loader, val_loader = set_up(config, folder, data_sets, say)
        started, done_before = time.monotonic(), run.epoch
        if run.epoch < config.epochs:
            folder.check_room(run.to_checkpoint())
        with leaving_curves(run, folder), using_precision(config.precision):
            while run.epoch < config.epochs:
                with within_device_memory(config.batch_size):
                    row = one_more_epoch(run, train_loader, val_loader)
                run.skipped |= train_loader.skipped | val_loader.skipped
                folder.keep(run.to_checkpoint(), is_best=run.best() is row)
                seconds_each = (time.monotonic() - started) / (run.epoch - done_before)
                say(epoch_line(row, config.epochs, seconds_each))
            result = run.result()
            folder.finish(result)
    return result


@contextmanager
def leaving_curves(run: Run, folder: RunFolder) -> Iterator[None]:
    """Draw curves.png when the block ends, in whatever way. On Ctrl-C, raise KeyboardInterrupt with what is kept."""
    try:
        try:
            yield
        finally:
            if folder.filled:
                curves.draw_curves(run.history, folder.path / "curves.png", title=title(run.config))
    except KeyboardInterrupt:
        kept = f"{folder.last} holds the last finished epoch; go on with --resume"
        raise KeyboardInterrupt(kept if folder.filled else "no epoch was finished, nothing was written") from None


def one_more_epoch(run: Run, train_loader: data.Loader, val_loader: data.Loader) -> dict[str, Any]:
    """Train for an epoch, note its row in the history, and let the schedule set the rate of the next; returns the row.

    The schedule is told the epoch's top-1 validation error.
    """
    row = train_epoch(run, train_loader, val_loader)
    run.history.append(row)
    run.schedule.step(row["val_top1_error"])
    return row


def train_epoch(run: Run, train_loader: data.Loader, val_loader: data.Loader) -> dict[str, Any]:
    """One pass over the training set and one over the validation set; a row of the history."""
    config, epoch = run.config, run.epoch + 1
    reseed_dropout(run.network, config.seed, epoch)
    lr, started = run.optimizer.lr, time.perf_counter()  # the schedule changes lr only after the epoch
    log = StepLog()
    with closing(upload_ahead(train_loader.epoch(epoch), config.device)) as uploaded:
        batches = progress(uploaded, len(train_loader), f"epoch {epoch}/{config.epochs}")
        for step, (x, targets) in enumerate(batches, 1):
            loss, missed = train_step(run, x, targets, where=f"epoch {epoch}, step {step}")
            log.add(loss, missed, len(targets))
    synchronize(config.device)  # the last step may still be under way
    training_seconds = time.perf_counter() - started
    check_weights(run, where=f"epoch {epoch}")
    errors = evaluate(run.network, val_loader.epoch(0), config.device)
    return {
        "epoch": epoch,
        "lr": lr,
        "train_loss": log.loss,
        "train_top1_error": log.top1_error,
        "val_top1_error": errors.top1,
        "val_top5_error": errors.top5,
        "seconds": time.perf_counter() - started,  # validation included
        "images_per_second": log.images / training_seconds,
        "within": log.within(),
    }


def train_step(run: Run, x: Any, targets: np.ndarray, where: str) -> tuple[float, int]:
    """Forward, backward, update on one batch: (loss, how many images were misclassified).

    x   (N, 3, H, W), on the run's device already (upload_ahead) or not; the targets stay on the CPU
    """
    batch = Tensor(to_device(x, run.config.device))
    with np.errstate(all="ignore"):  # a diverging run is reported below, by layer, not by NumPy
        loss_is, guesses_are = find_gradients(run, batch, targets)
        value = float(loss_is())
        if not math.isfinite(value):
            raise Diverged(
                f"the loss became {value} in {where}; first layer whose output is not finite: "
                f"{first_nonfinite_layer(run.network, batch)}; try a smaller --lr than {run.optimizer.lr:g}"
            )
        update(run, where)
    return value, int((guesses_are() != targets).sum())


def find_gradients(run: Run, batch: Tensor, targets: np.ndarray) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Forward and backward: leaves the gradients of this batch's loss, and of no other, in the parameters' .grad.

    Returns two functions, of the loss and of the class guessed for each image: what read_later gives. A GPU would
    stand idle if Python waited for the loss before it launched the backward pass: the copy is started before, and
    looked at when backward is under way, in time to leave the weights as they are.
    """
    run.optimizer.zero_grad()
    loss, logits = run.network.loss(batch, targets)
    loss_is, guesses_are = read_later(loss.data), read_later(logits.data.argmax(axis=1))
    loss.backward(run.loss_scale.gradient(loss) if run.loss_scale else None)
    return loss_is, guesses_are


def update(run: Run, where: str) -> None:
    """The momentum step; in mixed precision only if the scaled gradients were finite (optim/loss_scale.py)."""
    try:
        if run.loss_scale is None or run.loss_scale.unscale(run.network.parameters()):
            run.optimizer.step()
    except FloatingPointError as error:
        line = f"{error}, in {where}; try a smaller --lr than {run.optimizer.lr:g}, or --precision fp32"
        raise Diverged(line) from error


def check_weights(run: Run, where: str) -> None:
    """Raise Diverged if a weight is not finite: the loss of the last step is that of the weights before it."""
    for name, parameter in run.network.named_parameters():
        if not bool(array_module(parameter.data).isfinite(parameter.data).all()):
            lr = run.optimizer.lr
            raise Diverged(f"{name} is not finite at the end of {where}", cure=f"try a smaller --lr than {lr:g}")


def reseed_dropout(network: nn.Module, seed: int, epoch: int) -> None:
    """Give every dropout layer a generator of this epoch, so that a resumed run draws alike."""
    for i, module in enumerate(network.modules()):
        if isinstance(module, nn.Dropout):
            module.rng = np.random.default_rng([seed, epoch, i])
