"""Splitting over the cores: every image once, in order, side by side; one thread each within, as before after."""

import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController

from minidelve.backend import blas, threads
from tests.helpers import in_python


@pytest.fixture
def limits():
    """limits() -> (BLAS threads, switch interval), both above what they are within shares."""
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    before = [library.get_num_threads() for library in libraries]
    interval = sys.getswitchinterval()
    for library in libraries:
        library.set_num_threads(2)
    sys.setswitchinterval(0.005)

    def now():
        return [library.get_num_threads() for library in libraries], sys.getswitchinterval()

    yield now
    sys.setswitchinterval(interval)
    for library, count in zip(libraries, before):
        library.set_num_threads(count)


def within(limits):
    return [1] * len(limits()[0]), pytest.approx(1e-4)


# -- shares ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("cores", [1, 2, 3, 5, 64])
def test_shares_are_the_whole_range_in_order_one_a_core_and_nearly_equal(threads_are, cores):
    threads_are(cores)
    for count in range(1, 40):
        shares = threads.shares(count)
        assert [i for share in shares for i in range(count)[share]] == list(range(count))
        lengths = {share.stop - share.start for share in shares}
        assert len(shares) == min(cores, count) and min(lengths) >= 1 and max(lengths) <= min(lengths) + 1


def test_shares_depend_on_nothing_but_count_and_cores(threads_are):
    threads_are(3)
    first = threads.shares(10)
    assert first == [slice(0, 3), slice(3, 6), slice(6, 10)]
    assert threads.in_shares(lambda share: threads.shares(10), 10) == [first] * 3
    assert threads.in_shares(lambda share: share, 10) == first
    assert threads.shares(0) == threads.in_shares(lambda share: share, 0) == [slice(0, 0)]


# -- in_shares -------------------------------------------------------------------------------------


def test_results_come_in_order_whoever_is_done_first(threads_are):
    threads_are(4)

    def late(share):
        time.sleep(0.05 * (4 - share.start))
        return share.start

    assert threads.in_shares(late, 4) == [0, 1, 2, 3]


@pytest.mark.parametrize("cores", [2, 4])
def test_shares_run_side_by_side(threads_are, cores):
    threads_are(cores)
    barrier = threading.Barrier(cores, timeout=10)  # breaks unless all are here at once

    def meet(share):
        barrier.wait()
        return threading.get_ident()

    idents = threads.in_shares(meet, 8)
    assert len(set(idents)) == cores
    assert idents[0] == threading.get_ident()


def test_inside_a_share_the_work_is_not_divided_again(threads_are):
    threads_are(3)

    def inner(share):
        return share, threading.get_ident()

    def outer(share):
        return threads.in_shares(inner, 7), [(slice(0, 7), threading.get_ident())]

    for found, expected in threads.in_shares(outer, 6):
        assert found == expected


@pytest.mark.parametrize("failing", [0, 1, 2])
@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, SystemExit])
def test_an_error_surfaces_when_the_other_shares_have_finished(threads_are, failing, error):
    threads_are(3)
    finished, failed = [], threading.Event()

    def work(share):
        if share.start == failing:
            failed.set()
            raise error("planted")
        failed.wait(10)
        time.sleep(0.1)
        finished.append(share.start)

    with pytest.raises(error, match="planted"):
        threads.in_shares(work, 3)
    assert sorted(finished) == sorted({0, 1, 2} - {failing})
    assert threads.in_shares(lambda share: share.start, 3) == [0, 1, 2]


def test_of_two_errors_the_first_share_s_surfaces(threads_are):
    threads_are(2)

    def fail(share):
        raise ValueError(f"share {share.start}")

    with pytest.raises(ValueError, match="share 0"):
        threads.in_shares(fail, 2)


def test_ctrl_c_while_waiting_is_raised_when_the_other_share_is_done(threads_are, limits):
    threads_are(2)
    before, finished = limits(), []

    def work(share):
        if share.start == 0:
            return
        time.sleep(0.1)  # the main thread is waiting by now
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        time.sleep(0.2)
        finished.append(share)

    with pytest.raises(KeyboardInterrupt):
        threads.in_shares(work, 2)
    assert finished == [slice(1, 2)]
    assert limits() == before


