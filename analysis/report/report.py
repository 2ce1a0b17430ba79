"""The cost report: from documents to rows with footnotes, independent of the output format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

import bench
from analysis.claims.check import check_claims
from analysis.claims.claim import Check
from analysis.frames import clock_of, load, runs_frame, whole_runs
from analysis.frames.leases import leases_frame
from analysis.published.dawnbench.entries import Which, chosen_entries, published_documents, shortlist
from analysis.published.runs import published_frame
from analysis.published.summary import left_out, summary_lines
from analysis.samples.samples import SampleRow, sample_rows, sampled_programs
from analysis.tables.cost_table import Row, cost_table, measured_row
from analysis.tables.footnotes import NO_RUNS, SEVERAL_PUBLISHED, UNTIL_THEN, general_notes
from analysis.tables.given_prices import (
    Electricity,
    WhatIf,
    energy_note,
    repriced,
    repriced_samples,
    what_if_note,
    with_energy,
)
from analysis.tables.lease_table import LeaseRow, lease_table
from bench.errors import RecordError
from bench.record.documents import (
    DEFAULT_POLICY,
    POLICIES,
    AnyDocument,
    LeaseClosed,
    LeaseOpened,
    Policy,
    PublishedRuns,
    Run,
    current_published,
)
from bench.store import Store, read_documents
from bench.text import one_line, plural


@dataclass(frozen=True)
class Report:
    """A cost table with what must be said beside it, the leases that were paid for, and the claims checked.

    `headline` says what the rows were made of, or how to make a first run; `footnotes` are about the whole
    table, and each row has its own notes. `runs` and `leases` are what the rows were made of, for plots and the
    account of the method. `what_if` is the price that nobody paid, at which the rows are priced once more.
    """

    policy: Policy
    rows: tuple[Row, ...]
    headline: str
    footnotes: tuple[str, ...]
    paid: tuple[LeaseRow, ...] = ()
    checks: tuple[Check, ...] = ()
    samples: tuple[SampleRow, ...] = ()
    what_if: WhatIf | None = None
    electricity: Electricity | None = None
    runs: tuple[Run, ...] = field(default=(), repr=False, compare=False)
    leases: tuple[LeaseOpened | LeaseClosed, ...] = field(default=(), repr=False, compare=False)


def read_report(
    stores: Sequence[Store],
    policy: Policy,
    which: Which,
    most: int | None = None,
    *,
    plots: bool = False,
    what_if: WhatIf | None = None,
    electricity: Electricity | None = None,
) -> tuple[Report, list[RecordError]]:
    """The report of what `stores` hold, and an error for every record that could not be trusted.

    Runs come from the compact layer where there is one. It holds no phases and no evaluations: `plots` need every
    record. `what_if` prices every run once more, `electricity` its energy.
    """
    frame: pd.DataFrame | None = None
    programs: list[Run] = []
    documents, errors = read_documents(stores, *(() if plots else ("published", "leases", "bills")))
    if not plots:
        frame, refused = load(stores, without=_unused(policy))
        programs = sampled_programs(stores, frame)
        # A lease that cannot be trusted is met twice: for its runs, and for itself.
        errors = list({str(error): error for error in [*refused, *errors]}.values())
    report = build_report(
        documents,
        frame,
        policy=policy,
        which=which,
        most=most,
        unreadable=len(errors),
        programs=programs,
        what_if=what_if,
        electricity=electricity,
    )
    return report, errors


def _unused(policy: Policy) -> list[str]:
    """The columns of runs that a report under `policy` does without: programs need cold, claims dawnbench."""
    other = [clock for clock in POLICIES if clock not in (policy, "cold")]
    times = [f"{clock}_s" for clock in other if clock != "dawnbench"]
    times += [f"{clock}_{what}_s" for clock in other for what in ("attempt", "left_out")]
    return [*times, "train_s", "images", "loss", "views", "device_kind", "git_commit"]


def build_report(
    documents: Iterable[AnyDocument],
    frame: pd.DataFrame | None = None,
    *,
    policy: Policy = DEFAULT_POLICY,
    which: Which = "stored",
    most: int | None = None,
    unreadable: int = 0,
    programs: Iterable[Run] = (),
    what_if: WhatIf | None = None,
    electricity: Electricity | None = None,
) -> Report:
    """The report of `documents`; with a `frame` of the runs only plots need the runs to be among them.

    `programs`: runs of sampled programs that are not among the documents.

    `which` of the published entries to show, and how many of them at most; `unreadable` is how many records of
    the store could not be read, which a footnote then says. At `what_if` every run is priced once more, and at
    `electricity` its energy.
    """
    documents = list(documents)
    frame = runs_frame(documents) if frame is None else frame
    known = published_documents(documents)
    published = current_published(documents)
    # Beside nothing but programs of one's own, or runs that somebody published, times of another training and claims
    # about it are out of place.
    recipes = not frame["program"].all() if len(frame) else not published
    chosen = chosen_entries(documents, which, claim=recipes)
    shown = chosen if most is None else shortlist(chosen, most)
    whole = whole_runs(frame)
    # Where all runs are of programs that mark no phases, no other clock has times for them.
    if len(whole) and not shown and clock_of(whole, policy) == "cold":
        policy = "cold"
    several = published if which in ("stored", "all") else []
    rows = with_energy([*cost_table(frame, policy, shown), *map(_published_row, several)], frame, electricity)
    samples = sample_rows(
        [*programs, *(d for d in documents if isinstance(d, Run))],
        (d for d in documents if isinstance(d, LeaseOpened)),
    )
    if what_if:
        samples = repriced_samples(samples, what_if)
        rows = repriced(rows, what_if)
    entries = len(known), len(chosen), len(shown)
    return Report(
        policy=policy,
        rows=tuple(rows),
        headline=_headline(frame, whole, rows),
        footnotes=tuple(_footnotes(policy, whole, rows, entries, unreadable, what_if, electricity)),
        paid=tuple(lease_table(leases_frame(documents, frame), frame)),
        checks=tuple(check_claims(known, frame)) if recipes or chosen else (),
        samples=tuple(samples),
        what_if=what_if,
        electricity=electricity,
        runs=tuple({d.id: d for d in documents if isinstance(d, Run)}.values()),
        leases=tuple(d for d in documents if isinstance(d, LeaseOpened | LeaseClosed)),
    )


def _footnotes(
    policy: Policy,
    whole: pd.DataFrame,
    rows: Sequence[Row],
    entries: tuple[int, int, int],
    unreadable: int,
    what_if: WhatIf | None,
    electricity: Electricity | None,
) -> Iterator[str]:
    """The notes to the whole table; `entries`: how many published ones are known, were asked for, and are shown."""
    known, chosen, shown = entries
    if unreadable:
        yield f"records that could not be read and are not counted: {unreadable}."
    yield from general_notes(
        policy,
        measured=len(whole) > 0,
        programs=bool(whole["program"].any()),
        shown=shown,
        known=known,
        compared=any(row.time_ratio is not None for row in rows),
    )
    if any(row.kind == "published" and not row.single_entry for row in rows):
        yield SEVERAL_PUBLISHED
    if electricity or any(row.energy_kwh is not None for row in rows):
        yield energy_note(electricity)
    if what_if:
        yield what_if_note(what_if)
    if shown < chosen:
        yield (
            f"not shown: {chosen - shown} more published entries of the store; "
            "--published stored shows them, and so does every other format."
        )


def _published_row(series: PublishedRuns) -> Row:
    """The row of published runs: their own clock, P(hit) and intervals, as those of measured ones."""
    return replace(
        measured_row(published_frame([series]), DEFAULT_POLICY),
        kind="published",
        clock=series.clock or "its author's",
        counts=series.counts,
        left_out_s=left_out(series),
        notes=tuple(summary_lines(series)),
        price_source=one_line(series.price.source if series.price else series.source),
    )


def _headline(frame: pd.DataFrame, whole: pd.DataFrame, rows: list[Row]) -> str:
    """What the rows were made of: `whole` of the runs in `frame`, the others are samples."""
    if frame.empty:
        several = [row for row in rows if row.run_ids]  # published as well, but no stopgap
        if several:
            runs = f"{plural(sum(row.runs for row in several), 'published run')} in {plural(len(several), 'row')}"
            return f"{runs}, and no runs of our own; bench {bench.__version__}."
        return f"{NO_RUNS} {UNTIL_THEN}" if rows else NO_RUNS
    if whole.empty:
        return f"{plural(len(frame), 'sample')} and no complete run; bench {bench.__version__}."
    groups = sum(row.kind == "measured" for row in rows)
    runs = f"{plural(len(whole), 'run')} in {plural(groups, 'row')}"
    newest = whole["started"].max()
    return f"{runs}, the newest of {newest:%Y-%m-%d %H:%M} UTC; bench {bench.__version__}."
