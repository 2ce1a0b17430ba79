"""Work of the device captured as CUDA graphs: one launch in place of hundreds, however slow the host is."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")

# Runs before a capture, off the graph: they compile, choose cuDNN's kernels and make the libraries' workspaces.
_WARM_UPS = 3
# From torch 2.14 on a graph finds the generators by itself, and says so of every call.
_REGISTERS = tuple(int(part) for part in torch.__version__.split(".")[:2]) < (2, 14)


def branches(works: Sequence[Callable[[], object]]) -> None:
    """Do `works`, none of which depends on another: while a graph is captured, as branches of it beside each other.

    What they read must be held until this returns: memory that one gives back another may take before the first is
    done with it.
    """
    # Those that warm up a capture make the streams, which it then finds.
    beside = range(1, len(works)) if torch.cuda.is_initialized() else ()
    sides = [_side(torch.cuda.current_device(), number) for number in beside]
    if not (sides and torch.cuda.is_current_stream_capturing()):
        for work in works:
            work()
        return
    here = torch.cuda.current_stream()
    for work, side in zip(works[1:], sides, strict=True):
        side.wait_stream(here)
        with torch.cuda.stream(side):
            work()
    works[0]()
    for side in sides:
        here.wait_stream(side)


@cache
def _side(device: int, number: int) -> torch.cuda.Stream:
    """The same one each time: each has memory and workspaces of its own."""
    return torch.cuda.Stream(device)


class Memory:
    """Tensors that lie at the same addresses in every run, which a CUDA graph needs.

    Each run asks for the same tensors in the same order, from `begin` on.
    """

    def __init__(self) -> None:
        self._tensors: list[Tensor] = []
        self._taken = 0
        self._once: dict[Hashable, object] = {}

    def begin(self) -> None:
        """A new run begins: the next tensor is its first."""
        self._taken = 0

    def keep(self, value: Tensor) -> Tensor:
        """A tensor that holds `value`, where the run before had its tensor of the same number.

        Raises ValueError where that one had another shape or type: the run asks for other tensors, or in another order.
        """
        if self._taken == len(self._tensors):
            self._tensors.append(value)
        kept = self._tensors[self._taken]
        if (kept.shape, kept.dtype) != (value.shape, value.dtype):  # copy_ would stretch and round it
            was, now = (f"{each.dtype} {list(each.shape)}" for each in (kept, value))
            raise ValueError(f"tensor {self._taken} of a run was {was} in the run before, and is {now}")
        self._taken += 1
        if kept is not value:
            kept.copy_(value)
        return kept

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` returned for `key` when it was first asked for."""
        if key not in self._once:
            self._once[key] = make()
        return self._once[key]  # type: ignore[return-value]  # a key stands for one kind of value


class _Capture(torch.cuda.graph):
    """torch's, but what is raised inside is raised by it.

    Where a signal breaks a capture off, or want of memory, its end may fail too, and knows neither.
    """

    def __exit__(self, *raised: object) -> None:
        try:
            super().__exit__(*raised)
        except RuntimeError:
            if raised == (None, None, None):
                raise


class Graphs:
    """Functions of the device alone, each captured once as a CUDA graph and launched as a whole from then on.

    A function that draws random numbers draws them from `generator`, anew at each launch.
    """

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator
        self._captured: dict[Hashable, tuple[torch.cuda.CUDAGraph, Tensor]] = {}
        self._inputs: dict[Hashable, Tensor] = {}
        # Memory is shared by the graphs of one stream alone.
        self._side = torch.cuda.Stream()
        self._pool: Any = torch.cuda.graph_pool_handle()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._captured

    def capture(self, key: Hashable, work: Callable[[], Tensor], before: Callable[[], object] = lambda: None) -> None:
        """Run `work` a few times, each time after `before`, and capture it under the name `key`."""
        side, outside = self._side, torch.cuda.current_stream()
        side.wait_stream(outside)
        with torch.cuda.stream(side):
            for _ in range(_WARM_UPS):
                before()
                work()
            before()
        outside.wait_stream(side)
        try:
            graph, result = self._graph(work, self._pool)
        except BaseException:
            self._leave_pool()
            with suppress(RuntimeError):  # a fault of the device, which tells it to the next that asks
                self._graph(lambda: torch.zeros(1, device=self.generator.device), None)
            torch.cuda.set_stream(outside)  # torch stays on the stream of a capture that failed
            raise
        self._captured[key] = graph, result

    def _graph(self, work: Callable[[], Tensor], pool: Any) -> tuple[torch.cuda.CUDAGraph, Tensor]:
        """A graph of `work` in the memory `pool`, and its result.

        Before torch 2.14 a capture that fails leaves the generators waiting for its end: that of the next is theirs.
        """
        graph = torch.cuda.CUDAGraph()
        if _REGISTERS:
            graph.register_generator_state(self.generator)
        with _Capture(graph, pool=pool, stream=self._side):
            result = work()
        return graph, result

    def _leave_pool(self) -> None:
        """Take another one. Torch may take it to be captured into still, and so gives no memory back: seen in 2.11."""
        with suppress(RuntimeError, AttributeError):
            torch._C._cuda_endAllocateToPool(torch.cuda.current_device(), self._pool)
            torch._C._cuda_releasePool(torch.cuda.current_device(), self._pool)
        self._pool = torch.cuda.graph_pool_handle()

    def launch(self, key: Hashable) -> Tensor:
        """Do again what was captured as `key`: its result, which the next launch overwrites."""
        graph, result = self._captured[key]
        graph.replay()
        return result

    def call(self, key: Hashable, function: Callable[[Tensor], Tensor], value: Tensor, *, capture: bool) -> Tensor:
        """`function(value)`, by a graph where there is one for `key` or, with `capture`, from now on."""
        if key not in self and capture:
            self._inputs[key] = static = value.clone()
            self.capture(key, lambda: function(static))
        if key not in self:
            return function(value)
        self._inputs[key].copy_(value)
        return self.launch(key).clone()
