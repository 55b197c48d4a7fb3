"""Lab 7: what has been written in place of the steps of training, and what to say to it."""

from contextlib import contextmanager

import numpy as np

from minidelve.backend import array_module, uniform
from minidelve.backend.streams import read_later
from minidelve.labs.task import Mistakes
from minidelve.ops.dropout import Dropout
from minidelve.tensor import no_grad
from minidelve.training import loop
from minidelve.training.validation import NEVER

mistakes = Mistakes()

PLACE = "eps stands in another place than in (4)"
FADING = "the memory of past steps is another than in (4)"
DECAY = "the weight decay is another than in (4)"
WHO_DECAYS = "who decays, and who does not"
SCALE = "the scale of what is kept"
WHICH = "which units are dropped"
GRADIENT = "the gradient"
WHOSE_MEAN = "whose mean and deviation"
UNIT = "another quantity than the error in percent"
COUNTED = "what the rank counts"
ORDER = "the order of the steps of training"
MODE = "the mode of the network"
SEED = "what a random generator depends on"
PLAN = "the order of an epoch"
WEIGHT = "a mean of means"

BACKWARD = "minidelve/ops/dropout.py:Dropout.backward"
DROPOUT = "minidelve/ops/dropout.py:dropout"
PERCENT = "minidelve/training/validation.py:percent_wrong"
RNG = "minidelve/data/feeding/loader.py:Loader._rng"


# -- momentum_step -----------------------------------------------------------------------------------------------------


@mistakes.of(
    "momentum_step", "mo-outside", PLACE,
    "eps outside D is PyTorch's rule: the same until eps drops. In the paper the ball keeps its speed.",
)  # fmt: skip
def _(a, D, gradient, mu, eps, decay):
    D[...] = mu * D + gradient + decay * a
    a -= eps * D


@mistakes.of(
    "momentum_step", "mo-ema", FADING,
    "(1 - mu) in front of the gradient is Adam's average: steps ten times too small.",
)  # fmt: skip
def _(a, D, gradient, mu, eps, decay):
    D[...] = mu * D + (1 - mu) * eps * (gradient + decay * a)
    a -= D


@mistakes.of("momentum_step", "mo-nesterov", FADING, "That looks ahead (Nesterov); (4) does not.")
def _(a, D, gradient, mu, eps, decay):
    step = eps * (gradient + decay * a)
    D[...] = mu * D + step
    a -= mu * D + step


@mistakes.of(
    "momentum_step", "mo-nostate", FADING,
    "D is forgotten from step to step: plain SGD. Did you bind a new local D instead of writing into it?",
)  # fmt: skip
def _(a, D, gradient, mu, eps, decay):
    a -= mu * D + eps * (gradient + decay * a)


@mistakes.of("momentum_step", "mo-nomu", FADING, "mu D is missing: what was gained so far is thrown away, plain SGD.")
def _(a, D, gradient, mu, eps, decay):
    D[...] = eps * (gradient + decay * a)
    a -= D


@mistakes.of(
    "momentum_step", "mo-local", "an array that the caller does not see",
    "`a = a - D` makes a new array with a local name; the caller's parameter never moves. Write into it: a -= D.",
)  # fmt: skip
def _(a, D, gradient, mu, eps, decay):
    D[...] = mu * D + eps * (gradient + decay * a)


@mistakes.of("momentum_step", "mo-up", "the sign of the step", "D points uphill, as the gradient does: subtract it.")
def _(a, D, gradient, mu, eps, decay):
    D[...] = mu * D + eps * (gradient + decay * a)
    a += D


@mistakes.of(
    "momentum_step", "mo-late", ORDER, "a moved by the D of the step before: first renew D, then subtract the new one."
)
def _(a, D, gradient, mu, eps, decay):
    old = D.copy()
    D[...] = mu * D + eps * (gradient + decay * a)
    a -= old


@mistakes.of("momentum_step", "mo-nodecay", DECAY, "Weight decay is missing.")
def _(a, D, gradient, mu, eps, decay):
    D[...] = mu * D + eps * gradient
    a -= D


@mistakes.of(
    "momentum_step", "mo-decaynoeps", DECAY,
    "decay a stands beside eps g; it belongs inside the bracket: eps (g + decay a).",
)  # fmt: skip
def _(a, D, gradient, mu, eps, decay):
    D[...] = mu * D + eps * gradient + decay * a
    a -= D


