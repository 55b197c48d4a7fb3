"""Lab 7, training: what is handed out, and how it is tried."""

from types import SimpleNamespace
from unittest.mock import patch

import numpy as np

from minidelve.labs.task import Task

TITLE = "Training: momentum, dropout, and the loop around them"
READING = ("6. How to move: minidelve/optim/sgd.py", "9. The loop: minidelve/training/loop.py")
KERNEL, OPTIMIZER = "kernels/reference/momentum.py", "minidelve/optim/sgd.py"
DROPOUT, STATISTICS = "minidelve/ops/dropout.py", "minidelve/data/feeding/statistics.py"
LOADER, LOOP = "minidelve/data/feeding/loader.py", "minidelve/training/loop.py"
VALIDATION, STEP_LOG = "minidelve/training/validation.py", "minidelve/training/step_log.py"
CUTS = {
    DROPOUT: (
        "    f = m x / (1 - p),   m = 0 with probability p, else 1        training",
        'Dividing by 1 - p ("inverted" dropout) keeps E[f] = x, so that testing needs no scaling.',
        "The mask is a constant for the gradient:  dE/dx = m df / (1 - p).",
    ),
    LOADER: (
        "The order of an epoch comes from one random generator; each image has another of its own for its views and "
        "colour.",
    ),
}
NAN = float("nan")


# -- momentum and weight decay -----------------------------------------------------------------------------------------


def walks(rng, dtype):
    """Gradients of four steps; the rate drops after two."""
    return {f"{n} numbers, the rate drops after step 2": walk(rng, dtype, n) for n in (2, 7)}


def walk(rng, dtype, n):
    a, gradients = rng.normal(size=n), rng.normal(size=(4, n))
    rates, mu, decay = (0.5, 0.5, 0.05, 0.05), float(rng.uniform(0.5, 0.8)), float(rng.uniform(0.2, 0.4))
    return {"a": a.astype(dtype), "gradients": gradients.astype(dtype), "rates": rates, "mu": mu, "decay": decay}


def long_walk(rng):
    return walk(rng, np.float32, 300_000)


def call_momentum(a, gradients, rates, mu, decay):
    from kernels import reference

    a, D = a.copy(), np.zeros_like(a)
    seen = {}
    for step, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), 1):
        reference.momentum_step(a, D, gradient, mu, rate, decay)
        seen[f"D after step {step}"], seen[f"a after step {step}"] = D.copy(), a.copy()
    return seen


def decays(rng, dtype):
    cases = {f"weight decay {decay}": {"decay": decay, "plain": False} for decay in (0.0005, 0.01)}
    return cases | {"a Tensor that is no Parameter": {"decay": 0.01, "plain": True}}


def call_decay_of(decay, plain):
    from minidelve import Tensor, nn
    from minidelve.optim.sgd import decay_of

    if plain:
        return {"its decay": float(decay_of(Tensor([1.0], requires_grad=True), decay))}
    layer, slope = nn.Linear(2, 2), nn.PReLU(2).a
    return {"the decay of a weight": float(decay_of(layer.weight, decay)),
            "the decay of a slope": float(decay_of(slope, decay)),
            "the decay of a bias": float(decay_of(layer.bias, decay))}  # fmt: skip


# -- dropout -----------------------------------------------------------------------------------------------------------


def units(rng, dtype):
    """So many that the share of those dropped is sure to a tenth; what is drawn is the student's affair."""
    cases = {"8 images of 2500 units, p = 0.3": ((8, 2500), 0.3), "4 images of 5 maps, p = 0.8": ((4, 5, 32, 32), 0.8)}
    return {
        case: {"x": signed(rng, shape, dtype), "df": signed(rng, shape, dtype), "p": p, "seed": int(rng.integers(1000))}
        for case, (shape, p) in cases.items()
    }


def signed(rng, shape, dtype):
    """Numbers that are not 0."""
    return (rng.uniform(0.5, 2, shape) * rng.choice([-1, 1], shape)).astype(dtype)


