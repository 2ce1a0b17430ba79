"""A run as one flat row with its lease: the form of tables, Parquet files and frames."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, NamedTuple

from bench.record.documents import (
    ONCE,
    POLICIES,
    LeaseOpened,
    Run,
    Target,
    attempt_seconds,
    fell_back,
    left_out_seconds,
    once_seconds,
    policy_seconds,
)

# In the words of those who write them: bench.measure, and of a program's target bench.programs.judgement.
_KINDS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"GPU slowed down in .*: (?P<why>.+)"), "GPU slowed down by its {why}"),
    (re.compile(r"\d+ other processes on the GPU"), "other processes on the GPU"),
    (re.compile(r"load average "), "load of others on the machine"),
    (re.compile(r"the path \S+ fails here"), "a path that fails here"),
    (re.compile(r"torch on its cuDNN: "), "a version of cuDNN that torch objects to"),
    (re.compile(r"the wall clock moved "), "a wall clock that moved"),
    (re.compile(r".* is shown in per cent, "), "a target that is a share of 1, of what is shown in per cent"),
    (re.compile(r".* is shown as a share of 1, "), "a target in per cent, of what is shown as a share of 1"),
)
_OTHER = "other warnings"


def warning_kinds(warnings: Iterable[str]) -> list[str]:
    """The kinds of the warnings, each once, in their order."""
    return list(dict.fromkeys(map(_kind, warnings)))


def _kind(warning: str) -> str:
    for pattern, words in _KINDS:
        if found := pattern.match(warning):
            return words.format(**found.groupdict())
    return _OTHER


class Column(NamedTuple):
    """A column's type in Python and its meaning, with the unit. None is unknown, or has no answer."""

    type: type
    meaning: str


COLUMNS: dict[str, Column] = {
    "run_id": Column(str, "the run's UUIDv7"),
    "recipe": Column(str, "the recipe's name, with its version from the second on; or a program's"),
    "source_sha256": Column(str, "SHA-256 of the recipe's source, or of the program's command"),
    "seed": Column(int, "the seed"),
    "dataset": Column(str, "the data set of the target; none of a program"),
    "metric": Column(str, "what the target is about; none where a program was run to its end"),
    "direction": Column(str, "at least or at most"),
    "target": Column(float, "the value to reach; of a recipe the share of test images to classify right, 0..1"),
    "series_id": Column(str, "the call that asked for the run"),
    "series_index": Column(int, "the run's position in that call, from 0"),
    "planned": Column(int, "runs of this recipe that call asked for"),
    "started": Column(datetime, "the run's anchor, UTC"),
    "status": Column(str, "completed, failed or interrupted"),
    "reason": Column(str, "why it did not complete"),
    "ended": Column(str, "how a program ended: exited, sampled, target or timeout; none of a recipe"),
    "hit": Column(bool, "completed and reached its target; of a program without one, came to its end"),
    "fell_back": Column(bool, "crossed its target, then ended below it"),
    "valid": Column(bool, "no clock was read while the device was at work"),
    "final": Column(float, "the target's metric at the end; unknown where the run did not get there"),
    "accuracy": Column(float, "of a recipe the same, the share of test images right, 0..1"),
    "views": Column(int, "views averaged an image at the final evaluation; 1 is no TTA"),
    "loss": Column(float, "mean training loss an image at the last step read"),
    **{
        f"{p}_s": Column(float, f"s under {p} of its own record; none: it has no answer for this run") for p in POLICIES
    },
    **{f"{p}_attempt_s": Column(float, f"s used under {p} however the run ended, by its own record") for p in POLICIES},
    **{f"{p}_left_out_s": Column(float, f"s of its own record that {p} leaves out of its time") for p in POLICIES},
    **{
        f"{phase}_s": Column(float, f"s of {phase}, once for all runs of a process; none where an earlier run did it")
        for phase in ONCE
    },
    "train_s": Column(float, "s of the train phases"),
    "images": Column(int, "training images seen, repeats counted"),
    "last_step": Column(int, "the last absolute step that a program showed"),
    "resumed_from": Column(int, "the step that a program went on from; none where it began at 0 or does not tell"),
    "warnings": Column(int, "how many warnings the record carries"),
    "warned_of": Column(str, "the kinds of its warnings, each once, `; ` between them; none without a warning"),
    "device_kind": Column(str, "cpu or cuda"),
    "device": Column(
        str, "the processor's or the GPU's own name for itself, a processor's with its quota if it has one"
    ),
    "device_count": Column(int, "GPUs, or processors used"),
    "precision": Column(str, "the type of the heavy arithmetic"),
    "path": Column(str, "eager, compiled, captured or compiled-captured; graphs: the network alone captured"),
    "convolution": Column(str, "how 3x3 convolutions were computed: direct or winograd"),
    "host_id": Column(str, "the hash that tells the host from others; none: not told"),
    "gpu_ids": Column(str, "those of its GPUs, with a space between; none: not told"),
    "energy_joules": Column(float, "energy of the GPU, J"),
    "torch": Column(str, "torch's version"),
    "git_commit": Column(str, "of the checkout that ran"),
    "lease_id": Column(str, "the lease it ran in"),
    "provider": Column(str, "who rents the machine out; own for nobody"),
    "instance_type": Column(str, "the provider's name for the machine"),
    "accelerators": Column(int, "accelerators of the machine"),
    "price_amount": Column(str, "exact decimal, for one `price_unit`; none is unknown"),
    "price_unit": Column(str, "machine-hour or gpu-hour"),
    "currency": Column(str, "ISO 4217"),
    "pricing_category": Column(str, "Standard (on-demand), Dynamic (spot), Committed"),
    "price_source": Column(str, "where the price was read"),
    "price_seen": Column(date, "the day it was read"),
}