@mistakes.of(
    "momentum_step", "mo-decoupled", DECAY, "Decay acts on a directly (AdamW's way); in (4) it passes through D."
)
def _(a, D, gradient, mu, eps, decay):
    D[...] = mu * D + eps * gradient
    a -= D + eps * decay * a


@mistakes.of("momentum_step", "mo-decaysign", DECAY, "Decay pushes a away from 0.")
def _(a, D, gradient, mu, eps, decay):
    D[...] = mu * D + eps * (gradient - decay * a)
    a -= D


# -- decay_of ----------------------------------------------------------------------------------------------------------


@mistakes.of(
    "decay_of", "sd-all", WHO_DECAYS, "The slopes decay too: that pulls a to 0, to ReLU. The paper spares them."
)
def _(parameter, weight_decay):
    return weight_decay


@mistakes.of("decay_of", "sd-none", WHO_DECAYS, "Nothing decays; only the slopes are spared.")
def _(parameter, weight_decay):
    return 0.0


@mistakes.of("decay_of", "sd-wrongway", WHO_DECAYS, "The slopes decay and the weights do not.")
def _(parameter, weight_decay):
    return 0.0 if parameter.weight_decay else weight_decay


@mistakes.of("decay_of", "sd-wrongtoo", WHO_DECAYS, "The slopes decay and the weights do not.")
def _(parameter, weight_decay):
    return 0.0 if getattr(parameter, "weight_decay", False) else weight_decay


@mistakes.of(
    "decay_of", "sd-plain", WHO_DECAYS,
    "A Tensor that is no Parameter has no attribute weight_decay, and decays: getattr takes a value for that case.",
)  # fmt: skip
def _(parameter, weight_decay):
    return weight_decay if parameter.weight_decay else 0.0


# -- dropout -----------------------------------------------------------------------------------------------------------


def masked(self, x, keep, factor):
    """Dropout's forward with a mask and a factor of one's own."""
    mask = array_module(x).asarray(keep * factor, dtype=x.dtype)
    self.save(mask)
    return mask * x


@mistakes.of("dropout", "do-times", SCALE, "Multiplied by 1 - p: that makes the difference larger.")
def _(self, x, *, p, rng):
    return masked(self, x, uniform(rng, like=x) >= p, 1 - p)


@mistakes.of(
    "dropout", "do-noscale", SCALE,
    "What is kept is passed on as it is: while training, the next layer then gets (1 - p) of what it gets in testing.",
)  # fmt: skip
def _(self, x, *, p, rng):
    return masked(self, x, uniform(rng, like=x) >= p, 1)


@mistakes.of("dropout", "do-keep", WHICH, "p is the probability to drop; you keep with p.")
def _(self, x, *, p, rng):
    return masked(self, x, uniform(rng, like=x) < p, 1 / (1 - p))


@mistakes.of(
    "dropout", "do-keepp", WHICH, "p is the probability to drop; you keep with p, and divide by p to match.",
)  # fmt: skip
def _(self, x, *, p, rng):
    return masked(self, x, uniform(rng, like=x) < p, 1 / p)


@mistakes.of("dropout", "do-rowmask", WHICH, "One mask for all images of the batch: each element draws for itself.")
def _(self, x, *, p, rng):
    return masked(self, x, np.broadcast_to(uniform(rng, like=x[0]) >= p, x.shape), 1 / (1 - p))


@mistakes.of(
    "dropout", "do-ownrng", SEED, "The generator that was given is not asked: with one seed a run must repeat."
)
def _(self, x, *, p, rng):
    return masked(self, x, uniform(np.random.default_rng(), like=x) >= p, 1 / (1 - p))


@mistakes.of("dropout", "do-bnomask", GRADIENT, "The gradient of a silenced unit is 0; yours passes.", blank=BACKWARD)
def _(self, df):
    (mask,) = self.saved
    return df * mask.max()


@mistakes.of(
    "dropout", "do-bnoscale", GRADIENT, "What is kept was multiplied on the way forward: so is its gradient.",
    blank=BACKWARD,
)  # fmt: skip
def _(self, df):
    (mask,) = self.saved
    return df * (mask != 0)


