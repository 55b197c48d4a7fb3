"""What is claimed of every op: right gradients, PyTorch's numbers, any strides and dtype, empty batches."""

from collections.abc import Callable
from itertools import chain
from operator import attrgetter
from typing import NamedTuple

import numpy as np
import pytest

from minidelve import (
    avg_pool2d,
    concat,
    cross_entropy,
    dropout,
    flatten,
    leaky_relu,
    linear,
    log_softmax,
    max_pool2d,
    prelu,
    relu,
    softmax,
    spatial_pyramid_pool2d,
)
from minidelve.ops import local_response_norm, matmul
from minidelve.testing import check_gradients
from tests.helpers import agree_with_torch, distinct, empty_batch, layout_does_not_matter

pytestmark = pytest.mark.usefixtures("kernels")
rng = np.random.default_rng(2015)
normal = rng.standard_normal


def spread(*shape):
    """No two numbers equal, none 0: where maxima and rectifiers have a slope."""
    return distinct(rng, *shape)


class Case(NamedTuple):
    ours: Callable
    theirs: Callable | None  # PyTorch's, where it has one
    inputs: list[np.ndarray]


def case(op, theirs, inputs, *arguments, **options):
    """(name, Case).  Both functions get these arguments; theirs is a name in torch, a function, or None."""

    def of(f):
        return lambda *xs: f(*xs, *arguments, **options)

    theirs = in_torch(theirs) if isinstance(theirs, str) else theirs
    name = " ".join(map(str, [op.__name__, *(x.shape for x in inputs), *arguments, *options.values()]))
    return name, Case(of(op), theirs and of(theirs), inputs)


def in_torch(name):
    return lambda *xs, **options: attrgetter(name)(torch())(*xs, **options)


def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed: nothing to agree with")


def adaptive_pools(x, levels):
    return torch().cat([torch().nn.functional.adaptive_max_pool2d(x, n).flatten(1) for n in levels], dim=1)


def join(*xs, axis):
    return concat(xs, axis)


def seeded_dropout(x, p):
    """The same mask at each call."""
    return dropout(x, p, training=True, rng=np.random.default_rng(0))


def rectifiers():
    for shape in [(4, 3), (2, 3, 5), (2, 3, 4, 5), (1, 1, 1, 1), (3, 1, 2, 2)]:
        for slopes in {shape[1], 1}:
            yield case(prelu, "nn.functional.prelu", [spread(*shape), normal(slopes)])
    for shape in [(), (5,), (4, 3), (2, 3, 4, 5), (1, 1)]:
        yield case(relu, "relu", [spread(*shape)])
        for slope in (0.01, 0.3):
            yield case(leaky_relu, "nn.functional.leaky_relu", [spread(*shape)], slope)


# x, kernel_size, stride, padding, ceil_mode
WINDOWS = [
    ((2, 3, 4, 6), 2, None, 0, False),
    ((2, 3, 7, 6), 3, 2, 1, False),  # overlapping windows
    ((2, 3, 7, 6), 3, 2, 1, True),
    ((1, 2, 8, 6), (3, 2), (2, 3), (1, 0), True),
    ((1, 2, 6, 7), (1, 4), (3, 1), (0, 2), False),
    ((2, 1, 5, 5), 2, 3, 0, True),  # the last window hangs over the edge
    ((1, 1, 3, 3), 4, 3, 2, True),  # over the frame, too
    ((1, 1, 3, 4), 2, 4, 1, True),  # no window of nothing but frame
    ((1, 2, 3, 4), (3, 4), None, 0, False),  # one window
    ((2, 2, 1, 1), 1, 1, 0, False),
]


def pooling():
    for shape, k, s, p, ceil in WINDOWS:
        window = {"kernel_size": k, "stride": s, "padding": p, "ceil_mode": ceil}
        yield case(max_pool2d, "nn.functional.max_pool2d", [spread(*shape)], **window)
        yield case(avg_pool2d, "nn.functional.avg_pool2d", [normal(shape)], **window)
    for levels in [(1,), (2, 1), (3, 2, 1), (1, 2, 3), (6, 3, 2, 1), (2, 2)]:
        for size in [(1, 1), (2, 3), (6, 6), (7, 5)]:
            yield case(spatial_pyramid_pool2d, adaptive_pools, [spread(2, 3, *size) - 9], levels)
    yield case(max_pool2d, "nn.functional.max_pool2d", [spread(2, 3, 7, 6) - 9], 3, 2, 1)  # -9: all are negative
    yield case(spatial_pyramid_pool2d, adaptive_pools, [spread(1, 2, 10, 13)], (6, 3, 2, 1))


