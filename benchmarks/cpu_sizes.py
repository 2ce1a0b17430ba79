"""What a training image of `speedrun` costs on this CPU at each size it could be shrunk to, beside its arithmetic.

    python -m benchmarks.cpu_sizes [--rounds 4]

Steps of each size take turns, by the way that `bench run` would choose here; the fastest of a size counts. Images are
noise.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bench.host import cores
from bench.programs.host import cpu_name
from bench.recipes.speedrun import Settings, Trainer
from bench.training.api import choose
from bench.training.device import keep_freed_memory
from benchmarks.cpu_ways import noise, use_threads

SIZES = (32, 28, 26, 24, 20, 16)


def flop(network: nn.Module, size: int = 32) -> int:
    """Operations of a forward pass of one image of `size` x `size` pixels."""
    training = network.training
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network.eval()(torch.zeros(1, 3, size, size))
    network.train(training)
    return int(counter.get_total_flops())


def fastest(rounds: int) -> tuple[Trainer, dict[int, float]]:
    """The trainer, which knows the way that was chosen, and the seconds of the fastest step at each size."""
    settings = Settings()
    trainer = Trainer(noise(settings.batch), choose("cpu"), settings)
    trainer.stages = tuple(index / len(SIZES) for index in range(len(SIZES)))
    sizes = dict(zip(trainer.stages, SIZES, strict=True))
    trainer.settings = replace(settings, sizes=tuple(sizes.items()))
    trainer.warm_up()
    optimiser, batches = trainer.fresh(0), trainer.prepare(trainer.generator)
    trainer.network.train()
    batches.draw()
    seconds: dict[int, float] = {}
    for _ in range(rounds):
        for start, size in sizes.items():
            batches.rewind()
            began = time.perf_counter()
            trainer.step(batches, optimiser, round(start * 600) + 1, 600)
            seconds[size] = min(seconds.get(size, float("inf")), time.perf_counter() - began)
    return trainer, seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What a training image costs at each size, on this CPU.")
    parser.add_argument("--rounds", type=int, default=4, help="steps of each size; 4 unless given")
    arguments = parser.parse_args()
    keep_freed_memory()
    use_threads(0)
    trainer, seconds = fastest(arguments.rounds)
    way, day, load = trainer.way.name, time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), os.getloadavg()[0]
    print(f"{day}, {cores()} cores of {cpu_name()}, torch {torch.__version__}, {way}; load {load:.1f}")
    print("pixels  images/s  seconds  arithmetic   (the last two of an image of 32 pixels)")
    for size, took in seconds.items():
        arithmetic = flop(trainer.network, size) / flop(trainer.network, SIZES[0])
        print(f"{size:6}  {trainer.batch / took:8.0f}  {took / seconds[SIZES[0]]:7.2f}  {arithmetic:10.2f}")


if __name__ == "__main__":
    main()