@mistakes.of(
    "dropout", "do-vanilla", SCALE,
    "Scaled in testing instead of in training: the old way; here testing is the identity.", blank=DROPOUT,
)  # fmt: skip
def _(x, p, training, rng=None):
    return Dropout.apply(x, p=p, rng=rng) * (1 - p) if training else x * (1 - p)


@mistakes.of("dropout", "do-test", MODE, "Units are dropped in testing too.", blank=DROPOUT)
def _(x, p, training, rng=None):
    return Dropout.apply(x, p=p, rng=rng)


# -- normalisation -----------------------------------------------------------------------------------------------------


def normalized(images, mean, std, dtype, shifts, out):
    """As Statistics.normalize does, with a mean and a deviation of one's own."""
    out = np.empty(images.shape, dtype) if out is None else out
    out[...] = images
    out -= mean
    if shifts is not None:
        out += shifts[:, None, None, :].astype(out.dtype)
    out /= std
    return out


@mistakes.of(
    "normalisation", "no-valstats", WHOSE_MEAN,
    "The validation set is normalised with its own mean: the net never saw such inputs, and the test leaks into the "
    "recipe.",
)  # fmt: skip
def _(self, images, dtype=np.float32, shifts=None, out=None):
    return normalized(images, images.mean(axis=0), images.std(), dtype, shifts, out)


@mistakes.of(
    "normalisation", "no-valmean", WHOSE_MEAN,
    "You subtract the mean of the very images that come in. These may be of the test set, or a single one: the mean is "
    "that of the training set, self.mean.",
)  # fmt: skip
def _(self, images, dtype=np.float32, shifts=None, out=None):
    return normalized(images, images.mean(axis=0), self.std, dtype, shifts, out)


@mistakes.of(
    "normalisation", "no-valraw", WHOSE_MEAN,
    "The images pass as they are. Those of the validation set come through here too: they are not normalised.",
)  # fmt: skip
def _(self, images, dtype=np.float32, shifts=None, out=None):
    return normalized(images, 0, 1, dtype, shifts, out)


@mistakes.of("normalisation", "no-scalar", WHOSE_MEAN, "One mean for all pixels; the paper subtracts a mean image.")
def _(self, images, dtype=np.float32, shifts=None, out=None):
    return normalized(images, self.mean.mean(), self.std, dtype, shifts, out)


@mistakes.of("normalisation", "no-var", "what is divided by", "Divided by the variance.")
def _(self, images, dtype=np.float32, shifts=None, out=None):
    return normalized(images, self.mean, self.std**2, dtype, shifts, out)


@mistakes.of("normalisation", "no-nostd", "what is divided by", "The mean is gone, but nothing is divided by std.")
def _(self, images, dtype=np.float32, shifts=None, out=None):
    return normalized(images, self.mean, 1, dtype, shifts, out)


@mistakes.of(
    "normalisation", "no-wrap", "numbers of 8 bits",
    "images are uint8, 0 to 255: in them 3 - 5 is 254. Bring them to floats first, then subtract.",
)  # fmt: skip
def _(self, images, dtype=np.float32, shifts=None, out=None):
    wrapped = images - self.mean.astype(np.uint8)
    return normalized(wrapped, self.mean - self.mean.astype(np.uint8), self.std, dtype, shifts, out)


@mistakes.of(
    "normalisation", "no-out", "an array that the caller does not see",
    "The caller looks into the array that it gave as `out`. `out = ...` binds a local name: out[...] = ... writes.",
)  # fmt: skip
def _(self, images, dtype=np.float32, shifts=None, out=None):
    return normalized(images, self.mean, self.std, dtype, shifts, None)


# -- top_k_error -------------------------------------------------------------------------------------------------------


def ranked(scores, ahead):
    """Ranks, with those images without one that have a score that is no number."""
    return np.where(np.isnan(scores).any(axis=1), NEVER, ahead)


def own(scores, targets):
    """The score of each image's right class, a column."""
    return scores[np.arange(len(targets)), targets][:, None]


@mistakes.of(
    "top_k_error", "tk-asc", COUNTED, "argsort sorts upwards: you looked among the k least likely."
)  # fmt: skip
def _(scores, targets):
    return ranked(scores, (scores <= own(scores, targets)).sum(axis=1) - 1)


