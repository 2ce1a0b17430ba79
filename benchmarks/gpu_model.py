"""Modelled seconds of a run on GPUs, for docs/gpu.md: none of this was measured, and no table of results holds it.

    python -m benchmarks.gpu_model

A step takes as long as the device or the host, whichever is later. The device: the recipe's arithmetic at a share of
the GPU's peak, the bytes that its operations read and write at a share of the memory's, and so much for each operation.
The host: so much a step and for each operation launched singly. Arithmetic is that of `bench recipes`, operations are
those that tests/fake_gpu holds (before: as counted there in November 2026, when the network alone was captured), peaks
are those by which sweeps are planned, and bytes are counted here, of the network and its loss on torch's "meta"
device: each operation reads its inputs and writes its results, as it does where nothing is compiled. Where Inductor has
counted a compiled step, after is by its count. The constants were set before a GPU had been at hand and have not been
fitted since, so what one H100 took says how far off they are.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.sweep.planning.peaks import Peak, peak
from benchmarks.gpu_traffic import Traffic, traffic

ROOT = Path(__file__).parents[1]
GPUS = ("V100", "A100", "H100-SXM", "H200", "B200")
# What convolutions reach of the peak of half precision, or of float32; what is reached of the memory's.
ARITHMETIC, MEMORY = 0.57, 0.85
# Seconds: an operation launched singly and one inside a graph, on the device; a step and a single launch, on the host.
SINGLE, NODE, HOST_STEP, HOST_LAUNCH = 2.75e-6, 1.9e-6, 0.9e-3, 7.5e-6
# A step that is one graph leaves the host this to do.
HOST_GRAPH = 0.4e-3


@dataclass(frozen=True)
class Operations:
    """Of a step: launched singly, and inside graphs, of these the longest chain.

    What a graph does beside that chain are small kernels, which leave the chain's most of the GPU.
    """

    single: int
    nodes: int


# When the network alone was captured: counted on a fake GPU (sm_90 or 75, not compiled).
BEFORE = {
    "dawn-resnet164": Operations(26, 1428),
    "bkj": Operations(29, 174),
    "fastai-wrn": Operations(209, 204),
    "myrtle": Operations(42, 87),
    "myrtle-tricks": Operations(43, 356),
    "hlb": Operations(43, 94),
    "airbench94": Operations(43, 99),
    "airbench94-muon": Operations(280, 74),
}
# Bytes of a compiled step, by Inductor's own count on a fake GPU, when the H100 was at hand: the stages all the same.
COMPILED = {
    "bkj": 2.7e9,
    "myrtle": 6.3e9,
    "myrtle-tricks": 5.9e9,
    "myrtle-tricks-13ep": 5.9e9,  # the same network and batch
    "airbench94-muon": 7.8e9,
}


@dataclass(frozen=True)
class Fused:
    """Of a compiled step as it is now, counted in the same way: bytes, the mean over the stages, and operations."""

    bytes: float
    operations: Operations


# Of speedrun's steps one in eight brings the filters back to their norm.
_SPEEDRUN = Fused(1.74e9, Operations(3, 118))
FUSED = {
    "airbench94-muon": Fused(6.23e9, Operations(1, 127)),
    "speedrun": _SPEEDRUN,
    "speedrun-sure": _SPEEDRUN,
}
# Operations of a captured step when the H100 was at hand, where there are fewer now.
WHEN_MEASURED = {
    "hlb": Operations(3, 111),
    "airbench94": Operations(1, 112),
    "airbench94-muon": Operations(1, 180),
}
MEASURED_ON = "H100-SXM"
NONE = "\N{EN DASH}"
# Medians of whole runs under the airbench clock on one H100, s, by recipe and version where there were others: records
# in results/, by the path compiled-captured.
MEASURED = {
    "bkj": 34.1,
    "myrtle": 9.90,
    "myrtle-tricks": 4.20,
    "hlb": 2.10,
    "airbench94": 1.55,
    "airbench94-muon": 1.28,
    "speedrun v3": 1.23,
}


# Milliseconds of a step of airbench94-muon on the H100 by its kernels, before pools had their own gradient:
# benchmarks/measured/2026-11-26-h100/kernels-airbench94-muon-compiled-captured.txt, whose last ones are not listed.
PROFILED = {
    "convolutions, or arithmetic": 2.84,
    "compiled kernels, or bytes": 2.70,
    "all other operations": 0.34,
}


def captured() -> dict[str, Operations]:
    """Of a captured step, by recipe: the budgets that tests hold."""
    with (ROOT / "tests" / "fake_gpu" / "budgets.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["path"] == "captured"]
    return {row["recipe"]: Operations(int(row["launches"]), int(row["chain"])) for row in rows}


def before(of: Traffic, gpu: Peak, operations: Operations) -> float:
    """Seconds of a run's steps, without preparing and testing, when the network alone was captured."""
    host = HOST_STEP + HOST_LAUNCH * operations.single
    return max(_device(of, of.step_bytes, gpu, operations), of.steps * host)


