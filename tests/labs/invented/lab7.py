"""Answers to lab 7 that nobody has listed."""

from contextlib import contextmanager

import numpy as np

from minidelve.backend.streams import read_later
from minidelve.tensor import no_grad
from tests.labs.invented.answers import Answers

answers = Answers()
KERNEL, OPTIMIZER = "kernels/reference/momentum.py", "minidelve/optim/sgd.py"
DROPOUT, STATISTICS = "minidelve/ops/dropout.py", "minidelve/data/feeding/statistics.py"
LOADER, LOOP = "minidelve/data/feeding/loader.py", "minidelve/training/loop.py"
VALIDATION, STEP_LOG = "minidelve/training/validation.py", "minidelve/training/step_log.py"


@answers.wrong("momentum_step", "decay written into the gradient", f"{KERNEL}:momentum_step")
def _(a, D, gradient, mu, eps, decay):
    gradient += decay * a
    D *= mu
    D += eps * gradient
    a -= D


@answers.wrong("decay_of", "exempt by the number of axes", f"{OPTIMIZER}:decay_of")
def _(parameter, weight_decay):
    return weight_decay if parameter.data.ndim > 1 else 0.0


@answers.wrong("dropout", "the mask found again from f", f"{DROPOUT}:Dropout.forward")
def _(self, x, *, p, rng):
    kept = x * (rng.random(x.shape) >= p).astype(x.dtype)
    self.save((kept != 0).astype(x.dtype) / x.dtype.type(1 - p))
    return kept / x.dtype.type(1 - p)


@answers.wrong("normalisation", "whole numbers on the way", f"{STATISTICS}:Statistics.normalize")
def _(self, images, dtype=np.float32, shifts=None, out=None):
    moved = images if shifts is None else images + shifts[:, None, None, :]
    f = (moved.astype(np.int64) - self.mean).astype(dtype if out is None else out.dtype) / np.float32(self.std)
    if out is None:
        return f
    out[...] = f
    return out


@answers.wrong("top_k_error", "a place among the sorted scores", f"{VALIDATION}:rank_of_target")
def _(scores, targets):
    places = np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1)
    ranks = places[np.arange(len(targets)), targets]
    return np.where(np.isnan(scores).any(axis=1), 1 << 30, ranks)


@answers.wrong("find_gradients", "divided by the batch once more, and never forgotten", f"{LOOP}:find_gradients")
def _(run, batch, targets):
    loss, logits = run.network.loss(batch, targets)
    loss_is, guesses_are = read_later(loss.data), read_later(logits.data.argmax(axis=1))
    loss.backward(run.loss_scale.gradient(loss) if run.loss_scale else None)
    for parameter in run.network.parameters():
        parameter.grad = parameter.grad / len(targets)
    return loss_is, guesses_are


@answers.wrong("evaluating", "only the outermost module", f"{VALIDATION}:evaluating")
@contextmanager
def _(network):
    was_training, network.training = network.training, False
    try:
        with no_grad():
            yield
    finally:
        network.training = was_training


@answers.wrong("what an epoch draws", "batches are shuffled, images are not", f"{LOADER}:Loader._plan")
def _(self, epoch):
    order, size = np.arange(len(self.dataset)), self.batch_size
    plan = [order[k * size : (k + 1) * size].tolist() for k in range(self.batches)]
    if not self.shuffle:
        return plan
    rng = np.random.default_rng([self.seed, epoch, 0])
    full = [batch for batch in plan if len(batch) == size]
    return [full[k] for k in rng.permutation(len(full))] + [batch for batch in plan if len(batch) < size]


@answers.wrong("mean_over_images", "the last batch left out if it is smaller", f"{STEP_LOG}:mean_over_images")
def _(batches):
    full = [(mean, images) for mean, images in batches if images == batches[0][1]]
    return sum(mean * images for mean, images in full) / sum(images for _, images in full)


@answers.right("momentum_step", "in place, step by step", f"{KERNEL}:momentum_step")
def _(a, D, gradient, mu, eps, decay):
    np.multiply(D, mu, out=D)
    np.add(D, np.multiply(eps, gradient + a * decay), out=D)
    np.subtract(a, D, out=a)


@answers.right("top_k_error", "a loop over images", f"{VALIDATION}:rank_of_target")
def _(scores, targets):
    ranks = []
    for row, target in zip(scores, targets):
        others = np.delete(row, target)
        ranks.append(1 << 30 if np.isnan(row).any() else int(np.count_nonzero(others >= row[target])))
    return np.array(ranks)