def call_dropout(x, df, p, seed):
    from minidelve import Tensor
    from minidelve.ops.dropout import dropout

    given = Tensor(x, requires_grad=True)
    f = dropout(given, p, True, np.random.default_rng(seed))
    f.backward(df)
    again = dropout(Tensor(x), p, True, np.random.default_rng(seed))
    testing = dropout(Tensor(x), p, False, np.random.default_rng(seed)).data
    kept = f.data != 0
    zeros = Tensor(np.zeros_like(x), requires_grad=True)
    dropout(zeros, p, True, np.random.default_rng(seed)).backward(df)
    return {
        "share dropped, to a tenth": round(float(1 - kept.mean()), 1),
        "f / x of the units that are kept": middle(f.data, x, kept),
        "number of different masks": len({mask.tobytes() for mask in kept}),
        "the same mask for the same seed": np.array_equal(f.data, again.data),
        "dx / df where a unit was kept": middle(given.grad, df, kept),
        "dx / df where a unit was dropped": middle(given.grad, df, ~kept),
        "share of dx that is 0 where x is 0, to a tenth": round(float((zeros.grad == 0).mean()), 1),
        "testing, share dropped, to a tenth": round(float((testing == 0).mean()), 1),
        "testing, f / x of the others": middle(testing, x, testing != 0),
    }


def middle(y, x, where):
    """The median of y / x at some places, in y's dtype; NaN if there are none."""
    return np.median(y[where] / x[where]) if where.any() else y.dtype.type(NAN)


# -- the images, and the errors ----------------------------------------------------------------------------------------


def pictures(rng, dtype):
    """Images, and another set's mean and deviation.

    Mean, shifts and deviation are such that float32 holds every result: the order of the steps does not matter.
    """
    cases = {}
    for case, (count, h, w) in {"2 images of 1 x 2": (2, 1, 2), "5 images of 3 x 4": (5, 3, 4)}.items():
        cases[case] = {
            "images": rng.integers(0, 256, (count, h, w, 3)).astype(np.uint8),
            "mean": (rng.integers(200, 800, (h, w, 3)) / 4).astype(np.float32), "std": float(rng.choice([32, 64])),
            "shifts": (rng.integers(-40, 40, (count, 3)) / 4).astype(dtype), "out": np.zeros((count, h, w, 3), dtype),
        }  # fmt: skip
    return cases


def call_normalisation(images, mean, std, shifts, out):
    from minidelve.data.feeding.statistics import Statistics

    statistics, out = Statistics(mean, std), out.copy()
    statistics.normalize(images, out=out)
    return {
        "normalized": statistics.normalize(images, out.dtype), "out": out,
        "with shifts": statistics.normalize(images, out.dtype, shifts),
    }  # fmt: skip


def scored(rng, dtype):
    """Scores without ties, with ties, with a NaN; and ranks of other images."""
    scores = rng.permutation(54).reshape(6, 9).astype(dtype)
    ties, bad = scores // 9, scores.copy()
    bad[1, 4], bad[2] = NAN, NAN
    targets = rng.integers(0, 9, 6)
    ranks = np.array([0, 1, 1, 4, 5, 7, 8, 1 << 30])
    cases = {"6 images, 9 classes": scores, "scores with ties": ties, "scores with NaN": bad}
    return {case: {"scores": scores, "targets": targets, "ranks": ranks} for case, scores in cases.items()}


def call_top_k_error(scores, targets, ranks):
    from minidelve.training.validation import percent_wrong, rank_of_target

    def percent(k, classes):
        wrong = percent_wrong(ranks, k, classes)
        return "None" if wrong is None else float(wrong)

    return {
        "ranks": np.asarray(rank_of_target(scores, targets)).astype(np.int64),
        "top-1 error": percent(1, 9), "top-5 error": percent(5, 9),
        "top-1 error of 1 class": percent(1, 1), "top-5 error of 5 classes": percent(5, 5),
    }  # fmt: skip


# -- the loop ----------------------------------------------------------------------------------------------------------


def batches(rng, dtype):
    cases = {"two batches of 2 images": 2, "two batches of 5 images": 5}
    return {
        case: {"x": rng.normal(size=(2, n, 4)).astype(dtype), "targets": rng.integers(0, 3, (2, n)),
               "W": rng.normal(size=(3, 4)).astype(dtype)}
        for case, n in cases.items()
    }  # fmt: skip


