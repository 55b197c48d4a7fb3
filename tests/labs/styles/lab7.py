"""Right answers to lab 7 in other styles than the source's."""

from contextlib import contextmanager

import numpy as np

from minidelve.backend.streams import read_later
from minidelve.nn import Parameter
from minidelve.ops.dropout import Dropout
from minidelve.tensor import Tensor, no_grad
from minidelve.training import loop
from minidelve.training.validation import NEVER

MOMENTUM, DECAY = "kernels/reference/momentum.py:momentum_step", "minidelve/optim/sgd.py:decay_of"
DROPOUT, STATISTICS = "minidelve/ops/dropout.py", "minidelve/data/feeding/statistics.py"
VALIDATION, LOOP = "minidelve/training/validation.py", "minidelve/training/loop.py"
LOADER, MEAN = "minidelve/data/feeding/loader.py:Loader", "minidelve/training/step_log.py:mean_over_images"


# -- momentum_step -----------------------------------------------------------------------------------------------------


def in_place(a, D, gradient, mu, eps, decay):
    D *= mu
    D += eps * gradient
    D += eps * decay * a
    np.subtract(a, D, out=a)


def by_velocity(a, D, gradient, mu, eps, decay):
    downhill = -(gradient + decay * a)
    velocity = mu * -D + eps * downhill
    D[:] = -velocity
    a[:] = a + velocity


def of_the_penalised_loss(a, D, gradient, mu, eps, decay):
    gradient = gradient.copy()
    gradient += decay * a
    np.add(mu * D, eps * gradient, out=D)
    a[...] -= D


# -- decay_of ----------------------------------------------------------------------------------------------------------


def by_product(parameter, weight_decay):
    return weight_decay * getattr(parameter, "weight_decay", 1)


def by_branch(parameter, weight_decay):
    if isinstance(parameter, Parameter) and not parameter.weight_decay:
        return 0
    return weight_decay


def by_exception(parameter, weight_decay):
    try:
        return weight_decay if parameter.weight_decay else 0.0
    except AttributeError:
        return weight_decay


# -- dropout -----------------------------------------------------------------------------------------------------------


def by_zeroing(self, x, *, p, rng):
    self.dropped, self.p = rng.uniform(size=x.shape) < p, p
    y = x / (1 - p)
    y[self.dropped] = 0
    return y.astype(x.dtype)


def zeroing_back(self, df):
    dx = df.copy()
    dx[self.dropped] = 0
    return dx / (1 - self.p)


def by_binomial(self, x, *, p, rng):
    keep = rng.binomial(1, 1 - p, x.shape).astype(x.dtype)
    self.save(keep)
    self.scale = 1 / (1 - p)
    return x * keep * self.scale


def binomial_back(self, df):
    return self.scale * self.saved[0] * df


def by_choice(self, x, *, p, rng):
    mask = np.where(rng.random(x.shape) > p, 1 / (1 - p), 0).astype(x.dtype)
    self.save(mask)
    return np.multiply(x, mask)


def choice_back(self, df):
    mask = self.saved[0]
    return np.where(mask > 0, df * mask, 0)


def only_training(x, p, training, rng=None):
    if training:
        return Dropout.apply(x, p=p, rng=rng or np.random.default_rng())
    return x


def by_p(x, p, training, rng=None):
    rng = np.random.default_rng() if rng is None else rng
    return Dropout.apply(x, p=p if training else 0.0, rng=rng)


def copied_in_testing(x, p, training, rng=None):
    return Dropout.apply(x, p=p, rng=rng) if training and p > 0 else Tensor(x.data)


def dropout(forward, backward, function):
    """The three blanks of the task."""
    names = "Dropout.forward", "Dropout.backward", "dropout"
    return {f"{DROPOUT}:{name}": body for name, body in zip(names, (forward, backward, function), strict=True)}


# -- normalisation -----------------------------------------------------------------------------------------------------


