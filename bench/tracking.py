"""Progress of long work, reported to whoever shows it: nobody, unless the command line listens.

As with a logger, the work need not know who that is, and what lies between the two need not pass it on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeVar

A = TypeVar("A")


class Listener(Protocol):
    """Shows works in hand."""

    def task(self, what: str, total: int | None) -> AbstractContextManager[Callable[[int], None]]:
        """A task that lasts as long as the context: yields what to call with the number of items done, of `total`."""


_LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def reporting_to(listener: Listener) -> Iterator[None]:
    """Tell `listener` of every work in this thread meanwhile."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def tracked(
    items: Iterable[A], what: str, total: int | None = None, size: Callable[[A], int] = lambda _: 1
) -> Iterator[A]:
    """Yield `items`, and report each as done when the next is asked for; `what` names them, such as `records`.

    An item counts as `size` of `total`; without a total no remaining time can be told.
    """
    listener = _LISTENER.get()
    if listener is None:
        yield from items
        return
    with listener.task(what, total) as advance:
        for item in items:
            yield item
            advance(size(item))
