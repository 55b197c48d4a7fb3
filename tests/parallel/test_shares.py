"""Conv layers on shares of the batch: the same numbers as layer by layer, and the same manners as any op."""

import copy
import gc
import os
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest

from minidelve import Tensor, nn, no_grad, use
from minidelve.models import Network
from minidelve.parallel.shares import InShares, replicas, run_in_shares
from minidelve.tensor import reverse_topological_order
from tests.helpers import assert_close, in_python


@pytest.fixture(autouse=True)
def two_cores(threads_are):
    threads_are(2)


@pytest.fixture
def layers(rng) -> list[nn.Module]:
    """Every kind of layer that stands before the first fully connected one; no parameter is 0."""
    layers = [
        nn.Conv2d(3, 5, 3, padding=1), nn.PReLU(5), nn.MaxPool2d(2),
        nn.Conv2d(5, 4, (2, 3), stride=(1, 2), bias=False), nn.PReLU(1),
        nn.Conv2d(4, 4, 1), nn.LeakyReLU(0.1), nn.SpatialPyramidPool2d((2, 1)),
    ]  # fmt: skip
    for parameter in parameters_of(layers):
        parameter.data = rng.standard_normal(parameter.shape) / 2
    return layers


@pytest.fixture
def x(rng) -> Tensor:
    """Seven images: the shares differ in length."""
    return images(rng, 7)


def parameters_of(layers) -> list[nn.Parameter]:
    return [parameter for layer in layers for parameter in layer.parameters()]


def in_float64(layers):
    for parameter in parameters_of(layers):
        parameter.data = parameter.data.astype(np.float64)
    return layers


def images(rng, count) -> Tensor:
    return Tensor(rng.standard_normal((count, 3, 8, 10)), requires_grad=True)


def one_by_one(layers, x):
    for layer in layers:
        x = layer(x)
    return x


def run(how, layers, x, df=None) -> list[np.ndarray | None]:
    """[output, dE/dx, dE/dparameters ...] for E = sum of df * output; leaves no gradient behind."""
    y = how(layers, x)
    assert (type(y.function) is InShares) == (how is run_in_shares)
    y.backward(np.random.default_rng(7).standard_normal(y.shape) if df is None else df)
    return [y.data, *gradients_taken_from(x, *parameters_of(layers))]


def gradients_taken_from(*leaves) -> list[np.ndarray | None]:
    gradients = [leaf.grad for leaf in leaves]
    for leaf in leaves:
        leaf.grad = None
    return gradients


def agree(found, expected):
    for a, b in zip(found, expected, strict=True):
        assert (a is None) == (b is None)
        if b is not None:
            assert_close(a, b, 1e-12)


def agree_with_one_by_one(layers, x):
    agree(run(run_in_shares, layers, x), run(one_by_one, layers, x))


def bits(arrays) -> list[bytes]:
    return [array.tobytes() for array in arrays]


# -- the same numbers ------------------------------------------------------------------------------


@pytest.mark.parametrize("implementation", ["numba_cpu", "reference"])
@pytest.mark.parametrize("cores, count", [(2, 4), (2, 7), (3, 6), (3, 11), (4, 9), (5, 13)])
def test_output_and_every_gradient_are_those_one_by_one(threads_are, layers, rng, implementation, cores, count):
    threads_are(cores)
    x = images(rng, count)
    with use(implementation):
        found, expected = (run(how, layers, x) for how in (run_in_shares, one_by_one))
    assert not any(array is None for array in found)
    agree(found, expected)


def test_a_network_runs_its_fully_connected_layers_on_the_whole_batch(layers, x, rng):
    seen = []

    class Count(nn.Linear):
        def forward(self, x):
            seen.append(len(x))
            return super().forward(x)

    layers = in_float64([*layers, Count(20, 6), nn.ReLU(), Count(6, 2)])
    net = Network([(f"layer{i}", layer) for i, layer in enumerate(layers)], "test")
    df = rng.standard_normal((7, 2))
    outputs = []
    for how in net, lambda x: one_by_one(layers, x):
        y = how(x)
        y.backward(df)
        outputs.append([y.data, *gradients_taken_from(x, *net.parameters())])
    agree(*outputs)
    assert seen == [7] * 4