def when_measured(of: Traffic, gpu: Peak, operations: Operations) -> float:
    """The same, where a step is one graph, and compiled where that moves less; as it was when the H100 was at hand."""
    moved = min(of.step_bytes, COMPILED.get(of.recipe, of.step_bytes))
    return max(_device(of, moved, gpu, WHEN_MEASURED.get(of.recipe, operations)), of.steps * HOST_GRAPH)


def now(of: Traffic, gpu: Peak, operations: Operations) -> float:
    """The same today."""
    return max(sum(parts(of, gpu, operations)), of.steps * HOST_GRAPH)


def parts(of: Traffic, gpu: Peak, operations: Operations) -> tuple[float, float, float]:
    """Seconds of a run's arithmetic, bytes and operations on the device today."""
    fused = FUSED.get(of.recipe, Fused(min(of.step_bytes, COMPILED.get(of.recipe, of.step_bytes)), operations))
    return _parts(of, fused.bytes, gpu, fused.operations)


def _device(of: Traffic, moved: float, gpu: Peak, operations: Operations) -> float:
    return sum(_parts(of, moved, gpu, operations))


def _parts(of: Traffic, moved: float, gpu: Peak, operations: Operations) -> tuple[float, float, float]:
    return (
        of.tflop / (ARITHMETIC * (gpu.half if of.half else gpu.float32)),
        of.steps * moved / (MEMORY * gpu.memory * 1e12),
        of.steps * (SINGLE * operations.single + NODE * operations.nodes),
    )


def table(recipes: Iterable[str], gpus: Sequence[str] = GPUS) -> list[str]:
    """Modelled seconds before and now, and beside them what the H100 took, as lines of Markdown."""
    operations, peaks = captured(), {name: sheet for name in gpus if (sheet := peak(name))}
    heads = ["recipe", "GB a step", *(f"{name}, s" for name in peaks), "measured on an H100, s", "modelled / measured"]
    lines = [_row(heads), _row([":-", *["-:"] * (len(heads) - 1)])]
    for recipe in recipes:
        of, took = traffic(recipe), MEASURED.get(recipe)
        cells = [_cell(of, sheet, BEFORE.get(recipe), operations[recipe]) for sheet in peaks.values()]
        ratio = f"{when_measured(of, peaks[MEASURED_ON], operations[recipe]) / took:.2f}" if took else NONE
        lines.append(_row([f"`{recipe}`", f"{of.step_bytes / 1e9:.1f}", *cells, took or NONE, ratio]))
    return lines


def parts_table(recipes: Sequence[str] = ("airbench94-muon", "speedrun")) -> list[str]:
    """Where the time goes on an H100, as lines of Markdown: modelled, and beside it what the profile of a step had."""
    gpu, operations = peak(MEASURED_ON), captured()
    assert gpu is not None
    heads = ["", "a step of `airbench94-muon`, profiled, ms", *(f"a run of `{name}`, modelled, s" for name in recipes)]
    modelled = [parts(of, gpu, operations[of.recipe]) for of in map(traffic, recipes)]
    lines = [_row(heads), _row([":-", *["-:"] * (len(heads) - 1)])]
    for name, took, *each in zip(PROFILED, PROFILED.values(), *modelled, strict=True):
        lines.append(_row([name, f"{took:.2f}", *map(_digits, each)]))
    totals = map(sum, (PROFILED.values(), *modelled))
    return [*lines, _row(["together", *(_digits(total) for total in totals)])]


def _row(cells: Sequence[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _cell(of: Traffic, gpu: Peak, was: Operations | None, is_now: Operations) -> str:
    return (
        f"{_digits(before(of, gpu, was))} → {_digits(now(of, gpu, is_now))}" if was else _digits(now(of, gpu, is_now))
    )


def _digits(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}"


if __name__ == "__main__":
    print("\n".join([*table(captured()), "", *parts_table()]))
