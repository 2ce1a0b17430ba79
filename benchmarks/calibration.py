"""How often the intervals about a type of machine hold the truth, and how often equal types are called different.

    python -m benchmarks.calibration [STORES]

Synthetic stores (10,000 by default) with 1 to 24 hosts of each of two equal types, and what was found of 200 runs in 24
rented containers with an A100 each (github.com/fulcrumresearch/cifar-10-speedrun): times whose logarithm varies by
1.17 % between hosts and by 0.34 % within one; 8 runs a host. Some ten minutes on two cores.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np

from analysis.stats.intervals import Interval, order_statistics
from analysis.stats.machines import (
    Groups,
    expanded_percentile,
    machines_then_runs,
    median,
    median_of_type,
    paired_ratio_of_types,
    ratio_of_types,
    replicates,
)
from analysis.stats.random_effects import fit
from bench.host import cores

BETWEEN, WITHIN, RUNS = 0.0117, 0.0034, 8
MEDIAN = 60.0
# Programs compared on the same machines: how far their ratio differs from machine to machine.
BETWEEN_RATIOS = BETWEEN / 10
MOST_HOSTS = 24
BANDS = {1: "1", 2: "2", 3: "3", 4: "4", 5: "5-8", 9: "9-15", 16: "16-24"}
STORES = 10_000
Truth = tuple[Interval | None, float]  # an interval, and what it should hold


def seconds(chance: np.random.Generator, hosts: int) -> list[list[float]]:
    """RUNS runs on each of `hosts` machines of a type."""
    centres = BETWEEN * chance.standard_normal((hosts, 1))
    times: list[list[float]] = (MEDIAN * np.exp(centres + WITHIN * chance.standard_normal((hosts, RUNS)))).tolist()
    return times


def store(seed: int) -> tuple[int, dict[str, Truth]]:
    """The hosts of the store of that number, and its intervals."""
    chance, hosts = np.random.default_rng(seed), 1 + seed % MOST_HOSTS
    one, other = seconds(chance, hosts), seconds(chance, hosts)
    intervals: dict[str, Truth] = {
        "median of a type": (median_of_type(one)[1], MEDIAN),
        "ratio of two equal types": (ratio_of_types(one, other)[1], 1.0),
        "ratio of two programs, in pairs": (
            paired_ratio_of_types(list(zip(slower(chance, one), one, strict=True)))[1],
            1.0,
        ),
        "not in use: median, of random effects": (by_random_effects(one), MEDIAN),
        "not in use: median, of a bootstrap": (by_bootstrap(one), MEDIAN),
        "not in use: median, machines ignored": (order_statistics([each for runs in one for each in runs]), MEDIAN),
    }
    return hosts, intervals


def slower(chance: np.random.Generator, groups: Groups) -> list[list[float]]:
    """Another program of the same median on the same machines."""
    below = np.array(groups)
    own = BETWEEN_RATIOS * chance.standard_normal((len(groups), 1))
    times: list[list[float]] = (below * np.exp(own + WITHIN * chance.standard_normal(below.shape))).tolist()
    return times


def by_random_effects(groups: Groups) -> Interval | None:
    """The fit at any number of machines, two among them."""
    if len(groups) < 2:
        return None
    fitted = fit([float(np.log(np.median(runs))) for runs in groups], [0.0] * len(groups))
    low, high = np.exp([fitted.centre - fitted.reach, fitted.centre + fitted.reach])
    return Interval(float(low), float(high), "random effects")


def by_bootstrap(groups: Groups) -> Interval | None:
    """Machines, then runs, at any number of machines."""
    if len(groups) < 2:
        return None
    return expanded_percentile(replicates(median, groups, machines_then_runs), len(groups) - 1)


def band(hosts: int) -> str:
    """The line that a number of hosts counts in."""
    return BANDS[max(first for first in BANDS if first <= hosts)]


def lines(
    found: Iterable[tuple[int, Mapping[str, Truth]]], typical: Callable[[list[float]], Any] = np.mean, digits: int = 2
) -> Iterator[str]:
    """A line for each interval and band: stores, the share of intervals that hold the truth, and their typical width.

    `found` has of each store its hosts and its intervals. A width is in per cent of the truth, or of 1 where that is 0.
    """
    held: dict[tuple[str, str], list[bool]] = defaultdict(list)
    widths: dict[tuple[str, str], list[float]] = defaultdict(list)
    for hosts, intervals in found:
        for name, (interval, truth) in intervals.items():
            place = (name, band(hosts))
            if interval is not None:
                held[place].append(interval.low <= truth <= interval.high)
                widths[place].append((interval.high - interval.low) / (truth or 1))
    for name in dict.fromkeys(name for name, _ in held):
        yield ""
        for hosts_of in BANDS.values():
            if of_band := held[name, hosts_of]:
                share, width = np.mean(of_band), typical(widths[name, hosts_of])
                yield f"{name:<40} {hosts_of:>6} {len(of_band):>7,} {share:>10.1%} {width:>9.{digits}%}"


def main() -> None:
    """Print the table."""
    stores = int(sys.argv[1]) if len(sys.argv) > 1 else STORES
    print(
        f"{stores:,} stores, {RUNS} runs a host\n\n{'':<40} {'hosts':>6} {'stores':>7} {'hold truth':>10} {'width':>9}"
    )
    with ProcessPoolExecutor(cores()) as workers:
        for line in lines(workers.map(store, range(stores), chunksize=48)):
            print(line, flush=True)


if __name__ == "__main__":
    main()