def test_errstate_of_the_caller_holds_in_every_share(threads_are):
    threads_are(2)
    for bad in 0, 1:
        x = np.ones(2)
        x[bad] = 0
        with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
            threads.in_shares(lambda share, x=x: 1 / x[share], 2)


# -- one thread within, as before after --------------------------------------------------------------


@pytest.mark.parametrize(("cores", "shares"), [(2, [slice(0, 1), slice(1, 2)]), (1, [slice(0, 5)]), (2, [slice(0, 1)])])
def test_blas_and_switch_interval_are_limited_but_for_a_single_image(threads_are, limits, cores, shares):
    threads_are(cores)
    before, count = limits(), shares[-1].stop
    found = threads.in_shares(lambda share: (share, limits(), threading.get_ident()), count)
    assert [share for share, *_ in found] == shares and found[0][2] == threading.get_ident()
    assert [limited for _, limited, _ in found] == [before if count == 1 else within(limits)] * len(shares)
    assert limits() == before


@pytest.mark.parametrize("failing", [None, 0, 1])
@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_blas_and_switch_interval_are_restored_afterwards(threads_are, limits, failing, error):
    threads_are(2)
    before = limits(), threads._pool().submit(limits).result()

    def work(share):
        if share.start == failing:
            raise error

    try:
        threads.in_shares(work, 2)
    except error:
        assert failing is not None
    assert (limits(), threads._pool().submit(limits).result()) == before
    assert threads.in_shares(lambda share: share.start, 2) == [0, 1]


def test_limits_hold_until_the_last_of_two_users_leaves(limits):
    before, (a, b) = limits(), (blas.side_by_side(), blas.side_by_side())
    a.__enter__()
    b.__enter__()
    a.__exit__(None, None, None)
    assert limits() == within(limits)
    b.__exit__(None, None, None)
    assert limits() == before


def test_two_threads_of_the_user_s_may_share_out_work_at_once(threads_are, limits, rng):
    threads_are(2)
    before = limits()
    x, y = rng.standard_normal((2, 128, 128))

    def many():
        return [threads.matmul(x, y) for _ in range(50)]

    with ThreadPoolExecutor(2) as users:
        for result in users.submit(many), users.submit(many):
            assert all(np.allclose(z, x @ y) for z in result.result(20))
    assert limits() == before


# -- thread_count ----------------------------------------------------------------------------------

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


@pytest.mark.parametrize(("numba_threads", "omp_threads", "expected"), [
    (None, None, CORES), ("3", None, 3), (None, "5", 5), ("3", "5", 3), ("1", "5", 1), ("0", None, CORES), ("", "5", 5),
    ("abc", "5", 5), (None, "abc", CORES), (None, "4,2", CORES), (None, "-1", CORES), (None, "2.5", CORES),
    (None, "²", CORES),  # a digit to str.isdigit, not to int
])  # fmt: skip
def test_thread_count_is_what_the_environment_asks_for(monkeypatch, numba_threads, omp_threads, expected):
    for variable, value in ("NUMBA_NUM_THREADS", numba_threads), ("OMP_NUM_THREADS", omp_threads):
        monkeypatch.delenv(variable, raising=False)
        if value is not None:
            monkeypatch.setenv(variable, value)
    assert threads._default_thread_count.__wrapped__() == expected


COUNT_IDENTS = """
import threading, time
from minidelve.backend import threads
def late(share):
    time.sleep(0.1)
    return threading.get_ident()
print(threads.thread_count(), len(set(threads.in_shares(late, 12))))
"""


@pytest.mark.parametrize(("numba_threads", "omp_threads", "expected"), [
    ("3", "", 3), ("", "1", 1), ("", "4,2", CORES), ("abc", "2", 2),
])  # fmt: skip
def test_a_process_uses_as_many_threads_as_its_environment_asks_for(numba_threads, omp_threads, expected):
    said = in_python(COUNT_IDENTS, NUMBA_NUM_THREADS=numba_threads, OMP_NUM_THREADS=omp_threads)
    assert said == f"{expected} {expected}"


