"""What runs for days does not grow, and what a user's own threads and processes do at once is what one does alone."""

import functools
import gc
import multiprocessing
import threading
import tracemalloc

import numpy as np
import pytest

from minidelve import Tensor, cross_entropy, models, no_grad, optim


def network():
    return models.create("lab14", 4, width=0.25, fc=16, seed=1)


def batch(seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((4, 3, 28, 28)).astype(np.float32), rng.integers(0, 4, 4)


def step(net, sgd, images, labels):
    sgd.zero_grad()
    loss = cross_entropy(net(Tensor(images)), labels)
    loss.backward()
    sgd.step()


def scores(net, images):
    with no_grad():
        return net(Tensor(images)).data


def growth(once, times):
    """Bytes and objects that are there after `times` calls and were not after a few."""
    tracemalloc.start()
    try:
        for _ in range(5):
            once()
        gc.collect()
        before, objects = tracemalloc.get_traced_memory()[0], len(gc.get_objects())
        for _ in range(times):
            once()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before, len(gc.get_objects()) - objects
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("what", ["steps", "evaluations"])
def test_memory_stays_flat(what):
    net = network()
    sgd = optim.SGD(net.parameters(), lr=0.001)
    images, labels = batch()
    once = functools.partial(step, net, sgd, images, labels)
    if what == "evaluations":
        net.eval()
        once = functools.partial(scores, net, images)
    grown, objects = growth(once, 60)
    assert grown < 50_000, f"{grown} bytes more"  # a single kept batch of activations is more than that
    assert objects < 60, f"{objects} objects more"


def trained_scores(seed):
    """The scores of a network after three steps."""
    net = network()
    net.eval()  # dropout draws nothing
    sgd = optim.SGD(net.parameters(), lr=0.001)
    images, labels = batch(seed)
    for _ in range(3):
        step(net, sgd, images, labels)
    return scores(net, images)


def test_eight_threads_of_a_user_compute_what_one_does():
    alone = [trained_scores(seed) for seed in range(8)]
    found: dict[int, np.ndarray] = {}
    start = threading.Barrier(8)

    def work(seed):
        start.wait()
        found[seed] = trained_scores(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert len(found) == 8
    for seed in range(8):
        np.testing.assert_allclose(found[seed], alone[seed], rtol=1e-4, atol=1e-5)


def _send(queue, seed):
    queue.put(trained_scores(seed))


@pytest.mark.parametrize("method", [m for m in ("spawn", "fork") if m in multiprocessing.get_all_start_methods()])
def test_processes_of_either_kind_compute_what_one_does(method):
    alone = trained_scores(3)  # threads and BLAS are in use before the fork
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    children = [context.Process(target=_send, args=(queue, 3), daemon=True) for _ in range(2)]
    for child in children:
        child.start()
    for _ in children:
        np.testing.assert_allclose(queue.get(timeout=300), alone, rtol=1e-4, atol=1e-5)
    for child in children:
        child.join(60)
        assert child.exitcode == 0
