"""Work done before its result is needed: several threads, results in order, never too many at once."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(
    work: Callable[[Item, threading.Event], Result], items: Iterable[Item], workers: int, most: int, name: str
) -> Generator[Result, None, None]:
    """work(item, stop) for each item, in the order of the items, up to `most` of them being made or waiting.

    With 0 workers each is made when it is asked for. An error in a thread is raised when its turn comes.
    Closing the generator sets `stop`, for which long work may look, and ends the threads; a caller that
    may leave early wraps it in contextlib.closing, or the threads live until garbage is collected.
    """
    stop = threading.Event()
    if workers == 0:
        yield from (work(item, stop) for item in items)
        return
    pending: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix=f"minidelve-{name}")
    try:
        for item in items:
            pending.append(pool.submit(work, item, stop))
            if len(pending) == most:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