# -- matmul ----------------------------------------------------------------------------------------

SHAPES = [(7, 5, 3), (3, 5, 7), (4, 4, 4), (1, 6, 9), (9, 6, 1), (1, 8, 1), (1, 1, 1), (2, 0, 3), (0, 4, 3), (3, 4, 0)]


@pytest.mark.parametrize("small", [0, threads.SMALL_WORK])
@pytest.mark.parametrize("cores", [1, 2, 3, 5])
@pytest.mark.parametrize("n, k, m", SHAPES)
def test_matmul_is_numpy_s(threads_are, monkeypatch, rng, cores, small, n, k, m):
    threads_are(cores)
    monkeypatch.setattr(threads, "SMALL_WORK", small)
    for dtypes in ("f4", "f4"), ("f8", "f8"), ("f4", "f8"):
        x, y = rng.standard_normal((n, k)).astype(dtypes[0]), rng.standard_normal((k, m)).astype(dtypes[1])
        for left in x, np.asfortranarray(x), np.repeat(x, 2, axis=0)[::2]:
            for right in y, np.asfortranarray(y), np.repeat(y, 2, axis=1)[:, ::2]:
                z, expected = threads.matmul(left, right), x @ y
                assert (z.dtype, z.shape, z.flags.c_contiguous) == (expected.dtype, (n, m), True)
                np.testing.assert_allclose(z, expected, rtol=0, atol=1e-5 if z.dtype == "f4" else 1e-14)


@pytest.fixture
def products(monkeypatch, limits):
    """What each call of NumPy's matmul found: (BLAS threads, Python's thread, shape of the result)."""
    found, numpys = [], np.matmul

    def spy(x, y, out):
        found.append((limits()[0], threading.get_ident(), out.shape))
        return numpys(x, y, out=out)

    monkeypatch.setattr(np, "matmul", spy)
    return found


@pytest.mark.parametrize("n, k, m", [(300, 64, 128), (128, 64, 300), (3, 4, 5), (1, 2000, 700), (1, 1 << 21, 1)])
@pytest.mark.parametrize("cores", [1, 2, 3])
def test_matmul_never_lets_blas_use_several_threads(threads_are, products, limits, cores, n, k, m):
    threads_are(cores)
    assert np.all(threads.matmul(np.ones((n, k), np.float32), np.ones((k, m), np.float32)) == k)
    assert products and all(blas_threads == within(limits)[0] for blas_threads, *_ in products)


