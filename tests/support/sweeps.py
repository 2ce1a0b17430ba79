"""A sweep in tests: what it left in a store, and what is done to it while it runs."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

from bench.record.documents import LeaseClosed, Run
from bench.store import FolderStore


class ResourcesUnavailableError(Exception):
    """As SkyPilot's: known by its name, and by what was tried."""

    def __init__(self, message: str, *tried: str) -> None:
        super().__init__(message)
        self.failover_history = [Exception(text) for text in tried]


FULL = ResourcesUnavailableError("all failed", "Failed to acquire: InsufficientInstanceCapacity, us-east-1")


def runs_in(store: FolderStore) -> list[Run]:
    return [run for run in map(store.read, store.keys("v1/runs/")) if isinstance(run, Run)]


def closed_leases(store: FolderStore) -> list[LeaseClosed]:
    keys = [key for key in store.keys("v1/leases/") if key.endswith("closed.json")]
    return [lease for lease in map(store.read, keys) if isinstance(lease, LeaseClosed)]


def once(holds: Callable[[], object], action: Callable[[], object]) -> None:
    """Act as soon as it holds, from a thread beside the sweep."""

    def wait() -> None:
        end = time.monotonic() + 120
        while not holds() and time.monotonic() < end:
            time.sleep(0.005)
        action()

    threading.Thread(target=wait, daemon=True).start()


def press_ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)