def test_a_parameter_of_two_layers_gets_both_gradients(x):
    layers = [nn.Conv2d(3, 3, 3, padding=1), nn.PReLU(3), nn.Conv2d(3, 3, 3, padding=1), nn.PReLU(3)]
    layers[2].weight, layers[3].a = layers[0].weight, layers[1].a
    agree_with_one_by_one(in_float64(layers), x)


def test_parameters_of_another_training_step_are_seen(layers, x):
    run(run_in_shares, layers, x)
    for parameter in parameters_of(layers):
        parameter.data = parameter.data * 1.5
    agree_with_one_by_one(layers, x)


def test_the_layers_themselves_are_left_as_they_were(layers, x):
    before = [dict(vars(layer)) for layer in layers]
    run(run_in_shares, layers, x)
    for layer, attributes in zip(layers, before):
        assert vars(layer).keys() == attributes.keys()
        assert all(vars(layer)[name] is value for name, value in attributes.items())


@pytest.mark.parametrize("cores", [2, 3])
def test_repeated_runs_give_the_same_bits(threads_are, layers, x, cores):
    threads_are(cores)
    first = bits(run(run_in_shares, layers, x))
    assert all(bits(run(run_in_shares, layers, x)) == first for _ in range(5))


def test_two_threads_of_the_user_s_get_the_bits_that_one_gets(layers, rng):
    others = copy.deepcopy(layers)
    for parameter in parameters_of(others):
        parameter.data *= 1.5
    work = [(layers, images(rng, 6)), (others, images(rng, 6))]
    alone = [bits(run(run_in_shares, *pair)) for pair in work]
    start = threading.Barrier(2, timeout=10)

    def many(pair):
        start.wait()
        return [bits(run(run_in_shares, *pair)) for _ in range(8)]

    with ThreadPoolExecutor(2) as users:
        for expected, result in zip(alone, [users.submit(many, pair) for pair in work]):
            assert all(found == expected for found in result.result(30))


def test_forward_and_backward_may_run_in_different_threads(layers, x):
    with ThreadPoolExecutor(1) as other:
        y = other.submit(run_in_shares, layers, x).result(20)
        y.backward(np.ones(y.shape))
    found = [y.data, *gradients_taken_from(x, *parameters_of(layers))]
    agree(found, run(one_by_one, layers, x, np.ones(y.shape)))


# -- what wants a gradient -------------------------------------------------------------------------


FROZEN = [{0, 1, 2}, {3}, {2, 4, 6}, {1, 2, 3, 4, 5, 6}, {0, 1, 2, 3, 4, 5}]


@pytest.mark.parametrize("x_wants, frozen", [*product([True, False], FROZEN), (True, set(range(7)))])
def test_frozen_parameters_get_no_gradient_and_the_others_the_same(layers, x, x_wants, frozen):
    x.requires_grad = x_wants
    parameters = parameters_of(layers)
    assert len(parameters) == 7
    for i in frozen:
        parameters[i].requires_grad = False
    found = run(run_in_shares, layers, x)
    assert [gradient is None for gradient in found[1:]] == [not x_wants, *(i in frozen for i in range(7))]
    agree(found, run(one_by_one, layers, x))
    for _, _, own, _ in run_in_shares(layers, x).function.passes:
        assert [w.requires_grad for w in own] == [i not in frozen for i in range(7)]


class Watch(nn.Module):
    """Passes x on and remembers, without keeping it, which Tensor and array came by and whether it had a graph."""

    def __init__(self):
        self.seen = []

    def forward(self, x):
        self.seen.append((weakref.ref(x), weakref.ref(x.data), x.function is not None))
        return x

    def alive(self):
        return [tensor() is not None or array() is not None for tensor, array, _ in self.seen]


