"""Lab 8, the paper: nothing is handed out, and all that was written before is tried together.

Every task runs on the student's files of labs 1 to 7 at once. A part has numbers of its own for each lab, and the last
task is the whole: the first batches of a network like lab14.
"""

import numpy as np

from minidelve.labs.task import Task

TITLE = "The paper: your own network on real images"
READING = ("8. The network: minidelve/models/small14.py", "12. A result: minidelve/experiments/table2.py")
CUTS: dict[str, tuple[str, ...]] = {}


def several(**shapes):
    """A draw of normal numbers of these shapes, by their names."""

    def draw(rng, dtype):
        return {"one case": {name: rng.normal(size=shape).astype(dtype) for name, shape in shapes.items()}}

    return draw


def labelled(x, classes, **shapes):
    """A draw of images or vectors x with targets, and of normal numbers of further shapes."""

    def draw(rng, dtype):
        inputs = several(x=x, **shapes)(rng, dtype)["one case"]
        return {"one case": inputs | {"targets": rng.integers(0, classes, x[0])}}

    return draw


def gradients(f, **arrays):
    """f of Tensors, summed with weights of its own, and the gradient of each."""
    from minidelve import Tensor

    inputs = {name: Tensor(x, requires_grad=True) for name, x in arrays.items()}
    y = f(**inputs)
    cotangent = np.random.default_rng(0).normal(size=y.shape).astype(y.dtype)
    y.backward(cotangent)
    return {"value": y.data} | {f"d{name}": x.grad for name, x in inputs.items()}


def call_engine(x, y, W, b):
    from minidelve import maximum

    def graph(x, y, W, b):
        z = x @ W + b  # b is used in every row, z three times
        return maximum(z * z / (y * y + 1.0), z)

    return gradients(graph, x=x, y=y, W=W, b=b)


def call_loss(x, targets, W, b):
    from minidelve import cross_entropy, linear

    return gradients(lambda x, W, b: cross_entropy(linear(x, W, b), targets) * 3.0, x=x, W=W, b=b)


def call_prelu(y, a):
    from minidelve import prelu

    own = gradients(prelu, y=y, a=a)
    shared = gradients(prelu, y=y, a=a[:1])
    return own | {f"shared slope, {name}": value for name, value in shared.items()}


def call_conv(x, W, b):
    from minidelve import conv2d
    from minidelve.training.computing import computing_with

    with computing_with(algorithm="im2col"):
        return gradients(lambda x, W, b: conv2d(x, W, b, stride=2, padding=1), x=x, W=W, b=b)


def call_pooling(x):
    from minidelve import max_pool2d, spatial_pyramid_pool2d

    pooled = gradients(lambda x: max_pool2d(x, 3, stride=2), x=x)
    pyramid = gradients(lambda x: spatial_pyramid_pool2d(x, (3, 2, 1)), x=x)
    return {f"max_pool2d, {name}": value for name, value in pooled.items()} | {
        f"pyramid, {name}": value for name, value in pyramid.items()
    }


def call_initialization(w):
    from minidelve import Tensor
    from minidelve.nn import init

    fillers = {
        "he_normal_": lambda t, rng: init.he_normal_(t, a=0.25, rng=rng),
        "he_normal_, fan_out": lambda t, rng: init.he_normal_(t, mode="fan_out", rng=rng),
        "xavier_normal_": lambda t, rng: init.xavier_normal_(t, rng=rng),
    }
    filled = {name: fill(Tensor(w.copy()), np.random.default_rng(8)) for name, fill in fillers.items()}
    return {name: tensor.data for name, tensor in filled.items()}


