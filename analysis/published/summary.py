"""A summary of published runs: their clock and what it leaves out, means and spreads as authors give them."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator

from bench.record.documents import PhaseName, PublishedRuns
from bench.text import CATEGORIES, one_line, percent, plural, significant

# Phases of which a reader asks whether they are in a time, in the order of a run.
_ASKED: tuple[PhaseName, ...] = ("data", "build", "warmup", "prepare", "train", "evaluate", "final_evaluate")
_LISTED = 20  # as many times as a line holds
# The benchmark of MLPerf's whose score drops other runs than the fastest and the slowest.
_OTHER_SCORE = "unet3d"


def times_of(series: PublishedRuns) -> list[float]:
    """The seconds of the runs that completed, on their author's clock."""
    return [run.seconds for run in series.runs if run.completed and run.seconds is not None]


def times_by_machine(series: PublishedRuns) -> list[list[float]]:
    """The seconds of each machine's runs; none unless the machine of every run is known."""
    by_machine: defaultdict[int | None, list[float]] = defaultdict(list)
    for run in series.runs:
        if run.completed and run.seconds is not None:
            by_machine[run.machine].append(run.seconds)
    return [] if None in by_machine else list(by_machine.values())


def left_out(series: PublishedRuns) -> float | None:
    """The median of the seconds that the clock leaves out, in phases known for every run; None if there are none.

    What is told of none or of some of the runs comes on top: the lines of the summary say of what phases.
    """
    off = set.intersection(*(run.phases.keys() - set(series.counts) for run in series.runs))
    return statistics.median(sum(run.phases[name] for name in off) for run in series.runs) if off else None


def mlperf_score(series: PublishedRuns) -> float | None:
    """MLPerf's score in minutes before any scaling: the mean without the fastest and the slowest.

    A run that did not converge is the slowest; with two of them, or fewer than three runs, there is no score.
    """
    times = sorted(times_of(series))
    failed = len(series.runs) - len(times)
    if series.clock != "mlperf" or series.name == _OTHER_SCORE or failed > 1:
        return None
    kept = times[1 : len(times) - 1 + failed]
    return statistics.fmean(kept) / 60 if kept else None


def summary_lines(series: PublishedRuns) -> list[str]:
    """The facts of the runs, a line each, in plain words: spread, score, clock, price."""
    lines = [_runs(series), *_spread(series), *_aborted(series), *_score(series), _clock(series), _price(series)]
    return [one_line(line) for line in lines]


def hits_line(series: PublishedRuns) -> str:
    """How many runs reached the target."""
    target, hits = series.target, sum(map(series.hit, series.runs))
    sign = "at least" if target.at_least is not None else "at most"
    share = percent(hits / len(series.runs))
    return one_line(f"{hits} of {len(series.runs)} ({share} %) at {target.metric} {sign} {target.value:g}")


def _runs(series: PublishedRuns) -> str:
    failed = sum(not run.completed for run in series.runs)
    on = "an unknown number of machines" if series.machines is None else plural(series.machines, "machine")
    together = f", each of {series.nodes} nodes" if series.nodes > 1 else ""
    broken = f"; {failed} of them failed or lack a time or a value, and count as misses" if failed else ""
    system = f"; system: {series.availability}" if series.availability else ""
    return f"{plural(len(series.runs), 'run')} as published, on {on}{together}{broken}{system}"


def _spread(series: PublishedRuns) -> Iterator[str]:
    times = times_of(series)
    if not times:
        return
    means = [statistics.fmean(seconds) for seconds in times_by_machine(series)]
    between = (
        f"; sd of the means of {len(means)} machines {significant(statistics.pstdev(means))} s" if means[1:] else ""
    )
    values = [run.value for run in series.runs if run.completed and run.value is not None]
    yield (
        f"mean {significant(statistics.fmean(times), 5)} s, sd {significant(statistics.pstdev(times))} s{between}; "
        f"mean {series.target.metric} {significant(statistics.fmean(values), 5)}, "
        f"sd {significant(statistics.pstdev(values))} (divisor n, as authors give them)"
    )
    if series.clock == "mlperf" and len(times) <= _LISTED:
        minutes = (
            f"{run.seconds / 60:.3f}" if run.completed and run.seconds is not None else "failed" for run in series.runs
        )
        yield f"minutes: {' '.join(minutes)}"


def _aborted(series: PublishedRuns) -> Iterator[str]:
    """The last values of runs that have a time but missed: whether these are final is unknown."""
    last = [run.value for run in series.runs if not run.completed and run.seconds is not None and run.value is not None]
    if last:
        shown = " ".join(significant(value, 5) for value in last[:_LISTED])
        more = f" and {len(last) - _LISTED} more" if len(last) > _LISTED else ""
        yield f"aborted at {series.target.metric} {shown}{more}, excluded from means"


def _score(series: PublishedRuns) -> Iterator[str]:
    score = mlperf_score(series)
    if score is None:
        return
    scaled = (
        f"; times MLPerf's scaling factor of {significant(series.scaling, 5)}: {score * series.scaling:.3f}"
        if series.scaling is not None
        else ""
    )
    yield f"MLPerf's score: {score:.3f} minutes, the mean without the fastest and the slowest{scaled}"


def _clock(series: PublishedRuns) -> str:
    """What the seconds hold, and of what they leave out how long it took: the median of the runs that tell it."""
    off = []
    for name in _ASKED:
        spent = [run.phases[name] for run in series.runs if name in run.phases and name not in series.counts]
        if spent:
            told = "" if len(spent) == len(series.runs) else f" (known for {plural(len(spent), 'run')})"
            off.append(f"{name} {significant(statistics.median(spent))} s{told}")
    told_of = {name for run in series.runs for name in run.phases}
    untold = [name for name in _ASKED if name not in series.counts and name not in told_of]
    whose = f"the {series.clock} clock" if series.clock else "its author's clock"
    left_out = f"; left out (medians): {', '.join(off)}" if off else ""
    unknown = f"; not reported: {', '.join(untold)}" if untold else ""
    return f"time: {whose}, which counts {', '.join(series.counts)}{left_out}{unknown}"


def _price(series: PublishedRuns) -> str:
    price = series.price
    if price is None:
        return "price: unknown, and so is every cost; give bench import --instance or a price per hour"
    hourly = "unknown for the whole" if series.hourly is None else f"{series.hourly:f} {price.currency} per hour"
    category = f"{price.pricing_category} ({CATEGORIES[price.pricing_category]})"
    return f"price: {hourly}, {category}; {price.source}, seen {price.seen}; added at import, not paid for these runs"
