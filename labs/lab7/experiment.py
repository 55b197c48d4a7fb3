"""Lab 7's experiment: the ball through a drop of the rate, and a network that your loop trains.

1. Your momentum_step walks down a constant slope while the rate drops to a tenth, beside PyTorch's rule, which keeps
   eps outside of D. `minidelve reproduce momentum` has the same, with the derivation of every figure.
2. Your files train lab14 at half width on the toy images, and the rate drops after epoch 3. Of the last epoch there
   are three errors: that noted while it trained, that of the network it left on the same images, and that on others.
"""

from pathlib import Path

from minidelve import data
from minidelve.analysis.pictures import picture
from minidelve.backend import use
from minidelve.disk.files import write_whole
from minidelve.experiments import style
from minidelve.experiments.momentum import DROP, FACTOR, MU, OURS, PAPER, PYTORCH, RATE, settled, walk
from minidelve.labs.student.trainings import trained
from minidelve.progress import say
from minidelve.training import checkpoint
from minidelve.training.config import Config
from minidelve.training.validation import evaluate
from minidelve.training.views import loaders

STEPS = 400
SETTINGS = {
    "model": "lab14", "width": 0.5, "fc": 128, "size": 32, "short_side": 36, "batch_size": 32, "lr": 0.01,
    "kernels": "reference", "algorithm": "im2col",
}  # fmt: skip
WHOLE, QUICK = {"epochs": 5, "milestones": [3]}, {"epochs": 2, "milestones": [1]}
IMAGES = {False: (5000, 1000), True: (320, 100)}  # of the whole experiment and of a quick one: to train and to test
# How far a number may lie from another run's: relatively, absolutely. Rounding grows while a network trains.
TOLERANCE = {
    "distance_farther": (1e-6, 0), "first_step_after_drop": (1e-6, 0), "first_step_after_drop_pytorch": (1e-6, 0),
    "steps_to_slow_down": (0, 0), "lr_of_epoch_1": (1e-9, 0), "lr_of_last_epoch": (1e-9, 0),
    "error_noted": (0, 6), "error_tested": (0, 8), "error_validation": (0, 8), "loss_of_epoch_1": (0.02, 0),
}  # fmt: skip


def main(out: Path, seed: int, quick: bool = False) -> dict[str, float]:
    """The numbers of both parts; momentum.png and training.png in `out`."""
    walks = {rule: down_a_slope(rule) for rule in (OURS, PYTORCH, PAPER)}
    numbers = of_the_ball(walks)
    keep(out / "momentum.png", lambda: draw_ball(walks))
    history, more = of_the_training(out, seed, quick)
    keep(out / "training.png", lambda: draw_training(history, more))
    return numbers | more


def keep(path, draw):
    """A figure in its file, where one can be drawn."""
    if content := picture(path.name, draw):
        write_whole(path, content)


# -- the ball ----------------------------------------------------------------------------------------------------------


def down_a_slope(rule):
    """The length of each step down a constant slope of 1; that of index DROP is the first at the smaller rate."""
    with use("reference"):
        a = walk(rule, STEPS, lambda a: a * 0 + 1, [0.0], lambda step: RATE * (FACTOR if step >= DROP else 1), MU)
    return -(a[1:, 0] - a[:-1, 0])


