"""A recipe's steps and evaluations, computed by one path: what it compiled and captured, and the memory of that."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from bench.programs.redaction import Redaction
from bench.record.documents import ExecutionPath
from bench.text import one_line
from bench.training.device import Compute
from bench.training.evaluate import View, logits
from bench.training.events import Diverged
from bench.training.paths.blocked import Blocked, can_block
from bench.training.paths.captured import Graphs, Memory

# Of (logits [n, 10], labels): the loss of each image [n].
Losses = Callable[[Tensor, Tensor], Tensor]
Timer = Callable[[], float]  # seconds of a step, by the way that is taken

# How often each way that works is timed before the fastest is chosen.
_TURNS = 3
# Inductor stores what is read more than once and takes more than so many reads to work out. Batch norm takes five, and
# the gradient of an activation after it six: by its own four each was stored in float32, and read again twice.
_FUSED = {"dynamic": False, "options": {"realize_reads_threshold": 7}}
# A share of the loss that two ways may differ by after the same few steps. On an H100 it was below 1 % after twelve.
_APART = 0.03


class Way:
    """`network` and the loss of its outputs by the path that `compute` names.

    `compute` is as it was handed over, but says what is so: whether convolutions are Winograd's, where memory is kept.
    `trained` is what training calls in place of the network, such as one that sums gradients over processes.
    """

    def __init__(
        self,
        network: nn.Sequential,
        compute: Compute,
        generator: torch.Generator,
        losses: Losses,
        trained: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.network = network
        self.forward, winograd = forward_function(network, compute)
        self.compute = replace(compute, winograd=winograd, memory=Memory() if compute.captures else None)
        self.graphs = Graphs(generator) if compute.captures and compute.is_cuda else None
        self.loss: float | None = None  # an image, in the last of the first few steps; None: not asked for
        self._meeting = False
        # In one piece, so that the loss is fused with the network's end. Winograd compiles itself.
        whole = compute.path == "compiled-captured"
        inside = trained or (network if whole else self.forward)

        def image_losses(images: Tensor, labels: Tensor) -> Tensor:
            return losses(_widened(inside(images)), labels)

        self._fuse: Callable[..., Any] = partial(torch.compile, **_FUSED) if whole else lambda function: function
        self._fused: dict[Callable[..., Tensor], Callable[..., Tensor]] = {}
        self.image_losses = self.fused(image_losses)

    def fused(self, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """`function`, of few operations where whole steps are compiled."""
        if function not in self._fused:
            self._fused[function] = self._fuse(function)
        return self._fused[function]

    def meet(self, variant: Hashable, work: Callable[[], Tensor], before: Callable[[], object]) -> None:
        """Do `work` a few times, each after `before`, and capture it for `variant` where steps are captured.

        What comes next begins as each of them did.
        """
        if self.graphs is not None:
            self.graphs.capture(variant, work, before)
            return
        for _ in range(3):
            before()
            work()
        before()

    def prove(self, variant: Hashable, work: Callable[[], Tensor], mean: Callable[[Tensor], float]) -> None:
        """Take one more step of what was met first, and keep its `mean` loss.

        It depends on all gradients of those before it. Raises Diverged where it is no number: a compiler can make such,
        and every run would end by it.
        """
        if self.loss is None:
            loss = mean(self.step(variant, work))
            if not math.isfinite(loss):
                raise Diverged(f"the loss is {loss} after a few steps")
            self.loss = loss

    def step(self, variant: Hashable, work: Callable[[], Tensor]) -> Tensor:
        """The loss of one step's `work`, by the graph of its `variant` where there is one."""
        if self.graphs is not None and variant in self.graphs:
            return self.graphs.launch(variant)
        return work()

    @torch.inference_mode()
    def look(self, images: Tensor, views: tuple[View, ...]) -> Tensor:
        """The network's outputs for uint8 images [n, size, size, 3], the mean over `views`: float [n, classes]."""

        def work(images: Tensor) -> Tensor:
            return logits(self.forward, images, views, self.compute.dtype)

        if self.graphs is None:
            return work(images)
        return self.graphs.call((len(images), views), work, images, capture=self._meeting)

    @contextmanager
    def meeting(self) -> Iterator[None]:
        """Inside, evaluations of a new size are captured."""
        self._meeting = True
        try:
            yield
        finally:
            self._meeting = False

    def serves(self, compute: Compute) -> bool:
        """Whether this is the way that `compute` names."""
        same = (self.compute.path, self.compute.precision) == (compute.path, compute.precision)
        return same and self.compute.winograd == (compute.winograd and can_block(self.network))

    @property
    def name(self) -> str:
        """What sets it apart from the other ways of its device, such as "compiled float32 winograd"."""
        if self.compute.is_cuda:
            return self.compute.path
        precision = str(self.compute.precision).removeprefix("torch.")
        return f"{self.compute.path} {precision}{' winograd' if self.compute.winograd else ''}"