def in_one_line(self, images, dtype=np.float32, shifts=None, out=None):
    shift = 0 if shifts is None else shifts.reshape(-1, 1, 1, 3)
    y = ((images.astype(np.float64) + shift - self.mean) / self.std).astype(dtype if out is None else out.dtype)
    if out is None:
        return y
    out[:] = y
    return out


def image_by_image(self, images, dtype=np.float32, shifts=None, out=None):
    if out is None:
        out = np.zeros(images.shape, dtype)
    for n, image in enumerate(images):
        x = image.astype(out.dtype)
        if shifts is not None:
            x = x + shifts[n]
        out[n] = (x - self.mean) / self.std
    return out


def with_a_factor(self, images, dtype=np.float32, shifts=None, out=None):
    result = out if out is not None else np.empty_like(images, dtype=dtype)
    np.subtract(images, self.mean, out=result, casting="unsafe")
    if shifts is not None:
        result += shifts[:, np.newaxis, np.newaxis]
    result *= 1 / self.std
    return result


# -- top_k_error -------------------------------------------------------------------------------------------------------


def image_by_image_rank(scores, targets):
    ranks = []
    for s, t in zip(scores, targets, strict=True):
        ranks.append(NEVER if np.isnan(s).any() else int((s >= s[t]).sum()) - 1)
    return np.array(ranks)


def with_take(scores, targets):
    own = np.take_along_axis(scores, targets[:, None], axis=1)
    others = np.count_nonzero(scores >= own, axis=1) - 1
    others[np.isnan(scores.sum(axis=1))] = NEVER
    return others


def by_sorting(scores, targets):
    rows = np.arange(len(scores))
    own = scores[rows, targets]
    upwards = np.sort(scores, axis=1)
    below = np.array([np.searchsorted(upwards[i], own[i], side="left") for i in rows])
    ranks = scores.shape[1] - below - 1
    return np.where(np.isnan(scores).any(1), NEVER, ranks)


def as_a_mean(ranks, k, classes):
    if k > 1 and k >= classes:
        return None
    return float(np.mean(ranks >= k) * 100)


def from_hits(ranks, k, classes):
    if classes <= k and k != 1:
        return None
    return 100.0 - 100.0 * float((ranks < k).sum()) / ranks.size


def by_counting(ranks, k, classes):
    return 100 * sum(rank >= k for rank in ranks) / len(ranks) if k == 1 or k < classes else None


def top_k(rank, percent):
    return {f"{VALIDATION}:rank_of_target": rank, f"{VALIDATION}:percent_wrong": percent}


# -- find_gradients ----------------------------------------------------------------------------------------------------


def zeroed_before_backward(run, batch, targets):
    loss, logits = run.network.loss(batch, targets)
    run.optimizer.zero_grad()
    loss.backward()
    return read_later(loss.data), read_later(np.argmax(logits.data, axis=-1))


def with_functions(run, batch, targets):
    for parameter in run.network.parameters():
        parameter.grad = None
    loss, logits = run.network.loss(batch, targets)
    loss.backward()
    value, guesses = loss.item(), logits.data.argmax(1)
    return lambda: value, lambda: guesses


def scaled(run, batch, targets):
    run.optimizer.zero_grad()
    loss, logits = run.network.loss(batch, targets)
    seed = None
    if run.loss_scale is not None:
        seed = run.loss_scale.gradient(loss)
    loss.backward(seed)
    return (lambda: loss.data), (lambda: np.array([row.argmax() for row in logits.data]))


# -- one_more_epoch ----------------------------------------------------------------------------------------------------


def schedule_first(run, train_loader, val_loader):
    row = loop.train_epoch(run, train_loader, val_loader)
    run.schedule.step(error=row["val_top1_error"])
    run.history.append(row)
    return row


def by_the_history(run, train_loader, val_loader):
    run.history += [loop.train_epoch(run, train_loader, val_loader)]
    run.schedule.step(run.history[-1]["val_top1_error"])
    return run.history[-1]