def normalisation():
    # even and odd windows, wider than the channels, AlexNet's constants
    for shape, size, alpha, beta, k in [
        ((2, 7, 2, 3), 5, 5e-4, 0.75, 2.0),
        ((2, 7, 2, 3), 3, 0.9, 0.75, 1.0),
        ((2, 6, 2, 1), 4, 0.9, 0.6, 1.0),
        ((3, 5), 2, 0.9, 1.3, 0.5),
        ((2, 3, 4), 9, 0.9, 0.5, 1.0),
        ((1, 1, 1, 1), 1, 0.9, 0.5, 1.0),
    ]:
        theirs = "nn.functional.local_response_norm" if len(shape) > 2 else None
        yield case(local_response_norm, theirs, [normal(shape)], size, alpha, beta, k)
    for p in (0.1, 0.5, 0.9):
        for shape in [(4, 5), (2, 3, 4, 5)]:
            yield case(seeded_dropout, None, [normal(shape)], p)


def products_and_the_rest():
    for shape in [(2, 3, 4, 5), (2, 3), (2, 3, 4), (1, 1, 1, 1)]:
        yield case(flatten, lambda x: torch().flatten(x, 1), [normal(shape)])
    for axis, *shapes in [(0, (2, 3, 4), (1, 3, 4)), (1, (2, 3, 4, 5), (2, 1, 4, 5)), (-1, (2, 3, 4), (2, 3, 2))]:
        theirs = lambda *xs, axis: torch().cat(xs, axis)  # noqa: E731
        yield case(join, theirs, [normal(shape) for shape in shapes], axis=axis)
    yield case(linear, "nn.functional.linear", [normal((4, 5)), normal((3, 5)), normal(3)])
    yield case(linear, "nn.functional.linear", [normal((2, 5)), normal((3, 5))])
    for x, y in [
        ((2, 3), (3, 4)),
        ((1, 1), (1, 1)),
        ((3,), (3,)),
        ((3,), (3, 4)),
        ((2, 3), (3,)),
        ((5, 2, 3), (3, 4)),
        ((2, 3), (5, 3, 4)),
        ((5, 2, 3), (5, 3, 4)),
        ((5, 1, 2, 3), (6, 3, 4)),
        ((5, 2, 3), (3,)),
        ((3,), (5, 3, 4)),
    ]:
        yield case(matmul, "matmul", [normal(x), normal(y)])
    for op in (softmax, log_softmax):
        for axis, *shapes in [(0, (3, 4), (5,)), (1, (3, 4), (2, 3, 2, 2), (3, 1)), (2, (2, 3, 4)), (-1, (3, 4))]:
            for shape in shapes:
                yield case(op, op.__name__, [3 * normal(shape)], axis)
    theirs = lambda z, targets: torch().nn.functional.cross_entropy(z, torch().tensor(targets))  # noqa: E731
    yield case(cross_entropy, theirs, [3 * normal((4, 5))], np.array([0, 4, 2, 2]))


CASES = dict(chain(rectifiers(), pooling(), normalisation(), products_and_the_rest()))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_gradients_are_the_differences(case):
    check_gradients(case.ours, *case.inputs)


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items() if case.theirs])
def test_agrees_with_torch(case):
    agree_with_torch(case.ours, case.theirs, *case.inputs)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_strides_and_dtype_do_not_matter(case):
    layout_does_not_matter(case.ours, *case.inputs)


# op, shape of an image, of its result, parameters
EMPTY = [
    (prelu, (3, 2, 2), (3, 2, 2), np.full(3, 0.25)),
    (prelu, (3,), (3,), np.full(1, 0.25)),
    (leaky_relu, (3, 2, 2), (3, 2, 2)),
    (relu, (3, 2, 2), (3, 2, 2)),
    (lambda x: max_pool2d(x, 2), (3, 4, 6), (3, 2, 3)),
    (lambda x: avg_pool2d(x, 2), (3, 4, 6), (3, 2, 3)),
    (lambda x: spatial_pyramid_pool2d(x, (3, 1)), (2, 4, 4), (20,)),
    (local_response_norm, (3, 2, 2), (3, 2, 2)),
    (lambda x: seeded_dropout(x, 0.5), (3, 4), (3, 4)),
    (flatten, (3, 4, 5), (60,)),
    (linear, (5,), (3,), np.ones((3, 5)), np.ones(3)),
    (softmax, (4,), (4,)),
    (log_softmax, (4,), (4,)),
]


@pytest.mark.parametrize("op, x, y, parameters", [(op, x, y, rest) for op, x, y, *rest in EMPTY])
def test_an_empty_batch_stays_one(op, x, y, parameters):
    empty_batch(op, x, y, *parameters)