@pytest.mark.parametrize("n, m", [(6, 4), (4, 6), (5, 5)])
def test_matmul_splits_the_longer_side(threads_are, monkeypatch, products, n, m):
    threads_are(2)
    monkeypatch.setattr(threads, "SMALL_WORK", 0)
    threads.matmul(np.ones((n, 3)), np.ones((3, m)))
    halves = [(n, m // 2), (n, m - m // 2)] if m >= n else [(n // 2, m)] * 2
    assert sorted(shape for *_, shape in products) == halves


def test_matmul_inside_a_share_stays_on_its_thread(threads_are, monkeypatch, products):
    threads_are(2)
    monkeypatch.setattr(threads, "SMALL_WORK", 0)

    def work(share):
        threads.matmul(np.ones((8, 8)), np.ones((8, 8)))
        return threading.get_ident()

    assert sorted(threads.in_shares(work, 2)) == sorted(ident for _, ident, _ in products)


# -- processes -------------------------------------------------------------------------------------


LIBRARIES = """
from minidelve.backend import blas
early = {library.filepath for library in blas.libraries()}
import numpy as np
np.linalg.inv(np.eye(300)) @ np.ones((300, 300))
from threadpoolctl import ThreadpoolController
late = {library.filepath for library in ThreadpoolController().select(user_api="blas").lib_controllers}
print(late - early)
"""


def test_numpy_s_blas_is_found_however_early_one_asks():
    assert in_python(LIBRARIES) == "set()"


USED = """
import os, signal, sys, threading
import numpy as np
from minidelve.backend import threads
x = np.ones((300, 300))
def product():
    assert (threads.matmul(x, x) == 300).all()
    assert threads.in_shares(lambda share: sys.getswitchinterval() < 0.001, 2) == [True, True]
    assert sys.getswitchinterval() == 0.005
product()
"""
FORK = """
def fork():
    pid = os.fork()
    if not pid:
        signal.alarm(15)  # ends a child that hangs
        product()
        os._exit(7)
    print(os.waitpid(pid, 0)[1] >> 8)
"""
WHILE_SHARES_RUN = """
inside, leave = threading.Event(), threading.Event()
def hold(share):
    inside.set()
    leave.wait()
other = threading.Thread(target=threads.in_shares, args=(hold, 2))
other.start()
inside.wait()
fork()
leave.set()
other.join()
product()
"""
MULTIPROCESSING = """
import multiprocessing
child = multiprocessing.get_context("fork").Process(target=product)
child.start()
child.join(15)
print(child.exitcode)
child.kill()
"""
CHILDREN = {"forked": (FORK + "fork(); product()", "7"), "forked while shares run": (FORK + WHILE_SHARES_RUN, "7"),
            "of multiprocessing": (MULTIPROCESSING, "0")}  # fmt: skip


@pytest.mark.parametrize("end", ["", "sys.exit(0)", "product()"])
def test_the_pool_does_not_keep_the_interpreter_from_ending(end):
    in_python(USED + end, NUMBA_NUM_THREADS="3")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize(("code", "said"), CHILDREN.values(), ids=CHILDREN)
def test_a_child_has_a_pool_of_its_own_and_no_limits_of_its_parent_s(code, said):
    assert in_python(USED + code, NUMBA_NUM_THREADS="2") == said


# ---- what the user may set ----


def lab14_step(count: int, deterministic: bool) -> list[np.ndarray]:
    """Logits and all gradients of a batch of 11, computed on so many threads."""
    from minidelve import Tensor, cross_entropy, models

    network = models.create("lab14", 5, width=0.5, fc=24)
    x = np.random.default_rng(1).standard_normal((11, 3, 28, 28), dtype=np.float32)
    with threads.using(count, deterministic):
        logits = network.eval()(Tensor(x))
        cross_entropy(logits, np.arange(11) % 5).backward()
    return [logits.data, *(p.grad for p in network.parameters())]


def test_a_deterministic_run_gives_the_same_bits_on_any_number_of_threads():
    one, two, five = (lab14_step(count, deterministic=True) for count in (1, 2, 5))
    for a, b, c, free in zip(one, two, five, lab14_step(2, deterministic=False), strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)
        np.testing.assert_allclose(a, free, atol=1e-5 * np.abs(a).max())


def test_shares_of_a_deterministic_run_do_not_depend_on_the_threads():
    cuts = []
    for count in (1, 2, 3, 16):
        with threads.using(count, deterministic=True):
            cuts.append(threads.shares(100))
            assert threads.in_shares(lambda share: share, 100) == cuts[-1]
    assert len(cuts[0]) == threads.DETERMINISTIC_SHARES and all(cut == cuts[0] for cut in cuts)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_no_more_threads_than_allowed_work_at_once(count):
    working, most, lock = [0], [0], threading.Lock()

    def work(share):
        with lock:
            working[0] += 1
            most[0] = max(most[0], working[0])
        time.sleep(0.01)
        with lock:
            working[0] -= 1

    with threads.using(count, deterministic=True):
        threads.in_shares(work, 64)
    assert most[0] == count


def test_settings_end_with_their_block(limits):
    before = threads.thread_count(), threads.is_deterministic(), limits()
    with pytest.raises(RuntimeError), threads.using(1, deterministic=True):
        assert (threads.thread_count(), threads.is_deterministic()) == (1, True)
        assert limits()[0] == [1] * len(before[2][0])
        raise RuntimeError
    assert (threads.thread_count(), threads.is_deterministic(), limits()) == before
    with pytest.raises(ValueError, match="threads is 0; expected at least 1"), threads.using(0):
        pass