def call_find_gradients(x, targets, W):
    from minidelve import Tensor, models, nn, optim
    from minidelve.training.loop import find_gradients

    layer = nn.Linear(4, 3, bias=False)
    layer.weight.data = W.copy()
    network = models.Network([("fc1", layer)], "probe")
    run = SimpleNamespace(network=network, optimizer=optim.SGD(network.parameters(), 0.1), loss_scale=None)
    seen = {}
    for batch in range(2):
        loss_is, guesses_are = find_gradients(run, Tensor(x[batch]), targets[batch])
        gradient = layer.weight.grad
        seen[f"W.grad after batch {batch + 1}"] = np.full_like(W, NAN) if gradient is None else gradient.copy()
        seen[f"loss of batch {batch + 1}"] = float(loss_is())
        seen[f"guesses of batch {batch + 1}"] = np.asarray(guesses_are()).astype(np.int64)
    return seen


def modes(rng, dtype):
    return {"a network with noise while it trains": {"x": rng.normal(size=(2, 3)).astype(dtype), "seed": 3}}


def call_evaluating(x, seed):
    from minidelve import Tensor, nn
    from minidelve.training.validation import evaluating

    class Noisy(nn.Module):
        """Adds noise while it is trained, as dropout does; asks nothing of other tasks."""

        noise = np.random.default_rng(seed)

        def forward(self, y):
            return y + Tensor(self.noise.normal(size=y.shape).astype(y.dtype)) if self.training else y * 1.0

    network, given, seen = nn.Sequential(Noisy()), Tensor(x, requires_grad=True), {}
    with evaluating(network):
        first, second = network(given), network(given)
        seen["a graph is left"] = first.requires_grad
    seen["difference of two evaluations"] = float(np.abs(first.data - second.data).max())
    seen["training mode afterwards"] = network.training
    with evaluating(network.eval()):
        pass
    seen["training mode afterwards, if it was off before"] = network.training
    network.train()
    try:
        with evaluating(network):
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        seen["training mode after Ctrl-C"] = network.training
    return seen


def schedules(rng, dtype):
    cases = {"the rate drops after epoch 1": (1,), "the rate drops after epochs 2 and 3": (2, 3)}
    return {
        case: {"milestones": milestones, "rate": 0.1, "errors": rng.uniform(10, 90, 4)}
        for case, milestones in cases.items()
    }


def call_one_more_epoch(milestones, rate, errors):
    from minidelve import nn, optim
    from minidelve.training import loop

    told = []

    class Listening(optim.MultiStepLR):
        def step(self, error=None):
            told.append(NAN if error is None else float(error))
            super().step(error)

    def train_epoch(run, train_loader, val_loader):
        """Stands in for the training itself: the rate that an epoch would have had, and an error."""
        row = {"epoch": len(rows) + 1, "lr": run.optimizer.lr, "val_top1_error": errors[len(rows)]}
        return row | {"train_top1_error": row["val_top1_error"] + 5, "train_loss": 2.0, "val_top5_error": 1.0}

    optimizer, rows = optim.SGD(nn.Linear(1, 1).parameters(), rate), []
    run = SimpleNamespace(optimizer=optimizer, schedule=Listening(optimizer, list(milestones)), history=[])
    with patch.object(loop, "train_epoch", train_epoch):
        for _ in errors:
            rows.append(loop.one_more_epoch(run, None, None))
    return {
        "lr of each epoch": np.array([row["lr"] for row in rows]),
        "epochs in the history": np.array([row["epoch"] for row in run.history]),
        "errors told to the schedule": np.array(told),
    }


def loaders(rng, dtype):
    cases = {"40 images in batches of 10": (40, 10), "43 images in batches of 8": (43, 8)}
    return {case: {"images": n, "batch_size": b, "seed": int(rng.integers(1, 99))} for case, (n, b) in cases.items()}