def of_the_ball(walks):
    """How the two rules go on after the drop."""
    after = {rule: steps[DROP:] for rule, steps in walks.items()}
    in_the_end = RATE * FACTOR / (1 - MU)
    numbers = {
        "distance_farther": float(after[OURS].sum() - after[PYTORCH].sum()),
        "first_step_after_drop": float(after[OURS][0]),
        "first_step_after_drop_pytorch": float(after[PYTORCH][0]),
        "steps_to_slow_down": float((after[OURS] > 2 * in_the_end).sum()),
    }
    say("1. Down a constant slope of 1: mu = 0.9, and eps drops from 0.1 to 0.01 after 60 steps")
    say(f"   last step before the drop           {walks[OURS][DROP - 1]:8.4f}   1 by (4), were it not for the start")
    say(f"   first step after it, yours          {after[OURS][0]:8.4f}   {after[PAPER][0]:.4f} by (4)")
    say(f"   first step after it, PyTorch's rule {after[PYTORCH][0]:8.4f}")
    say(f"   steps longer than twice the new     {numbers['steps_to_slow_down']:8.0f}   of yours, after the drop")
    farther = MU * RATE * (1 - FACTOR) * settled(DROP) / (1 - MU)
    say(f"   how much farther yours goes         {numbers['distance_farther']:8.4f}   {farther:.4f} by (4)")
    return numbers


def draw_ball(walks):
    """The length of the steps through the drop."""
    figure, (panel,) = style.panels("Momentum through a drop of the rate")
    labels = {OURS: "your momentum_step", PYTORCH: "PyTorch's rule", PAPER: "(4), written out"}
    for i, (rule, label) in enumerate(labels.items()):
        panel.plot(range(1, 2 * DROP + 1), walks[rule][: 2 * DROP], label=label, **style.line(i, (4 * i, 12)))
    panel.axvline(DROP + 0.5, label="eps / 10", **style.LEVEL)
    panel.set(title="Down a constant slope of 1", xlabel="step", ylabel="length of the step", ylim=(0, 1.45))
    style.legend(panel)
    return figure


# -- the training ------------------------------------------------------------------------------------------------------


def of_the_training(out, seed, quick):
    """The history of a training by the student's loop, and its numbers."""
    say("\n2. Your files train lab14, half as wide, on the toy images")
    config = Config(seed=seed, **SETTINGS | (QUICK if quick else WHOLE))
    sets = tuple(data.ToyDataset(split, *IMAGES[quick]) for split in ("train", "val"))
    done = trained(out, "lab14-toy", config, sets)
    first, last = done.history[0], done.history[-1]
    numbers = {
        "lr_of_epoch_1": first["lr"], "lr_of_last_epoch": last["lr"], "loss_of_epoch_1": first["train_loss"],
        "error_noted": last["train_top1_error"], "error_tested": tested(done.last, config, sets[0]),
        "error_validation": last["val_top1_error"],
    }  # fmt: skip
    say("\n   top-1 error of the last epoch")
    say(f"   on the training images, noted batch by batch while it trained  {numbers['error_noted']:5.1f}%")
    say(f"   on the training images, tested when it was over                {numbers['error_tested']:5.1f}%")
    say(f"   on the validation images, tested when it was over              {numbers['error_validation']:5.1f}%")
    return done.history, numbers


def tested(checkpoint_file, config, dataset):
    """The top-1 error of a network on a data set, centre crops."""
    saved = checkpoint.load(checkpoint_file, optimizer=False)
    network = checkpoint.trained_network(saved, checkpoint_file)
    with use("reference"):
        return evaluate(network, loaders(config, dataset, dataset, saved.statistics)[1].epoch(0)).top1


def draw_training(history, numbers):
    """The errors of the epochs, with the third one of the last."""
    figure, (panel,) = style.panels("lab14, half as wide, on the toy images, trained by your files")
    epochs = [row["epoch"] for row in history]
    panel.plot(
        epochs, [row["train_top1_error"] for row in history], label="training, while it trained", **style.line(0)
    )
    panel.plot(epochs, [row["val_top1_error"] for row in history], label="validation", **style.line(1))
    panel.plot(epochs[-1], numbers["error_tested"], label="training, tested at the end", **style.line(2))
    for before, row in zip(history, history[1:], strict=False):
        if row["lr"] < before["lr"]:
            panel.axvline(row["epoch"] - 0.5, label="eps / 10", **style.LEVEL)
    panel.set(xlabel="epoch", ylabel="top-1 error, %", xticks=epochs, ylim=(0, 100))
    style.legend(panel)
    return figure
