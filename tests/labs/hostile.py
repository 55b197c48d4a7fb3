"""What a student's function may do in place of its work. test_trying.py puts these into a student's file."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress

import numpy as np

PORT = 0  # at which the test listens


def fine(x):
    return 2 * x


def loops(x):
    while True:
        pass


def loops_deaf_to_the_limit(x):
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    while True:
        pass


def sleeps(x):
    time.sleep(1000)


def exits(x):
    sys.exit(3)


def leaves_at_once(x):
    os._exit(0)


def kills_itself(x):
    os.kill(os.getpid(), signal.SIGKILL)


def kills_its_group(x):
    os.killpg(0, signal.SIGKILL)


def crashes(x):
    ctypes.string_at(0)


def raises_an_interrupt(x):
    raise KeyboardInterrupt


def calls_itself(x):
    return calls_itself(x)


def fills_memory(x):
    return float(len([np.empty(2**24) for _ in range(1000)]))


def wants_an_array_of_terabytes(x):
    return np.ones(10**12)


def fills_the_disk(x):
    with open("filled", "wb") as file:
        while True:
            file.write(b"x" * 2**20)
            file.flush()


def forks(x):
    while True:
        os.fork()


def starts_a_program(x):
    return subprocess.run([sys.executable, "-c", ""])


def starts_threads(x):
    for _ in range(1000):
        threading.Thread(target=time.sleep, args=(1000,)).start()


def prints_without_end(x):
    while True:
        print("x" * 10**6)


def imports_torch(x):
    import torch

    return torch.tensor(x)


def imports_numba(x):
    from numba import njit

    return njit(fine)(x)


def takes_compiled_kernels(x):
    from kernels import numba_cpu

    return numba_cpu.prelu_forward(x.reshape(1, -1), x)


def asks_for_a_word(x):
    return input()


def gives_an_object(x):
    return object()


def gives_too_much(x):
    return np.zeros(2**24)


def writes_into_the_records(x):
    for number in range(3, 30):
        with suppress(OSError):
            os.write(number, b'{"task": "fine", "case": ["a", "float64"], "outputs": [["y", 999999999]]}\n')
    time.sleep(1000)


def closes_everything(x):
    os.closerange(0, 100)
    return x


def says_that_others_have_ended(x):
    for number in range(3, 30):
        with suppress(OSError):
            os.write(number, b'{"ends": "fine"}\n{"begins": 7}\n[1]\n')
    time.sleep(1000)


def calls_the_network(x):
    socket.create_connection(("127.0.0.1", PORT), timeout=5)
    return x


def lies_about_its_inputs(x):
    from minidelve.labs.trial import calling

    calling.same = lambda x, y: True
    x *= 2
    return x


def last(x):
    return 3 * x