def with_names(run, train_loader, val_loader):
    history, schedule = run.history, run.schedule
    row = loop.train_epoch(run=run, train_loader=train_loader, val_loader=val_loader)
    error = row.get("val_top1_error")
    schedule.step(error)
    history.insert(len(history), row)
    return history[-1]


# -- evaluating --------------------------------------------------------------------------------------------------------


@contextmanager
def nested(network):
    before = network.training
    with no_grad():
        try:
            yield network.eval()
        finally:
            network.train(before)


class Evaluating:
    """The same as a class."""

    def __init__(self, network):
        self.network = network

    def __enter__(self):
        self.before, self.block = self.network.training, no_grad()
        self.network.eval()
        self.block.__enter__()

    def __exit__(self, *error):
        self.block.__exit__(*error)
        self.network.train(self.before)


@contextmanager
def by_branches(network):
    if network.training:
        network.eval()
        try:
            with no_grad(), np.errstate(all="ignore"):
                yield
        finally:
            network.train()
    else:
        with no_grad():
            yield


# -- what an epoch draws -----------------------------------------------------------------------------------------------


def permuted(self, epoch):
    N = len(self.dataset)
    return np.random.default_rng((self.seed, 7, epoch)).permutation(N) if self.shuffle else np.arange(N)


def own_stream(self, epoch, i):
    return np.random.default_rng((self.seed, 8, epoch, i))


def from_a_list(self, epoch):
    indices = list(range(len(self.dataset)))
    if self.shuffle:
        np.random.default_rng([epoch, self.seed]).shuffle(indices)
    return np.array(indices)


def spawned(self, epoch, i):
    return np.random.Generator(np.random.PCG64([1, i, epoch, self.seed]))


def by_keys(self, epoch):
    keys = np.arange(len(self.dataset), dtype=float)
    if self.shuffle:
        keys = np.random.default_rng(np.random.SeedSequence([self.seed, epoch, 1, 1])).random(len(keys))
    return np.argsort(keys)


def keyed(self, epoch, i):
    return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(epoch, i)))


def draws(order, rng):
    return {f"{LOADER}._order": order, f"{LOADER}._rng": rng}


# -- mean_over_images --------------------------------------------------------------------------------------------------


def with_average(batches):
    means, images = zip(*batches, strict=True)
    return np.average(means, weights=images)


def with_a_loop(batches):
    total = count = 0
    for mean, images in batches:
        total += mean * images
        count += images
    return total / count


def repeated(batches):
    return float(np.mean([mean for mean, images in batches for _ in range(images)]))


STYLES = {
    "momentum_step": [{MOMENTUM: f} for f in (in_place, by_velocity, of_the_penalised_loss)],
    "decay_of": [{DECAY: f} for f in (by_product, by_branch, by_exception)],
    "dropout": [
        dropout(by_zeroing, zeroing_back, only_training),
        dropout(by_binomial, binomial_back, by_p),
        dropout(by_choice, choice_back, copied_in_testing),
    ],
    "normalisation": [{f"{STATISTICS}:Statistics.normalize": f} for f in (in_one_line, image_by_image, with_a_factor)],
    "top_k_error": [top_k(image_by_image_rank, as_a_mean), top_k(with_take, from_hits), top_k(by_sorting, by_counting)],
    "find_gradients": [{f"{LOOP}:find_gradients": f} for f in (zeroed_before_backward, with_functions, scaled)],
    "one_more_epoch": [{f"{LOOP}:one_more_epoch": f} for f in (schedule_first, by_the_history, with_names)],
    "evaluating": [{f"{VALIDATION}:evaluating": f} for f in (nested, Evaluating, by_branches)],
    "what an epoch draws": [draws(permuted, own_stream), draws(from_a_list, spawned), draws(by_keys, keyed)],
    "mean_over_images": [{MEAN: f} for f in (with_average, with_a_loop, repeated)],
}
