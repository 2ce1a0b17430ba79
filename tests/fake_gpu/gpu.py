"""What was asked of the fake GPU, as the process sees it that has it preloaded."""

from __future__ import annotations

import ctypes
from collections import Counter
from dataclasses import dataclass

from tests.fake_gpu.build import LIBRARY

# Operations that are launched one by one; a graph is one more launch, and its nodes cost the host nothing.
SINGLE = ("kernel", "library", "collective", "copy", "fill", "host")


@dataclass(frozen=True)
class Asked:
    """Counts since a reset: operations launched singly, graphs launched, and what a step should do without."""

    launches: int
    graphs: int
    nodes: int  # operations inside those graphs
    chain: int  # those of them that wait for each other, at most
    synchronisations: int
    captures: int
    searches: int  # of cuDNN, for its fastest algorithm
    allocations: int  # of memory, from the driver


class FakeGpu:
    """The library that is preloaded into this process. Raises AttributeError where another driver is."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(LIBRARY)
        self._library.fake_gpu_counts.restype = ctypes.c_char_p
        self._library.fake_gpu_peak_bytes.restype = ctypes.c_size_t

    def reset(self) -> None:
        """Count from 0."""
        self._library.fake_gpu_reset()

    def names(self) -> Counter[tuple[str, str]]:
        """How often since the reset, by kind ("kernel", "copy", …) and name."""
        lines = (line.rsplit("\t", 1) for line in self._library.fake_gpu_counts().decode().splitlines())
        return Counter({(what.partition("\t")[0], what.partition("\t")[2]): int(times) for what, times in lines})

    def asked(self) -> Asked:
        """What has been asked for since the reset."""
        names = self.names()
        kinds = Counter[str]()
        for (kind, _), times in names.items():
            kinds[kind] += times
        return Asked(
            launches=sum(kinds[kind] for kind in SINGLE),
            graphs=names["graph", "launched"],
            nodes=kinds["node"],
            chain=kinds["chain"],
            synchronisations=kinds["synchronisation"],
            captures=names["graph", "captured"],
            searches=kinds["search"],
            allocations=names["memory", "cudaMalloc"],
        )

    def peak_bytes(self) -> int:
        """The most memory in use since the last call."""
        return int(self._library.fake_gpu_peak_bytes())
