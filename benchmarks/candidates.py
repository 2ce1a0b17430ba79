"""Is a change to a recipe worth it? Candidates train on 40,000 images and are scored on the 10,000 held out.

    python benchmarks/candidates.py RESULTS.jsonl --seeds 0-4 airbench94-muon speedrun 'speedrun: sure=0.7'

A candidate is a recipe, with changes to its settings after a colon (Python literals, separated by semicolons). They
take turns, seed by seed. Every run is appended to RESULTS.jsonl as it ends, and runs that stand there already are not
made again, so a call can be stopped and repeated. At the end each candidate is compared with the first one, by pairs of
the same seed: the differences of accuracy and of held-out loss, and the ratio of times on the airbench clock, with 95 %
intervals. The test set is never opened.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import json
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from scipy.optimize import minimize_scalar

from analysis.stats.intervals import paired_ratio
from analysis.stats.means import mean_interval
from bench.errors import BenchError, UsageError
from bench.host import cores
from bench.programs.host import cpu_name
from bench.recipes import Recipe, find
from bench.record.documents import PhaseName
from bench.training import data as cifar10
from bench.training.device import Compute, choose, keep_freed_memory
from bench.training.evaluate import FLIP, outputs
from bench.training.events import Silent
from bench.training.loop import Training

CLOCK = ("prepare", "train", "final_evaluate")


@dataclass
class Timed(Silent):
    """Seconds on the airbench clock, those that processors worked in it, and the final accuracy.

    Other work on the machine makes a run longer, but hardly more work: on a CPU `worked` tells candidates apart
    where `seconds` cannot.
    """

    compute: Compute
    seconds: float = 0.0
    worked: float = 0.0
    accuracy: float = 0.0

    @contextmanager
    def phase(self, name: PhaseName, epoch: float | None = None) -> Iterator[None]:
        """See Events."""
        self.compute.synchronise()
        start, worked = time.perf_counter(), time.process_time()
        yield
        self.compute.synchronise()
        if name in CLOCK:
            self.seconds += time.perf_counter() - start
            self.worked += time.process_time() - worked

    def evaluated(self, epoch: float, accuracy: float, views: int, *, final: bool) -> None:
        """See Events."""
        self.accuracy = accuracy


def build(candidate: str, data: cifar10.Cifar10, compute: Compute) -> Training:
    """The candidate's trainer: that of its recipe, with other settings."""
    trainer, changed = recipe(candidate).build(data, compute), changes(candidate)
    assert isinstance(trainer, Training)
    if changed:
        settings = replace(trainer.settings, **changed)  # type: ignore[attr-defined]  # each recipe has its own kind
        trainer = importlib.import_module(type(trainer).__module__).Trainer(data, compute, settings)
    trainer.curve = False
    return trainer