def call_training(x, targets, a):
    from minidelve import nn, optim
    from minidelve.training.step_log import mean_over_images
    from minidelve.training.validation import percent_wrong, rank_of_target

    weight, slope = nn.Parameter(x.copy()), nn.Parameter(a.copy(), weight_decay=False)
    sgd = optim.SGD([weight, slope], lr=0.1, momentum=0.5, weight_decay=0.3)
    for sgd.lr in (0.1, 0.1, 0.01):
        weight.grad, slope.grad = np.cos(weight.data), np.sin(slope.data)
        sgd.step()
    ranks = rank_of_target(x, targets)
    return {
        "a weight after 3 steps": weight.data, "a slope after 3 steps": slope.data, "ranks": np.asarray(ranks),
        "top-1 error": float(percent_wrong(ranks, 1, x.shape[1])),
        "mean": float(mean_over_images([(2.0, 3), (1.0, 1)])),
    }  # fmt: skip


def images(rng, dtype):
    """Three batches of noise, which like pictures have another mean at every place."""
    x = rng.integers(0, 256, (3, 4, 32, 32, 3)).astype(np.uint8)
    return {"batches of 4 images": {"pixels": x, "targets": rng.integers(0, 5, (3, 4)), "like": np.zeros(1, dtype)}}


def call_all_together(pixels, targets, like):
    from types import SimpleNamespace

    from minidelve import Tensor, data, models, optim
    from minidelve.training.computing import computing_with
    from minidelve.training.loop import find_gradients
    from minidelve.training.validation import evaluate

    network = models.create("lab14", num_classes=5, width=0.125, fc=16, fc_init="he", seed=3)
    for parameter in network.parameters():
        parameter.data = parameter.data.astype(like.dtype)
    for layer in network.modules():
        if hasattr(layer, "p"):
            layer.p = 0.0  # what is dropped is everybody's own draw
    mean = np.round(pixels.mean(axis=(0, 1)))  # with 64, so that no float rounds: it does not matter which one computes
    statistics = data.Statistics(mean.astype(np.float32), 64.0)
    batches = [statistics.normalize(batch, like.dtype).transpose(0, 3, 1, 2) for batch in pixels]
    sgd = optim.SGD(network.parameters(), lr=0.02)
    run = SimpleNamespace(network=network, optimizer=sgd, loss_scale=None)
    losses = []
    with computing_with(algorithm="im2col"):
        for batch, labels in zip(batches, targets, strict=True):
            loss_is, _ = find_gradients(run, Tensor(batch), labels)
            losses.append(float(loss_is()))
            sgd.step()
            sgd.lr /= 10
        errors = evaluate(network, zip(batches, targets, strict=True))
    slopes = np.concatenate([p.data for name, p in network.named_parameters() if name.endswith("act.a")])
    return {"loss of each batch": np.array(losses), "loss afterwards": errors.loss, "top-1 error": errors.top1,
            "slopes": slopes}  # fmt: skip


ENGINE, LOSS, PRELU, CONV = "lab 1: a graph", "lab 2: the loss", "lab 3: PReLU", "lab 4: a convolution"
POOLING, START, STEPS = "lab 5: pooling", "lab 6: the first weights", "lab 7: three steps"
TASKS = [
    Task(ENGINE, (), 1, several(x=(4, 3), y=(4, 5), W=(3, 5), b=(5,)), call_engine, earlier=1),
    Task(LOSS, (), 1, labelled((4, 3), 5, W=(5, 3), b=(5,)), call_loss, needs=(ENGINE,), earlier=2),
    Task(PRELU, (), 1, several(y=(2, 3, 4, 5), a=(3,)), call_prelu, needs=(ENGINE,), earlier=3),
    Task(CONV, (), 1, several(x=(2, 3, 7, 8), W=(4, 3, 3, 2), b=(4,)), call_conv, needs=(ENGINE,), earlier=4),
    Task(POOLING, (), 1, several(x=(2, 3, 8, 11)), call_pooling, needs=(ENGINE,), earlier=5),
    Task(START, (), 1, several(w=(6, 3, 2, 3)), call_initialization, earlier=6),
    Task(STEPS, (), 1, labelled((6, 7), 7, a=(3,)), call_training, earlier=7),
    Task("all of it: three batches", (), 3, images, call_all_together,
         needs=(ENGINE, LOSS, PRELU, CONV, POOLING, START, STEPS)),
]  # fmt: skip