@mistakes.of(
    "top_k_error", "tk-itself", COUNTED, "The right class is counted among those ahead of it: a hit has rank 0, not 1."
)
def _(scores, targets):
    return ranked(scores, (scores >= own(scores, targets)).sum(axis=1))


@mistakes.of(
    "top_k_error", "tk-tie", COUNTED,
    "A tie counts against the network: else one that gives every class the same score would be perfect.",
)  # fmt: skip
def _(scores, targets):
    return ranked(scores, (scores > own(scores, targets)).sum(axis=1))


@mistakes.of(
    "top_k_error", "tk-nan", COUNTED,
    "Every comparison with NaN is false: an image with such scores came out as a hit. Its rank is NEVER.",
)  # fmt: skip
def _(scores, targets):
    return (scores >= own(scores, targets)).sum(axis=1) - 1


@mistakes.of(
    "top_k_error", "tk-tienan", COUNTED,
    "Two things: a tie counts against the network, and an image with a NaN among its scores has the rank NEVER.",
)  # fmt: skip
def _(scores, targets):
    return (scores > own(scores, targets)).sum(axis=1)


@mistakes.of("top_k_error", "tk-acc", UNIT, "That is the accuracy; asked for is the error.", blank=PERCENT)
def _(ranks, k, classes):
    return None if 1 < k >= classes else 100 * float((ranks < k).mean())


@mistakes.of("top_k_error", "tk-frac", UNIT, "A share, not percent.", blank=PERCENT)
def _(ranks, k, classes):
    return None if 1 < k >= classes else float((ranks >= k).mean())


@mistakes.of(
    "top_k_error", "tk-offbyone", COUNTED, "Ranks begin at 0: of k guesses the last has rank k - 1.", blank=PERCENT
)
def _(ranks, k, classes):
    return None if 1 < k >= classes else 100 * float((ranks > k).mean())


@mistakes.of(
    "top_k_error", "tk-exact", COUNTED, "Top-k asks whether the rank is below k, not whether it is k.", blank=PERCENT
)
def _(ranks, k, classes):
    return None if 1 < k >= classes else 100 * float((ranks != k - 1).mean())


@mistakes.of(
    "top_k_error", "tk-none", "a case of its own",
    "Who may name all the classes is never wrong: a top-5 error of five classes says nothing, so it is None.",
    blank=PERCENT,
)  # fmt: skip
def _(ranks, k, classes):
    return 100 * float((ranks >= k).mean())


@mistakes.of(
    "top_k_error", "tk-allnone", "a case of its own",
    "None is for k > 1. With one guess, k = 1, the error is a number also of a single class.", blank=PERCENT,
)  # fmt: skip
def _(ranks, k, classes):
    return None if k >= classes else 100 * float((ranks >= k).mean())


# -- find_gradients ----------------------------------------------------------------------------------------------------


def forward_and_backward(run, batch, targets, axis=1):
    """The loss's gradients added to what is there; what is returned."""
    loss, logits = run.network.loss(batch, targets)
    loss_is, guesses_are = read_later(loss.data), read_later(logits.data.argmax(axis=axis))
    loss.backward(run.loss_scale.gradient(loss) if run.loss_scale else None)
    return loss_is, guesses_are


@mistakes.of(
    "find_gradients", "tr-nozero", ORDER,
    "backward() adds to .grad: without zero_grad() the gradients of the batches before are in it as well.",
)  # fmt: skip
def _(run, batch, targets):
    return forward_and_backward(run, batch, targets)


@mistakes.of(
    "find_gradients", "tr-nograd", ORDER,
    "No parameter has a gradient: backward() is missing, or a zero_grad() after it threw everything away.",
)  # fmt: skip
def _(run, batch, targets):
    results = forward_and_backward(run, batch, targets)
    run.optimizer.zero_grad()
    return results


@mistakes.of(
    "find_gradients", "tr-argmax0", "the axis of the guesses",
    "The guess is the class with the highest score of an image: the maximum along its row, axis 1.",
)  # fmt: skip
def _(run, batch, targets):
    run.optimizer.zero_grad()
    return forward_and_backward(run, batch, targets, axis=0)


