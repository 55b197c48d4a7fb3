"""Submissions marked by several processes at once, each of which marks one after the other (marking.py).

    python -m minidelve.labs.lecturer.workers    reads an Order a line from standard input, answers each with a Mark

A process that ends in the middle, whatever the reason, costs the submission that it was marking, and another takes its
place. Where the marking stops, by Ctrl-C too, the processes are ended, and they end what they have started.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from minidelve import interrupts
from minidelve.labs.lecturer.marking import Mark, Order, marked
from minidelve.labs.overlay import ROOT
from minidelve.labs.trial.sandbox import ONE_THREAD

PATIENCE = 5.0  # seconds that a process may take to end what it has started


class Workers:
    """So many processes, as a context manager."""

    def __init__(self, count: int):
        self.count = count
        self.running: set[subprocess.Popen[str]] = set()
        self.lock = threading.Lock()
        self.stopped = False

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stopped = True
        with self.lock:
            running = list(self.running)
        for process in running:
            with suppress(OSError):
                process.terminate()
        for process in running:
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()

    def marks(self, orders: Sequence[Order]) -> Iterator[tuple[Order, Mark]]:
        """Mark them, in whatever order they end."""
        waiting: queue.SimpleQueue[Order] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[Order, Mark]] = queue.SimpleQueue()
        for order in orders:
            waiting.put(order)
        for _ in range(min(self.count, len(orders))):
            threading.Thread(target=self._serve, args=(waiting, done), daemon=True).start()
        for _ in orders:
            yield done.get()

    def _serve(self, waiting: queue.SimpleQueue[Order], done: queue.SimpleQueue[tuple[Order, Mark]]) -> None:
        """Let one process mark what is waiting."""
        process: subprocess.Popen[str] | None = None
        while not self.stopped:
            try:
                order = waiting.get_nowait()
            except queue.Empty:
                break
            if process and process.poll() is not None:
                self._end(process)
                process = None
            process = process or self._start()
            mark = asked(process, order)
            if not self.stopped:
                done.put((order, mark))
        if process:
            self._end(process)

    def _end(self, process: subprocess.Popen[str]) -> None:
        """Let a process end, as it does when nothing more can come."""
        assert process.stdin is not None and process.stdout is not None
        with suppress(OSError):
            process.stdin.close()
        process.wait()
        process.stdout.close()
        with self.lock:
            self.running.discard(process)

    def _start(self) -> subprocess.Popen[str]:
        environment = os.environ | ONE_THREAD | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-P", "-m", "minidelve.labs.lecturer.workers"]
        with self.lock:
            process = subprocess.Popen(
                command, env=environment, text=True, encoding="utf-8", stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            self.running.add(process)
            if self.stopped:
                process.terminate()
        return process


def asked(process: subprocess.Popen[str], order: Order) -> Mark:
    """The mark that a process gives; one that says so if it ends instead."""
    assert process.stdin is not None and process.stdout is not None
    with suppress(OSError):  # it has ended: then nothing comes back
        process.stdin.write(json.dumps(asdict(order)) + "\n")
        process.stdin.flush()
    answer = process.stdout.readline()
    if answer.endswith("\n"):
        return Mark(**json.loads(answer))
    code = process.wait()
    return Mark(order.student, ended="not marked", warnings=[f"the process that marked it ended ({code}): look at it"])


def work(lines: Iterator[str], out: Any) -> int:
    """Answer every order."""
    for line in lines:
        given = json.loads(line)
        order = Order(**{**given, "seed": tuple(given["seed"])})
        out.write(json.dumps(asdict(marked(order))) + "\n")
        out.flush()
    return 0


if __name__ == "__main__":
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what anything else prints is no answer
    sys.exit(interrupts.run(lambda: work(iter(sys.stdin.readline, ""), out), lambda line: None))
