"""What gpu_half_hour.py measures on a GPU, part by part; this process makes them and says each one as a line of JSON.

    python benchmarks/gpu_parts.py '["steps", "speedrun", "captured"]' …

Images are noise: none of this is a training, and no seconds of a whole run come of it.
"""

from __future__ import annotations

import gc
import json
import math
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from bench.errors import UsageError
from bench.recipes import find
from bench.record.documents import ExecutionPath
from bench.training.api import Cifar10, Compute, Training, choose

Told = dict[str, Any]
CPU = Compute(torch.device("cpu"), torch.float32, "eager")
STEPS = 50


def images(train: int, test: int) -> Cifar10:
    """Noise in the form of CIFAR-10."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (train, 3, 32, 32), dtype=np.uint8)
    labels = rng.integers(0, 10, train).astype(np.uint8)
    return Cifar10(pixels, labels, pixels[:test], labels[:test])


def trainer(recipe: str, compute: Compute, path: ExecutionPath, data: Cifar10) -> Training:
    """The recipe by `path` and no other, warmed up."""
    built = find(recipe).build(data, replace(compute, path=path))
    assert isinstance(built, Training)
    built.warm_up([path])
    return built


def ceilings() -> Told:
    """What the machine is, and how fast it copies and multiplies at best."""
    properties = torch.cuda.get_device_properties(0)
    source = torch.empty(2**30, dtype=torch.uint8, device="cuda")
    target, matrix = torch.empty_like(source), torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
    copy = milliseconds(lambda: target.copy_(source), 20)
    product = milliseconds(lambda: matrix @ matrix, 20)
    return {
        "gpu": properties.name,
        "capability": f"{properties.major}.{properties.minor}",
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "copied_tb_per_s": 2 * 2**30 / copy / 1e9,
        "bf16_tflop_per_s": 2 * 8192**3 / product / 1e9,
    }


def milliseconds(work: Callable[[], object], n: int) -> float:
    """Milliseconds of `work` on the device, the mean of `n` after one that is not counted."""
    work()
    start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    start.record()
    for _ in range(n):
        work()
    stop.record()
    torch.cuda.synchronize()
    return float(start.elapsed_time(stop)) / n


def losses(training: Training, n: int = 12) -> list[float]:
    """The loss an image in each of the first `n` steps of seed 0: from the second on each depends on all gradients."""
    with training.flags():
        optimiser, batches = training.fresh(0), training.prepare(training.generator)
        steps, seen = training.steps(len(batches)), []
        training.network.train()
        for step in range(min(n, steps)):
            if step % len(batches) == 0:
                batches.draw()
            seen.append(float(training.step(batches, optimiser, step, steps)) / training.batch)
    return seen


def values(recipe: str, path: ExecutionPath) -> Told:
    """The losses of the first steps by `path`, beside those of plain eager steps on the same GPU."""
    data = images(6000, 2000)
    seen = {each: losses(trainer(recipe, choose("cuda"), each, data)) for each in ("eager", path)}
    return {"losses": seen, "largest_difference": max(map(abs, np.subtract(seen[path], seen["eager"])))}


def gradients(recipe: str) -> Told:
    """The loss and gradients of one batch in half precision on the GPU, against float32 on the processor."""
    data = images(6000, 2000)
    gpu, cpu = (find(recipe).build(data, each) for each in (replace(choose("cuda"), path="eager"), CPU))
    assert isinstance(gpu, Training)
    assert isinstance(cpu, Training)
    with gpu.flags():
        gpu.fresh(0)
        batches = gpu.prepare(gpu.generator)
        batches.draw()
        batch, labels = (each[:500] for each in batches.next())
        cpu.network.load_state_dict({name: value.float().cpu() for name, value in gpu.network.state_dict().items()})
        found = [_gradients(gpu, batch, labels), _gradients(cpu, batch.float().cpu(), labels.cpu())]
    (loss, ours), (exact, theirs) = found
    cosines = {name: torch.cosine_similarity(ours[name], theirs[name], dim=0).item() for name in theirs}
    worst = min(cosines, key=cosines.__getitem__)
    return {"relative_loss": abs(loss / exact - 1), "worst_cosine": cosines[worst], "of": worst}


def _gradients(training: Training, batch: torch.Tensor, labels: torch.Tensor) -> tuple[float, dict[str, torch.Tensor]]:
    training.network.train()
    training.set_stage(0.0)
    loss = training.way.image_losses(batch, labels).sum()
    loss.backward()
    named = training.network.named_parameters()
    return loss.item(), {name: each.grad.float().cpu().flatten() for name, each in named if each.grad is not None}


def steps(recipe: str, path: ExecutionPath) -> Told:
    """Milliseconds of a step in each stage, on the device and of the host; seconds of the final evaluation."""
    torch.cuda.reset_peak_memory_stats()
    started = time.perf_counter()
    training = trainer(recipe, choose("cuda"), path, images(50_000, 10_000))
    warm = time.perf_counter() - started
    with training.flags():
        optimiser, batches = training.fresh(0), training.prepare(training.generator)
        n, stages = training.steps(len(batches)), {}
        batches.draw()
        training.network.train()
        for stage in training.stages:
            at = min(n - 1, math.ceil(stage * n) + 1)

            def step(at: int = at) -> None:
                batches.rewind()
                training.step(batches, optimiser, at, n)

            device = milliseconds(step, STEPS)
            begin = time.perf_counter()
            for _ in range(STEPS):
                step()
            host = (time.perf_counter() - begin) / STEPS * 1e3
            torch.cuda.synchronize()
            stages[f"{stage:.3f}"] = {"device_ms": device, "host_ms": host}
        training.network.eval()
        look = milliseconds(lambda: training.accuracy(training.views), 3) / 1e3
    peak = torch.cuda.max_memory_allocated() / 2**30
    return {"steps": n, "warm_up_s": warm, "stages": stages, "evaluation_s": look, "peak_gib": peak}


def kernels(recipe: str, path: ExecutionPath) -> Told:
    """The kernels of a step, by the milliseconds they take."""
    training = trainer(recipe, choose("cuda"), path, images(50_000, 10_000))
    with training.flags():
        optimiser, batches = training.fresh(0), training.prepare(training.generator)
        n, repeats = training.steps(len(batches)), 5
        batches.draw()
        training.network.train()
        with profile(activities=[ProfilerActivity.CUDA]) as profiler:
            for _ in range(repeats):
                batches.rewind()
                training.step(batches, optimiser, n // 2, n)
            torch.cuda.synchronize()
    rows = [
        (each.self_device_time_total / 1e3 / repeats, each.count / repeats, each.key)
        for each in profiler.key_averages()
    ]
    return {
        "ms": sum(row[0] for row in rows),
        "launches": sum(row[1] for row in rows),
        "longest": sorted(rows)[:-31:-1],
    }


PARTS: dict[str, Callable[..., Told]] = {part.__name__: part for part in (ceilings, values, gradients, steps, kernels)}


def main(wanted: list[str]) -> None:
    """Make each part of `wanted` and print what it tells, or why it failed; or why none of them can be made."""
    # What Triton's assembler says of an error, and others, go to stderr: stdout is for what is told.
    results = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        choose("cuda")
    except UsageError as error:
        print(json.dumps({"unusable": str(error)}), file=results, flush=True)
        return
    for text in wanted:
        name, *arguments = json.loads(text)
        started = time.perf_counter()
        try:
            told = PARTS[name](*arguments)
        except Exception as error:  # the next parts may work: a fault is a finding
            told = {"error": f"{type(error).__name__}: {error}"[:500]}
        seconds = round(time.perf_counter() - started, 2)
        print(json.dumps({"part": [name, *arguments], "seconds": seconds, **told}), file=results, flush=True)
        gc.collect()
        torch.cuda.synchronize()  # of a device that a part has broken the error ends this process
        torch.cuda.empty_cache()


if __name__ == "__main__":
    main(sys.argv[1:])