@mistakes.of(
    "find_gradients", "tr-step", ORDER,
    "The weights have moved already: the step is taken by the caller, once the loss is known to be finite.",
)  # fmt: skip
def _(run, batch, targets):
    run.optimizer.zero_grad()
    results = forward_and_backward(run, batch, targets)
    run.optimizer.step()
    return results


# -- one_more_epoch ----------------------------------------------------------------------------------------------------


@mistakes.of(
    "one_more_epoch", "tr-lrlate", ORDER,
    "The schedule was stepped before the epoch: the rate drops an epoch early, and epoch 1 may not have the given one.",
)  # fmt: skip
def _(run, train_loader, val_loader):
    run.schedule.step()
    row = loop.train_epoch(run, train_loader, val_loader)
    run.history.append(row)
    return row


@mistakes.of(
    "one_more_epoch", "tr-nostep", ORDER, "Nobody tells the schedule that an epoch has ended: the rate never drops."
)
def _(run, train_loader, val_loader):
    row = loop.train_epoch(run, train_loader, val_loader)
    run.history.append(row)
    return row


@mistakes.of(
    "one_more_epoch", "tr-trainerror", "the error that decides",
    "The schedule was told the training error. A plateau is one of the validation error: the other falls on.",
)  # fmt: skip
def _(run, train_loader, val_loader):
    row = loop.train_epoch(run, train_loader, val_loader)
    run.history.append(row)
    run.schedule.step(row["train_top1_error"])
    return row


@mistakes.of(
    "one_more_epoch", "tr-losstold", "the error that decides",
    "The schedule was told the loss. It is to hear the top-1 validation error.",
)  # fmt: skip
def _(run, train_loader, val_loader):
    row = loop.train_epoch(run, train_loader, val_loader)
    run.history.append(row)
    run.schedule.step(row["train_loss"])
    return row


@mistakes.of(
    "one_more_epoch", "tr-nothingtold", "the error that decides",
    "The schedule was told no error. Milestones do without, but a plateau cannot be seen.",
)  # fmt: skip
def _(run, train_loader, val_loader):
    row = loop.train_epoch(run, train_loader, val_loader)
    run.history.append(row)
    run.schedule.step()
    return row


@mistakes.of(
    "one_more_epoch", "tr-nohistory", ORDER,
    "The row is not in run.history: the loop counts the epochs there, and would never end.",
)  # fmt: skip
def _(run, train_loader, val_loader):
    row = loop.train_epoch(run, train_loader, val_loader)
    run.schedule.step(row["val_top1_error"])
    return row


# -- evaluating --------------------------------------------------------------------------------------------------------


@mistakes.of(
    "evaluating", "tr-evalmode", MODE,
    "Two evaluations of one network differ: dropout is still on. network.eval() switches it off.",
)  # fmt: skip
@contextmanager
def _(network):
    was_training = network.training
    try:
        with no_grad(), np.errstate(all="ignore"):
            yield
    finally:
        network.train(was_training)


@mistakes.of(
    "evaluating", "tr-staysoff", MODE,
    "The network stays in evaluation mode: from the second epoch on it trains without dropout.",
)  # fmt: skip
@contextmanager
def _(network):
    network.eval()
    with no_grad(), np.errstate(all="ignore"):
        yield


@mistakes.of(
    "evaluating", "tr-switchedon", MODE,
    "A network that was in evaluation mode before must be in it afterwards: remember what it was.",
)  # fmt: skip
@contextmanager
def _(network):
    network.eval()
    try:
        with no_grad(), np.errstate(all="ignore"):
            yield
    finally:
        network.train()


@mistakes.of(
    "evaluating", "tr-graph", MODE,
    "A graph is kept that nobody will walk: no_grad() spares its memory.",
)  # fmt: skip
@contextmanager
def _(network):
    was_training = network.training
    network.eval()
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        network.train(was_training)


@mistakes.of(
    "evaluating", "tr-nofinally", MODE,
    "After an error or Ctrl-C the network is left in evaluation mode: use `finally`.",
)  # fmt: skip
@contextmanager
def _(network):
    was_training = network.training
    network.eval()
    with no_grad(), np.errstate(all="ignore"):
        yield
    network.train(was_training)


@mistakes.of(
    "evaluating", "tr-plain", MODE,
    "Two things: remember the mode that was before, and bring it back in a `finally`, also after an error or Ctrl-C.",
)  # fmt: skip
@contextmanager
def _(network):
    network.eval()
    with no_grad(), np.errstate(all="ignore"):
        yield
    network.train()


