"""How often the intervals of P(hit) and of what a success takes hold the truth, by how much hosts differ in hitting.

    python -m benchmarks.calibration_hits [STORES]

Synthetic stores (10,000 by default for each of the six cases) with 1 to 24 hosts of a type and 8 runs a host, whose
times are those of benchmarks/calibration.py; a run that misses takes 1.3 times as long as one that hits. Hosts share
one P(hit), or each has its own, drawn from a beta distribution: 5 % or 20 % of the variance of hits then lies between
hosts. Fewer than 3 hosts say nothing of their type: of them it is shown how seldom they do. Some minutes on two cores.
"""

from __future__ import annotations

import math
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analysis.stats.intervals import difference_of_shares, ratio_of_estimates, wilson
from analysis.stats.means import share, to_first_success
from bench.host import cores
from benchmarks.calibration import BETWEEN, MEDIAN, MOST_HOSTS, RUNS, STORES, WITHIN, Truth, lines

MISS = 1.3
# Of log-normal seconds.
MEAN = MEDIAN * math.exp((BETWEEN**2 + WITHIN**2) / 2)


class Case(NamedTuple):
    """P(hit) of the type, and the share of the variance of hits that lies between hosts."""

    p_hit: float
    between: float


class Runs(NamedTuple):
    """Of each run of a store: whether it hit, what it took in s, and its host."""

    hits: NDArray[np.bool_]
    seconds: NDArray[np.float64]
    hosts: NDArray[np.intp]


CASES = [Case(p_hit, between) for p_hit in (0.6, 0.95) for between in (0.0, 0.05, 0.2)]


def a_type(chance: np.random.Generator, hosts: int, case: Case) -> Runs:
    """RUNS runs on each of `hosts` machines of a type."""
    own = np.full(hosts, case.p_hit)
    if case.between:
        weight = 1 / case.between - 1
        own = chance.beta(weight * case.p_hit, weight * (1 - case.p_hit), hosts)
    hits = chance.random((hosts, RUNS)) < own[:, None]
    logs = BETWEEN * chance.standard_normal((hosts, 1)) + WITHIN * chance.standard_normal((hosts, RUNS))
    seconds = MEDIAN * np.exp(logs) * np.where(hits, 1, MISS)
    return Runs(hits.ravel(), seconds.ravel(), np.repeat(np.arange(hosts), RUNS))


def store(case: Case, seed: int) -> tuple[int, dict[str, Truth]]:
    """The hosts of the store of that number, and its intervals."""
    chance, hosts = np.random.default_rng(seed), 1 + seed % MOST_HOSTS
    one, other = a_type(chance, hosts, case), a_type(chance, hosts, case)
    of_one, of_other = share(one.hits, one.hosts), share(other.hits, other.hosts)
    apart = difference_of_shares(float(one.hits.mean()), of_one, float(other.hits.mean()), of_other)
    takes = MEAN * (1 + MISS * (1 - case.p_hit) / case.p_hit)
    success, of_success = to_first_success(one.seconds, one.hits, one.hosts)
    success_other, of_success_other = to_first_success(other.seconds, other.hits, other.hosts)
    ratio = None
    if of_success and of_success_other:
        ratio = ratio_of_estimates(success, of_success, success_other, of_success_other)
    return hosts, {
        "P(hit) of a type": (of_one, case.p_hit),
        "difference of P(hit), equal types": (apart, 0.0),
        "time or cost per success of a type": (of_success, takes),
        "ratio per success, equal types": (ratio, 1.0),
        "not in use: P(hit), machines ignored": (wilson(int(one.hits.sum()), len(one.hits)), case.p_hit),
    }


def main() -> None:
    """Print a table for each case."""
    stores = int(sys.argv[1]) if len(sys.argv) > 1 else STORES
    print(f"{stores:,} stores a case, {RUNS} runs a host; the median width, of the truth or (a difference) of 1")
    with ProcessPoolExecutor(cores()) as workers:
        for case in CASES:
            print(f"\nP(hit) {case.p_hit:g}, {case.between:.0%} of the variance of hits between hosts")
            print(f"\n{'':<40} {'hosts':>6} {'stores':>7} {'hold truth':>10} {'width':>9}")
            found = workers.map(partial(store, case), range(stores), chunksize=240)
            for line in lines(found, np.median, digits=1):
                print(line, flush=True)


if __name__ == "__main__":
    main()
