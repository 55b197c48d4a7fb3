"""Lab 8's experiment: the paper on your own files.

1. An epoch of lab14 on your kernels (`--kernels reference --algorithm im2col`), and the same on the compiled ones.
2. ReLU against PReLU over three seeds, on the compiled kernels, lab14 half as wide.

The images are the toy ones, or those that `lab run 8 --data` or MINIDELVE_LAB_DATA names: a folder or .zip, as
`minidelve train --data` takes it. A training that was stopped goes on after its last epoch.
"""

import os
from pathlib import Path

import numpy as np

from minidelve import data
from minidelve.analysis.pictures import picture
from minidelve.data.part import Part
from minidelve.disk.files import write_whole
from minidelve.experiments import style
from minidelve.labs.student.trainings import trained
from minidelve.progress import say
from minidelve.training.config import Config

VARIABLE = "MINIDELVE_LAB_DATA"
SEEDS = 3
# By the name of the data set: the toy images are fewer, and need more epochs until a network knows them.
LAB14 = {"model": "lab14", "size": 56, "batch_size": 64, "epochs": 1, "milestones": []}
SMALL = {"model": "lab14", "size": 56, "batch_size": 32, "width": 0.5, "milestones": []}
RATE, EPOCHS = {"toy": 0.005}, {"toy": 4}
USUAL_RATE, USUAL_EPOCHS = 0.01, 2
QUICK_IMAGES, QUICK_SEEDS = (128, 64), 2
QUICK = {"width": 0.25, "fc": 64, "size": 32, "short_side": 36}
OWN, COMPILED = {"kernels": "reference", "algorithm": "im2col"}, {}
ACTIVATIONS = "prelu", "relu"
# How far a number may lie from another run's: relatively, absolutely. Times are nobody's merit.
TOLERANCE = {f"{who}_{what}": (0, far) for who in ("own", "compiled") for what, far in (("loss", 0.1), ("error", 6))}
TOLERANCE |= {f"{activation}_error": (0, 6) for activation in ACTIVATIONS} | {"gap": (0, 6)}


def main(out: Path, seed: int, quick: bool = False, source: str | None = None) -> dict[str, float]:
    """The numbers of both parts; activations.png in `out`. source: the images, in place of the variable's."""
    source = source or os.environ.get(VARIABLE) or "toy"
    sets = images(source, quick)
    say(f"The images: {sets[0].name}, {len(sets[0]):,} to train on and {len(sets[1]):,} to test with")
    if source == "toy":
        say(f"(for real ones give --data PATH, or set the variable {VARIABLE} to it)")
    numbers = two_ways(out, seed, source, sets, quick)
    seeds = range(seed, seed + (QUICK_SEEDS if quick else SEEDS))
    errors = against(out, seeds, source, sets, quick)
    numbers |= compared(errors, seeds)
    if content := picture("activations.png", lambda: draw(errors, sets[0].name)):
        write_whole(out / "activations.png", content)
    return numbers


def images(source, quick):
    """The training and the validation set; of a quick trial a few of their images."""
    if source == "toy" and quick:
        return tuple(data.ToyDataset(split, *QUICK_IMAGES) for split in ("train", "val"))
    sets = data.open_for_training(source)
    return tuple(Part(s, s.sample(n), s.split) for s, n in zip(sets, QUICK_IMAGES, strict=True)) if quick else sets


def two_ways(out, seed, source, sets, quick):
    """One epoch on the student's kernels, one on the compiled ones."""
    numbers = {}
    for who, kernels, words in (("own", OWN, "your kernels"), ("compiled", COMPILED, "the compiled ones")):
        say(f"\n1. An epoch of lab14 on {words}")
        options = LAB14 | {"lr": RATE.get(source, USUAL_RATE), "data": source, "seed": seed} | (QUICK if quick else {})
        row = trained(out, f"lab14-{who}", Config(**options, **kernels), sets).history[0]
        numbers |= {f"{who}_loss": row["train_loss"], f"{who}_error": row["val_top1_error"]}
        numbers[f"{who}_images_per_second"] = row["images_per_second"]
    say("\n   kernels         loss   top-1 error   images a second")
    for who in ("own", "compiled"):
        loss, error, speed = (numbers[f"{who}_{what}"] for what in ("loss", "error", "images_per_second"))
        say(f"   {who:<12} {loss:7.4f} {error:12.1f}% {speed:17.0f}")
    return numbers


def against(out, seeds, source, sets, quick):
    """The top-1 validation errors of each activation: (seeds, epochs)."""
    epochs = 1 if quick else EPOCHS.get(source, USUAL_EPOCHS)
    options = SMALL | {"lr": RATE.get(source, USUAL_RATE), "data": source, "epochs": epochs} | (QUICK if quick else {})
    errors = {activation: [] for activation in ACTIVATIONS}
    for seed in seeds:
        for activation in ACTIVATIONS:
            say(f"\n2. {activation}, seed {seed}")
            config = Config(**options, activation=activation, seed=seed)
            history = trained(out, f"{activation}-seed{seed}", config, sets).history
            errors[activation].append([row["val_top1_error"] for row in history])
    return {activation: np.array(rows) for activation, rows in errors.items()}


def compared(errors, seeds):
    """Both activations after the last epoch, seed by seed, and the mean of the differences."""
    final = {activation: rows[:, -1] for activation, rows in errors.items()}
    gap = final["relu"] - final["prelu"]
    say("\n   top-1 error, %   " + "   ".join(f"{name:>6}" for name in (*ACTIVATIONS, "gap")))
    for i, (seed, each) in enumerate(zip(seeds, gap, strict=True)):
        say(f"   seed {seed:<13} " + "   ".join(f"{final[name][i]:6.1f}" for name in ACTIVATIONS) + f"   {each:6.1f}")
    say("   mean               " + "   ".join(f"{x.mean():6.1f}" for x in (*(final[n] for n in ACTIVATIONS), gap)))
    standard_error = float(gap.std(ddof=1) / np.sqrt(len(gap)))
    say(f"   standard error of the mean gap (ReLU's error less PReLU's), from {len(gap)} seeds: {standard_error:.1f}")
    means = {f"{activation}_error": float(final[activation].mean()) for activation in ACTIVATIONS}
    return means | {"gap": float(gap.mean()), "gap_standard_error": standard_error}


def draw(errors, name):
    """A line for each network."""
    figure, (panel,) = style.panels(f"lab14, half as wide, on {name}")
    for i, (activation, rows) in enumerate(errors.items()):
        for seed, row in enumerate(rows):
            label = {"prelu": "PReLU", "relu": "ReLU"}[activation] if seed == 0 else None
            panel.plot(range(1, len(row) + 1), row, label=label, **style.line(i))
    panel.set(xlabel="epoch", ylabel="top-1 error on the validation images, %", xticks=range(1, rows.shape[1] + 1))
    style.legend(panel)
    return figure