def call_what_an_epoch_draws(images, batch_size, seed):
    from minidelve import data

    dataset = data.ToyDataset("train", images)
    statistics = data.Statistics(np.zeros((8, 8, 3), np.float32), 1.0)

    def loader(shuffle=True, seed=seed):
        crop = data.RandomCrop(8)
        return data.Loader(dataset, batch_size, crop, statistics, shuffle=shuffle, seed=seed, workers=0)

    def order(loader, epoch):
        return np.concatenate([np.asarray(batch, int) for batch in loader._plan(epoch)])

    one = loader()
    return {
        "images in the order of an epoch": np.sort(order(one, 1)),
        "order without shuffling": order(loader(shuffle=False), 1),
        "most images come right after the one before them": bool((np.diff(order(one, 1)) == 1).mean() > 0.5),
        "what an epoch's order depends on": depends(
            lambda loader, epoch=1: order(loader, epoch), loader, {"epoch": {"epoch": 2}}, seed
        ),
        "what image 3 draws depends on": depends(
            lambda loader, epoch=1, i=3: loader._rng(epoch, i).random(5),
            loader, {"epoch": {"epoch": 2}, "image": {"i": 4}}, seed,
        ),
        "image 0 draws the numbers of the shuffle": first_of(one) in first_drawn(loader()),
    }  # fmt: skip


def depends(draw, loader, others, seed):
    """In words, on what a draw from a loader depends."""
    one, two = loader(), loader()
    first = draw(one)
    for other in ({}, *others.values()):
        draw(two, **other)
    if not np.array_equal(first, draw(two)):
        return "what was drawn before"
    found = [] if np.array_equal(first, draw(loader(seed=seed + 1))) else ["seed"]
    found += [name for name, other in others.items() if not np.array_equal(first, draw(two, **other))]
    return ", ".join(found) or "nothing"


def first_of(loader):
    """The first number that image 0 draws; NaN if it draws from a generator that goes on and on."""
    number = loader._rng(1, 0).random()
    return number if loader._rng(1, 0).random() == number else NAN


def first_drawn(loader):
    """The first number of every generator that is made while an epoch is planned."""
    made, generator = [], np.random.default_rng
    with patch.object(np.random, "default_rng", lambda *seed: made.append(seed) or generator(*seed)):
        loader._plan(1)
    return [generator(*seed).random() for seed in made]


def losses(rng, dtype):
    cases = {"batches of 4, 4 and 2 images": (4, 4, 2), "batches of 8 and 1": (8, 1), "one batch of 3": (3,)}
    return {
        case: {"means": tuple(rng.uniform(0.5, 3, len(sizes)).tolist()), "sizes": sizes}
        for case, sizes in cases.items()
    }


def call_mean_over_images(means, sizes):
    from minidelve.training.step_log import mean_over_images

    return {"mean": float(mean_over_images(list(zip(means, sizes, strict=True))))}


TASKS = [
    Task("momentum_step", (f"{KERNEL}:momentum_step",), 1, walks, call_momentum, large=long_walk),
    Task("decay_of", (f"{OPTIMIZER}:decay_of",), 1, decays, call_decay_of),
    Task("dropout", (f"{DROPOUT}:Dropout.forward", f"{DROPOUT}:Dropout.backward", f"{DROPOUT}:dropout"), 1, units,
         call_dropout),
    Task("normalisation", (f"{STATISTICS}:Statistics.normalize",), 1, pictures, call_normalisation),
    Task("top_k_error", (f"{VALIDATION}:rank_of_target", f"{VALIDATION}:percent_wrong"), 1, scored, call_top_k_error),
    Task("find_gradients", (f"{LOOP}:find_gradients",), 1, batches, call_find_gradients),
    Task("one_more_epoch", (f"{LOOP}:one_more_epoch",), 1, schedules, call_one_more_epoch),
    Task("evaluating", (f"{VALIDATION}:evaluating",), 1, modes, call_evaluating),
    Task("what an epoch draws", (f"{LOADER}:Loader._order", f"{LOADER}:Loader._rng"), 1, loaders,
         call_what_an_epoch_draws),
    Task("mean_over_images", (f"{STEP_LOG}:mean_over_images",), 1, losses, call_mean_over_images),
]  # fmt: skip