def flat(run: Run, lease: LeaseOpened | None) -> dict[str, Any]:
    """The row of `run`, which ran in `lease`: a value or None for each of COLUMNS."""
    final = next((e for e in run.evaluations if e.final), None)
    target = run.target
    return {
        "run_id": run.id,
        "recipe": run.label,
        "source_sha256": run.recipe.source_sha256 if run.recipe else run.source,
        "seed": run.seed,
        "dataset": target.dataset if isinstance(target, Target) else None,
        "metric": run.metric,
        "direction": ("at most" if target.at_least is None else "at least") if target else None,
        "target": target.value if target else None,
        "series_id": run.series.id,
        "series_index": run.series.index,
        "planned": run.series.planned,
        "started": run.anchor,
        "status": run.status,
        "reason": run.reason,
        "ended": run.ended,
        "hit": run.hit,
        "fell_back": fell_back(run),
        "valid": run.valid,
        "final": run.final_value,
        "accuracy": run.final_value if run.recipe else None,
        "views": final.views if final else None,
        "loss": run.loss,
        **{f"{policy}_s": policy_seconds(run, policy) for policy in POLICIES},
        **{f"{policy}_attempt_s": attempt_seconds(run, policy) for policy in POLICIES},
        **{f"{policy}_left_out_s": left_out_seconds(run, policy) for policy in POLICIES},
        **{f"{phase}_s": seconds for phase, seconds in once_seconds(run).items()},
        "train_s": _train_seconds(run),
        "images": run.images,
        "last_step": run.progress.last_step if run.progress and run.progress.unit == "step" else None,
        "resumed_from": run.resumed_from,
        "warnings": len(run.warnings),
        "warned_of": "; ".join(warning_kinds(run.warnings)) or None,
        "device_kind": run.device.kind,
        "device": run.device_name,
        "device_count": run.device.count,
        "precision": run.device.precision,
        "path": run.device.path,
        "convolution": run.device.convolution,
        "host_id": run.machine.host if run.machine else None,
        "gpu_ids": (" ".join(run.machine.gpus) or None) if run.machine else None,
        "energy_joules": run.energy_joules,
        "torch": run.environment.torch,
        "git_commit": run.program.git_commit if run.program else run.environment.git_commit,
        **_lease(run, lease),
    }


def _train_seconds(run: Run) -> float | None:
    """A program that marks no such phase has none that are known."""
    seconds = [phase.seconds for phase in run.phases if phase.name == "train"]
    return sum(seconds) if seconds or run.recipe else None


def _lease(run: Run, lease: LeaseOpened | None) -> dict[str, Any]:
    price = lease.price if lease else None
    return {
        "lease_id": run.lease_id,
        "provider": lease.provider if lease else None,
        "instance_type": lease.instance_type if lease else None,
        "accelerators": lease.accelerators.count if lease and lease.accelerators else None,
        "price_amount": str(price.amount) if price else None,
        "price_unit": price.unit if price else None,
        "currency": price.currency if price else None,
        "pricing_category": price.pricing_category if price else None,
        "price_source": price.source if price else None,
        "price_seen": price.seen if price else None,
    }
