"""Concurrent work: in order and with bounded memory, or whatever answers by a deadline."""

from __future__ import annotations

import multiprocessing
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from bench.host import cores

# A request waits for the network for most of its time; with more of them Python itself becomes the limit.
THREADS = 16

A = TypeVar("A")
B = TypeVar("B")


def in_threads(work: Callable[[A], B], items: Iterable[A]) -> Generator[B, None, None]:
    """`work` of each of `items`, in their order. At most 4 x THREADS results wait to be taken.

    What `work` raises is raised where its result would come, and nothing further is begun then.
    """
    with ThreadPoolExecutor(THREADS) as pool:
        yield from _in_order(pool, work, items, ahead=4 * THREADS)


def in_processes(work: Callable[[A], B], items: Iterable[A]) -> Generator[B, None, None]:
    """The same in processes, one per core, of each of which two results may wait. Everything must be picklable."""
    # Not fork: boto3 and Arrow have started threads by now.
    with ProcessPoolExecutor(cores(), mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from _in_order(pool, work, items, ahead=2 * cores())


def answers_within(seconds: float, questions: Mapping[str, Callable[[], A]]) -> Iterator[tuple[str, A]]:
    """Ask all `questions` at once, and yield the name and answer of each as it comes, for `seconds` at most.

    A question must not raise. One that hangs keeps its thread, but neither the caller nor the end of the process.
    """
    until = time.monotonic() + seconds
    answers: queue.SimpleQueue[tuple[str, A]] = queue.SimpleQueue()
    for name, ask in questions.items():
        threading.Thread(target=lambda name=name, ask=ask: answers.put((name, ask())), daemon=True).start()
    for _ in questions:
        try:
            yield answers.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            return


def _in_order(pool: Executor, work: Callable[[A], B], items: Iterable[A], ahead: int) -> Generator[B, None, None]:
    rest = iter(items)
    begun: deque[Future[B]] = deque(pool.submit(work, item) for item in islice(rest, ahead))
    try:
        while begun:
            yield begun.popleft().result()
            begun.extend(pool.submit(work, item) for item in islice(rest, 1))
    finally:  # it failed, or its consumer did
        for future in begun:
            future.cancel()