def changes(candidate: str) -> dict[str, object]:
    """The settings that `candidate` changes. Raises UsageError for what is no setting or no literal."""
    known = {field.name for field in fields(importlib.import_module(recipe(candidate).module).Settings)}
    changed: dict[str, object] = {}
    for change in filter(str.strip, candidate.partition(":")[2].split(";")):
        name, _, value = (part.strip() for part in change.partition("="))
        if name not in known:
            raise UsageError(f"{candidate}: no setting {name!r}; there are {', '.join(sorted(known))}")
        try:
            changed[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            raise UsageError(f"{candidate}: {value!r} is no Python literal; write {name}=1.5") from None
    return changed


def held_out_loss(trainer: Training) -> float:
    """Cross-entropy of the trained network on the test images, plain and mirrored, at the temperature that is best.

    So a network is not blamed for being more or less sure than another one whose answers are no better.
    """
    with trainer.averaged(), trainer.compute.autocast():
        seen = outputs(trainer.way.look, trainer.test_images, FLIP).double()
    labels = trainer.test_labels
    least = minimize_scalar(lambda t: F.cross_entropy(seen * math.exp(t), labels).item(), (-1.0, 1.0))
    return float(least.fun)


def measure(candidates: Sequence[str], seeds: Sequence[int], results: Path) -> None:
    """Make the runs that are not in `results` yet."""
    made = {(run["candidate"], run["seed"]) for run in read(results)}
    missing = [(candidate, seed) for seed in seeds for candidate in candidates if (candidate, seed) not in made]
    if not missing:
        return
    data, compute = cifar10.load(cifar10.find()).hold_out(), choose()
    trainers: dict[str, Training] = {}
    for candidate, seed in missing:
        if candidate not in trainers:
            trainers[candidate] = build(candidate, data, compute)
            trainers[candidate].warm_up()
        events = Timed(compute)
        trainers[candidate].run(seed, events)
        run = {
            "candidate": candidate,
            "version": recipe(candidate).version,
            "seed": seed,
            "accuracy": events.accuracy,
            "loss": round(held_out_loss(trainers[candidate]), 5),
            "seconds": round(events.seconds, 3),
            "processor_seconds": round(events.worked, 3),
            "machine": f"{cores()} x {cpu_name()}" if not compute.is_cuda else torch.cuda.get_device_name(),
            "torch": torch.__version__,
            "ended": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        with results.open("a") as file:
            file.write(json.dumps(run) + "\n")
        print(json.dumps(run), flush=True)


def read(results: Path) -> list[dict[str, Any]]:
    """The runs made so far, of the versions that the recipes have now; without one it was the first."""
    runs = map(json.loads, results.read_text().splitlines() if results.exists() else [])
    return [run for run in runs if run.get("version", 1) == recipe(run["candidate"]).version]


def recipe(candidate: str) -> Recipe:
    """The recipe that `candidate` is, with or without changes."""
    return find(candidate.partition(":")[0].strip())


def table(candidates: Sequence[str], results: Path) -> None:
    """Print each candidate, alone and against the first."""
    runs = {(run["candidate"], run["seed"]): run for run in read(results)}
    first = candidates[0]
    for candidate in candidates:
        seeds = [seed for name, seed in runs if name == candidate]
        accuracies = [100 * runs[candidate, seed]["accuracy"] for seed in seeds]
        print(f"{candidate}\n  n = {len(seeds)}; held-out accuracy {_mean(accuracies)} %")
        shared = [seed for seed in seeds if (first, seed) in runs]
        if candidate == first or not shared:
            continue
        pairs = [(runs[candidate, seed], runs[first, seed]) for seed in shared]
        gain = [100 * (one["accuracy"] - two["accuracy"]) for one, two in pairs]
        more = [one["loss"] - two["loss"] for one, two in pairs if "loss" in one and "loss" in two]
        print(f"  against {first}, {len(pairs)} pairs: {_mean(gain)} points; loss {_mean(more, 5)} higher")
        for clock, words in (("seconds", "as fast"), ("processor_seconds", "as little work of the processors")):
            known = [(one[clock], two[clock]) for one, two in pairs if clock in one and clock in two]
            if known:
                ratio, interval = paired_ratio([two for _, two in known], [one for one, _ in known])
                within = f" [{interval.low:.3f}, {interval.high:.3f}]" if interval else ""
                print(f"    {ratio:.3f}x {words}{within}")


def _mean(values: Sequence[float], digits: int = 3) -> str:
    interval = mean_interval(values)
    within = f" [{interval.low:.{digits}f}, {interval.high:.{digits}f}]" if interval else ""
    return f"{sum(values) / len(values):.{digits}f}{within}" if values else "unknown"


def seeds(words: str) -> range:
    """The seeds first-last. Raises ValueError for anything else."""
    first, last = map(int, words.split("-"))
    return range(first, last + 1)


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description="Compare candidates on held-out training images.")
    parser.add_argument("results", type=Path)
    parser.add_argument("candidates", nargs="+")
    parser.add_argument("--seeds", type=seeds, default="0-0", help="first-last, such as 0-4")
    arguments = parser.parse_args()
    keep_freed_memory()
    try:
        for candidate in arguments.candidates:
            changes(candidate)  # all of them before the first hour is spent
        measure(arguments.candidates, arguments.seeds, arguments.results)
    except BenchError as error:
        parser.error(str(error))
    table(arguments.candidates, arguments.results)


if __name__ == "__main__":
    main()