def candidates(compute: Compute) -> list[Compute]:
    """What is worth a try: the path of `compute`, the most that is wanted, and what is more certain to work."""
    on_path = [replace(compute, path=path) for path in paths(compute)]
    if not compute.open or compute.path != "compiled":
        return on_path
    plain = replace(compute, path="eager", winograd=False, precision=torch.float32)
    low = [replace(plain, precision=torch.bfloat16)] if _has_bfloat16() else []
    return [*on_path[:1], *low, plain]


def compare(tried: Sequence[tuple[Way, Timer]], take: Callable[[Way], None]) -> dict[str, float]:
    """Seconds of a step by each way, once `take` takes it; none of a single one.

    They are timed by turns, so that other work on the machine slows all of them.
    """
    seconds: dict[str, float] = {}
    for _ in range(_TURNS if len(tried) > 1 else 0):
        for way, timer in tried:
            take(way)
            seconds[way.name] = min(seconds.get(way.name, math.inf), timer())
    return seconds


def agreeing(tried: Sequence[tuple[Way, Timer]], say: Callable[[str], None]) -> list[tuple[Way, Timer]]:
    """Those of `tried` whose loss after the same steps is that of the last, which leaves a compiler least to do.

    `say` is told of the others. Where no loss is known all of them agree.
    """
    sure = tried[-1][0]
    agreed: list[tuple[Way, Timer]] = []
    for way, timer in tried:
        if way.loss is None or sure.loss is None or math.isclose(way.loss, sure.loss, rel_tol=_APART):
            agreed.append((way, timer))
        else:
            say(failing(way.compute.path, f"the loss is {way.loss:.4g}, and by {sure.name} {sure.loss:.4g}"))
    return agreed


def failing(path: ExecutionPath, why: str) -> str:
    """What a record says of a path that is not taken for what it does here.

    A compiler's error names folders, and may hold all that it wrote.
    """
    return f"the path {path} fails here: {Redaction(os.environ).text(one_line(why))[:500]}"


def _has_bfloat16() -> bool:
    # Builds without oneDNN, such as those for Apple's processors, lack the function.
    ask: Callable[[], bool] = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    return ask()


def paths(compute: Compute) -> tuple[ExecutionPath, ...]:
    """The paths to try, from that of `compute` on: what it names is the most that is wanted."""
    less: tuple[ExecutionPath, ...] = ("captured",) if compute.path == "compiled-captured" else ()
    return tuple(dict.fromkeys((compute.path, *less, "eager")))


def _widened(logits: Tensor) -> Tensor:
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def forward_function(network: nn.Sequential, compute: Compute) -> tuple[Callable[[Tensor], Tensor], bool]:
    """`network` called the fastest way, and whether its convolutions are Winograd's."""
    # A function is compiled anew for every shape, of which a network has more than the eight that are allowed.
    torch._dynamo.config.recompile_limit = 64
    if compute.winograd and can_block(network):
        return Blocked(network, compiled=compute.compiles), True
    return (torch.compile(network, dynamic=False) if compute.compiles else network), False