@pytest.fixture
def no_collector():
    """Only counted references free memory: what these tests claim to be gone is gone at once."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def watch(layers):
    """A Watch among the layers."""
    layers.insert(4, Watch())
    return layers[4]


@pytest.mark.parametrize("why", ["no_grad", "everything frozen"])
def test_where_nothing_wants_a_gradient_nothing_is_kept(layers, x, watch, no_collector, why):
    if why == "no_grad":
        with no_grad():
            y = run_in_shares(layers, x)
    else:
        for parameter in parameters_of(layers):
            parameter.requires_grad = False
        y = run_in_shares(layers, x.detach())
    assert len(watch.seen) == 2
    assert (y.function, y.requires_grad) == (None, False)
    assert not any(had_graph for *_, had_graph in watch.seen)
    assert not any(watch.alive())
    agree([y.data], [one_by_one(layers, x).data])
    with pytest.raises(RuntimeError, match="nothing to do"):
        y.backward(np.ones(y.shape))


def test_no_grad_of_one_run_does_not_stick_to_the_pool_s_threads(layers, x):
    with no_grad():
        run_in_shares(layers, x)
    agree_with_one_by_one(layers, x)


# -- the graph's life ------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["backward", "forgetting the output"])
def test_the_graphs_of_the_shares_are_freed(layers, x, watch, no_collector, end):
    y = run_in_shares(layers, x)
    inner = [weakref.ref(output.function) for *_, output in y.function.passes]
    assert len(inner) == 2 and all(ref() for ref in inner)
    if end == "backward":
        y.backward(np.ones(y.shape))
    else:
        del y
    assert not any(ref() for ref in inner)
    assert not any(watch.alive())


def test_a_retained_graph_adds_the_same_again_and_one_backward_is_the_last(layers, x, rng):
    df = rng.standard_normal((7, 20))
    expected = run(one_by_one, layers, x, df)[1:]
    y, leaves = run_in_shares(layers, x), [x, *parameters_of(layers)]
    for times in 1, 2, 3:
        y.backward(df, retain_graph=times < 3)
        agree([leaf.grad for leaf in leaves], [times * gradient for gradient in expected])
    assert y.function.freed
    before = bits(leaf.grad for leaf in leaves)
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        y.backward(df)
    assert bits(leaf.grad for leaf in leaves) == before


def test_a_leaf_owns_its_gradient(layers, x):
    y, df, leaves = run_in_shares(layers, x), np.ones((7, 20)), [x, *parameters_of(layers)]
    y.backward(df, retain_graph=True)
    once = [leaf.grad.copy() for leaf in leaves]
    for leaf in leaves:
        leaf.grad *= 100
        leaf.grad = None
    y.backward(df)
    assert np.all(df == 1)
    agree([leaf.grad for leaf in leaves], once)


# -- errors ----------------------------------------------------------------------------------------


class Fail(nn.Module):
    """Raises in the main thread's share, or in the other one."""

    def __init__(self, error, in_main):
        self.error, self.in_main = error, in_main

    def forward(self, x):
        if (threading.current_thread() is threading.main_thread()) == self.in_main:
            raise self.error("planted")
        return x


@pytest.mark.parametrize("in_main", [True, False])
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_after_ctrl_c_or_an_error_in_a_share_all_works_as_before(layers, x, error, in_main):
    expected = bits(run(run_in_shares, layers, x))
    with pytest.raises(error, match="planted"):
        run_in_shares([*layers[:3], Fail(error, in_main), *layers[3:]], x)
    assert all(leaf.grad is None for leaf in (x, *parameters_of(layers)))
    assert bits(run(run_in_shares, layers, x)) == expected


def test_an_op_s_complaint_reaches_the_caller(layers):
    with pytest.raises(ValueError, match="conv2d: x has shape"):
        run_in_shares(layers, Tensor(np.zeros((6, 4, 8, 10))))


# -- when not to share -----------------------------------------------------------------------------


@pytest.mark.parametrize("cores, count, pays", [(1, 8, 0), (2, 3, 0), (2, 4, 1), (4, 7, 0), (4, 8, 1)])
def test_sharing_takes_two_cores_and_two_images_a_core(threads_are, layers, rng, cores, count, pays):
    threads_are(cores)
    x = images(rng, count)
    y = run_in_shares(layers, x)
    assert (type(y.function) is InShares) == pays
    agree([y.data], [one_by_one(layers, x).data])


