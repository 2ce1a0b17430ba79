"""Our runs as DAWNBench entries: a JSON header and a TSV log each, as the entries' own checker requires.

The hours are those of the `dawnbench` clock (data, build, prepare and train, evaluation left out), so that the
first line at 94 % or more is the run's time under that policy. An entry is one run: a header says in `misc` how
many runs of its kind there were and how many hit, as one run alone would not tell.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.frames import runs_and_leases, runs_frame
from analysis.published.dawnbench.entries import COLUMNS, FOLDER, TARGET
from analysis.published.files import below, create, tag
from bench.billing import machine_hourly
from bench.record.documents import COUNTED, AnyDocument, LeaseOpened, Run, Target, attempt_seconds
from bench.text import UNKNOWN, one_line, short_name

_CLOCK = "data, build, prepare and train; evaluation not counted"
_UNKNOWN_BEFORE = "prepare and train; evaluation not counted, nor loading and building, which were not recorded"


@dataclass(frozen=True)
class Submitter:
    """Who submits the entries. Records hold no names, so the caller names them."""

    author: str
    email: str
    code_url: str | None = None


@dataclass(frozen=True)
class Entry:
    """An entry to write: the name of its files without their ending, and what is in them."""

    stem: str
    header: dict[str, Any]
    log: str


def export_entries(documents: Iterable[AnyDocument], submitter: Submitter, *, all_runs: bool = False) -> list[Entry]:
    """The runs that reached 94 % on CIFAR-10, as entries: the first of each recipe and machine, or all of them."""
    documents = list(documents)
    used = runs_frame(documents).set_index("run_id")["dawnbench_attempt_s"]
    kinds: dict[tuple[Any, ...], list[tuple[Run, LeaseOpened | None]]] = {}
    for run, lease in runs_and_leases(documents):
        kinds.setdefault(_kind(run, lease), []).append((run, lease))
    entries: dict[str, Entry] = {}
    for kind in kinds.values():
        alike = [run for run, _ in kind]
        fit = [(run, lease) for run, lease in kind if _fit(run)]
        for run, lease in fit if all_runs else fit[:1]:
            own = attempt_seconds(run, "dawnbench")
            assert own is not None  # the run hit, and its clock can be trusted
            entry = _entry(run, lease, submitter, alike, before=float(used[run.id]) - own)
            # The second of a name has its run's id behind it: with `all_runs`, or where kinds differ in precision.
            stem = entry.stem if entry.stem not in entries else f"{entry.stem}_{run.id}"
            entries[stem] = Entry(stem, entry.header, entry.log)
    return list(entries.values())


def write_entries(entries: Iterable[Entry], folder: Path) -> list[Path]:
    """Write each entry's JSON and TSV below `folder`, and return the headers' paths.

    Nothing is overwritten: raises StoreError where a file holds something else, or cannot be written.
    """
    place = folder / FOLDER
    written = []
    with below(place):
        place.mkdir(parents=True, exist_ok=True)
        for entry in entries:
            header = json.dumps(entry.header, indent=4, ensure_ascii=False, allow_nan=False) + "\n"
            # The log first: a header without a log would be half an entry.
            create(place / f"{entry.stem}.tsv", entry.log)
            written.append(create(place / f"{entry.stem}.json", header))
    return written


def _kind(run: Run, lease: LeaseOpened | None) -> tuple[Any, ...]:
    machine = lease and (lease.provider, lease.instance_type)
    return (run.label, run.device.alike, run.device_name, run.target, machine)


def _fit(run: Run) -> bool:
    if run.recipe is None or not isinstance(run.target, Target) or run.target.dataset != "cifar10":
        return False
    return run.hit and run.valid and any(e.metrics["accuracy"] >= TARGET for e in run.evaluations)


def _entry(run: Run, lease: LeaseOpened | None, submitter: Submitter, alike: list[Run], *, before: float) -> Entry:
    """`before`: seconds of loading and building that an earlier run of its process took for it; NaN is unknown."""
    machine = one_line(run.device_name)
    named = (submitter.author, run.label, f"{run.device.count}{machine}", "pytorch")
    header = _header(run, lease, submitter, machine, alike)
    header["misc"]["clock"] = _UNKNOWN_BEFORE if math.isnan(before) else _CLOCK
    return Entry(short_name("_".join(map(tag, named))), header, _log(run, 0.0 if math.isnan(before) else before))


def _header(
    run: Run, lease: LeaseOpened | None, submitter: Submitter, machine: str, alike: list[Run]
) -> dict[str, Any]:
    price = lease.price if lease else None
    hourly = machine_hourly(price, lease.accelerators) if lease else None
    instance = f" ({one_line(f'{lease.provider} {lease.instance_type}')})" if lease and lease.instance_type else ""
    header: dict[str, Any] = {
        "version": "v1.0",
        "author": submitter.author,
        "authorEmail": submitter.email,
        "framework": one_line(f"PyTorch {run.environment.torch or ''}"),
        "codeURL": submitter.code_url,
        "model": one_line(run.label),
        "hardware": f"{run.device.count} * {machine}{instance}",
        # Their prices are in USD. Optional, so an unknown one is left out.
        "costPerHour": float(hourly) if hourly is not None and price and price.currency == "USD" else None,
        "timestamp": f"{run.anchor:%Y-%m-%d}",
    }
    misc = {
        "bench run": run.id,
        "seed": run.seed,
        "precision": one_line(run.device.precision or UNKNOWN),
        "runs of this kind": len(alike),
        "runs that hit": sum(same_kind.hit for same_kind in alike),
    }
    return {key: value for key, value in header.items() if value is not None} | {"misc": misc}


def _log(run: Run, before: float) -> str:
    lines = [COLUMNS]
    for evaluation in run.evaluations:
        counted = [phase for phase in run.phases if phase.name in COUNTED["dawnbench"] and phase.start < evaluation.at]
        seconds = before + sum(phase.seconds for phase in counted)
        # Ten digits of a percentage: 94.08, not 94.08000000000001.
        lines.append(
            (f"{evaluation.epoch or 0:g}", repr(seconds / 3600), f"{100 * evaluation.metrics['accuracy']:.10g}")
        )
    return "".join("\t".join(line) + "\n" for line in lines)