# -- what an epoch draws -----------------------------------------------------------------------------------------------


def shuffled(loader, seed):
    """An order that comes from a generator of one's own."""
    order = np.arange(len(loader.dataset))
    if loader.shuffle:
        np.random.default_rng(seed).shuffle(order)
    return order


@mistakes.of(
    "what an epoch draws", "tr-noshuffle", PLAN,
    "The batches of epochs 1 and 2 are the same, in the order of the folder: nothing was shuffled.",
)  # fmt: skip
def _(self, epoch):
    return np.arange(len(self.dataset))


@mistakes.of(
    "what an epoch draws", "tr-oneorder", SEED, "Every epoch has the same order: the generator must know the epoch."
)
def _(self, epoch):
    return shuffled(self, [self.seed, 0, 0])


@mistakes.of(
    "what an epoch draws", "tr-chance", SEED,
    "An epoch asked for again comes in another order: a generator without a seed cannot repeat a run.",
)  # fmt: skip
def _(self, epoch):
    return shuffled(self, None)


@mistakes.of(
    "what an epoch draws", "tr-anyseed", SEED, "Two seeds give the same order: the generator must know self.seed."
)
def _(self, epoch):
    return shuffled(self, [0, epoch, 0])


@mistakes.of(
    "what an epoch draws", "tr-always", PLAN,
    "Without shuffle=True the order is the data set's: the validation set is not shuffled.",
)  # fmt: skip
def _(self, epoch):
    return np.random.default_rng([self.seed, epoch, 0]).permutation(len(self.dataset))


@mistakes.of(
    "what an epoch draws", "tr-seedimage", SEED,
    "One generator for all images: what an image draws depends on which were read before it, so on --workers.",
    blank=RNG,
)  # fmt: skip
def _(self, epoch, i):
    if not hasattr(self, "generator"):
        self.generator = np.random.default_rng([self.seed, epoch, len(self.dataset) + 1])
    return self.generator


@mistakes.of(
    "what an epoch draws", "tr-samecrop", SEED,
    "An image gets the same crop and flip in every epoch: the generator must know the epoch.", blank=RNG,
)  # fmt: skip
def _(self, epoch, i):
    return np.random.default_rng([self.seed, 0, i + 1])


@mistakes.of(
    "what an epoch draws", "tr-samedraw", SEED,
    "All images of an epoch get the same crop and flip: the generator must know the image.", blank=RNG,
)  # fmt: skip
def _(self, epoch, i):
    return np.random.default_rng([self.seed, epoch, len(self.dataset) + 1])


@mistakes.of(
    "what an epoch draws", "tr-noseed", SEED, "Two seeds draw the same crops: the generator must know self.seed.",
    blank=RNG,
)  # fmt: skip
def _(self, epoch, i):
    return np.random.default_rng([0, epoch, i + 1])


@mistakes.of(
    "what an epoch draws", "tr-image0", SEED,
    "Image 0 draws the very numbers that shuffled the epoch: begin with i + 1.", blank=RNG,
)  # fmt: skip
def _(self, epoch, i):
    return np.random.default_rng([self.seed, epoch, i])


# -- mean_over_images --------------------------------------------------------------------------------------------------


@mistakes.of(
    "mean_over_images", "tr-lastbatch", WEIGHT,
    "A mean of the batches' means: the images of a short last batch count more than the others.",
)  # fmt: skip
def _(batches):
    return sum(mean for mean, _ in batches) / len(batches)


@mistakes.of("mean_over_images", "tr-sum", WEIGHT, "That is the sum over the images; divide by their number.")
def _(batches):
    return sum(mean * images for mean, images in batches)


@mistakes.of(
    "mean_over_images", "tr-perbatch", WEIGHT,
    "The sum over the images is divided by the number of batches; it belongs to all images.",
)  # fmt: skip
def _(batches):
    return sum(mean * images for mean, images in batches) / len(batches)


@mistakes.of(
    "mean_over_images", "tr-twice", WEIGHT,
    "The batches' own numbers are means already, not sums: multiply by the images before adding.",
)  # fmt: skip
def _(batches):
    return sum(mean for mean, _ in batches) / sum(images for _, images in batches)