def test_layers_within_a_layer_get_their_gradients(layers, x):
    x.requires_grad = False
    outer = [nn.Sequential(*layers[:3]), nn.Sequential(*layers[3:])]
    run_in_shares(outer, x).backward(np.ones((7, 20)))
    found = gradients_taken_from(*parameters_of(layers))
    agree(found, run(one_by_one, layers, x, np.ones((7, 20)))[2:])


def test_dropout_draws_for_the_whole_batch(rng):
    x = images(rng, 40)
    found, expected = (how([nn.Dropout(0.5, np.random.default_rng(3))], x) for how in (run_in_shares, one_by_one))
    assert bits([found.data]) == bits([expected.data])
    assert type(found.function) is not InShares  # two threads that draw in turn may be lucky


def test_replicas_take_the_given_parameters_in_order_of_definition(layers):
    own = [Tensor(parameter.data) for parameter in parameters_of(layers)]
    twins = replicas(layers, own)
    assert twins[0].weight is own[0]
    assert (twins[1].a is own[2]) and (twins[4].a is own[4])
    assert twins[5].bias is own[6]
    assert (twins[0].padding, twins[2].kernel_size, twins[3].bias) == ((1, 1), (2, 2), None)


def test_on_one_core_too_a_conv_layer_takes_its_activation_along(rng, threads_are):
    threads_are(1)
    layers = [nn.Conv2d(3, 4, 3, rng=rng), nn.PReLU(4)]
    y = run_in_shares(layers, Tensor(rng.standard_normal((6, 3, 8, 8)).astype(np.float32)))
    names = [type(node).__name__ for node in reverse_topological_order(y.node)]
    assert "InShares" not in names and "PReLU" not in names


@pytest.mark.parametrize("there, back", [(2, 1), (1, 2), (2, 3), (3, 2)])
def test_backward_may_have_another_number_of_threads(layers, x, threads_are, there, back):
    threads_are(there)
    y = run_in_shares(layers, x)
    threads_are(back)
    y.backward(np.ones(y.shape))
    found = [y.data, *gradients_taken_from(x, *parameters_of(layers))]
    agree(found, run(one_by_one, layers, x, np.ones(y.shape)))


def test_a_parameter_that_no_one_uses_has_the_gradient_zero(rng):
    class Odd(nn.Conv2d):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            self.unused = nn.Parameter(np.ones(3, np.float32))

    layer = Odd(3, 4, 3, rng=rng)
    y = run_in_shares([layer], Tensor(rng.standard_normal((8, 3, 6, 6)).astype(np.float32)))
    y.backward(np.ones(y.shape))
    assert layer.weight.grad.any() and not layer.unused.grad.any()


# -- other processes ---------------------------------------------------------------------------------

SMALL_STEP = """
import os, signal
import numpy as np
from minidelve import Tensor, cross_entropy, nn, optim
from minidelve.backend import threads
from minidelve.models import Network
rng = np.random.default_rng(0)
net = Network([("conv1", nn.Conv2d(3, 4, 3, rng=rng)), ("act", nn.PReLU(4)), ("spp", nn.SpatialPyramidPool2d((1,))),
               ("fc1", nn.Linear(4, 2, rng=rng))], "small")
x = rng.standard_normal((6, 3, 8, 8)).astype(np.float32)
threads.SMALL_WORK = 0
def step():
    loss = cross_entropy(net(Tensor(x)), np.arange(6) % 2)
    loss.backward()
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()
assert step() > step()
threads._pool().submit(int).result()
"""
FORK = """
pid = os.fork()
if not pid:
    signal.alarm(15)  # ends a child that hangs
    assert step() > step()
    os._exit(7)
print(os.waitpid(pid, 0)[1] >> 8)
assert step() > step()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_can_train_after_its_parent_has():
    assert in_python(SMALL_STEP + FORK, NUMBA_NUM_THREADS="2") == "7"


def test_the_interpreter_ends_after_training_though_the_graph_is_alive():
    in_python(SMALL_STEP + "y = net(Tensor(x)); assert y.requires_grad", NUMBA_NUM_THREADS="3")
