"""bench import: published results, as records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from analysis.published.dawnbench.entries import read_entries
from analysis.published.mlperf.results import SOURCE, read_results
from analysis.published.summary import hits_line, summary_lines
from analysis.published.trials.importer import Given, read_trials
from bench.billing import find_offer, given_price
from bench.cli.parts import parsed, refuse, store_option, together, with_progress
from bench.errors import ConflictError, RecordError, UsageError
from bench.programs.job import parse_target
from bench.record.documents import MetricTarget, Price, PricingCategory, PublishedRuns, current_published
from bench.store import open_store, read_all
from bench.text import one_line, plural
from bench.tracking import tracked

# No variables: BENCH_INSTANCE and the others say what this machine is, which has no part in what others ran.
_price_options = together(
    click.option(
        "--instance", metavar="PROVIDER:TYPE", help="Price the runs as if on this instance, such as aws:p5.48xlarge."
    ),
    click.option("--price-per-hour", metavar="AMOUNT", help="Price per hour of one machine."),
    click.option("--price-per-accelerator-hour", metavar="AMOUNT", help="Price per hour of one accelerator."),
    click.option("--spot", is_flag=True, help="Use a spot price (with one of these three options)."),
    click.option("--currency", metavar="CODE", help="Currency of AMOUNT, ISO 4217.  [default: USD]"),
)


@dataclass(frozen=True)
class PublishedPrice:
    """The price that the options name; nothing of it is looked up yet."""

    instance: str | None
    per_hour: str | None
    per_accelerator_hour: str | None
    spot: bool
    currency: str | None

    @property
    def given(self) -> bool:
        """Whether there is one. Raises UsageError for options that do not go together."""
        amounts = [self.instance, self.per_hour, self.per_accelerator_hour]
        prices = sum(amount is not None for amount in amounts)
        if prices > 1:
            raise UsageError("give only one price: --instance, --price-per-hour or --price-per-accelerator-hour")
        if self.spot and not prices:
            raise UsageError("--spot needs --instance, --price-per-hour or --price-per-accelerator-hour")
        if self.currency is not None and (not prices or self.instance is not None):
            raise UsageError("--currency needs --price-per-hour or --price-per-accelerator-hour")
        return bool(prices)

    def of(self, series: PublishedRuns) -> Price | None:
        """The price of the runs in `series`; None without one.

        Raises UsageError for what is no price, and for an instance with another number of accelerators than the runs
        had, or where that is not told and has to be.
        """
        if not self.given:
            return None
        category: PricingCategory = "Dynamic" if self.spot else "Standard"
        if self.instance is None:
            price = given_price(self.per_hour or self.per_accelerator_hour or "", self.currency or "USD", category)
            if self.per_hour is not None:
                return price
            if series.accelerators is None:
                raise UsageError(f"{series.label}: the number of accelerators is unknown; give --accelerators")
            return price.model_copy(update={"unit": "gpu-hour"})
        offer = find_offer(self.instance, category, catalogue=True)
        if offer.hourly is None:
            raise UsageError(f"{offer.name} has no amount in the price book; give --price-per-hour")
        if series.accelerators is not None and offer.accelerators.count != series.accelerators:
            raise UsageError(
                f"{offer.name} has {offer.accelerators.count} accelerators, and {series.label} ran on machines with "
                f"{series.accelerators}; give --price-per-accelerator-hour"
            )
        return Price(
            amount=offer.hourly,
            currency=offer.currency,
            pricing_category=category,
            source=f"{offer.name} ({offer.accelerators.count} x {offer.accelerators.name}), {offer.source}",
            seen=offer.seen,
        )


def price_options(command: Callable[..., None]) -> Callable[..., None]:
    """Pass `price`, the PublishedPrice that the user gives by options."""

    @wraps(command)
    def with_price(
        *words: Any,
        instance: str | None,
        price_per_hour: str | None,
        price_per_accelerator_hour: str | None,
        spot: bool,
        currency: str | None,
        **more: Any,
    ) -> None:
        price = PublishedPrice(instance, price_per_hour, price_per_accelerator_hour, spot, currency)
        command(*words, price=price, **more)

    return _price_options(with_price)


@click.group(name="import")
def import_() -> None:
    """Import published results into a store, as records."""


@import_.command("dawnbench")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@store_option
@with_progress
def import_dawnbench(folder: Path, store: str) -> None:
    """Import DAWNBench's CIFAR-10 training entries from DIR.

    DIR is a checkout of dawn-bench-entries. Importing again changes nothing. An entry that cannot be read, or that
    differs from the one in the store, is named on stderr and skipped; the exit code is then 5.
    """
    entries, read_errors = read_entries(folder)
    skipped: list[RecordError | ConflictError] = [*read_errors]
    target = open_store(store)
    target.check_writable()
    for entry in tracked(entries, "entries", len(entries)):
        try:
            target.put(entry)
        except ConflictError as error:
            skipped.append(error)
    found = len(entries) + len(read_errors)
    click.echo(f"{found - len(skipped)} of {found} entries are in {target.name}")
    refuse(skipped)


def _target(text: str) -> MetricTarget:
    target = parse_target(text)
    return MetricTarget(metric=target.metric, at_least=target.at_least, at_most=target.at_most)


_replace_option = click.option(
    "--replace", is_flag=True, help="Replace other runs that were imported under the same name."
)


@import_.command("trials")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--map",
    "pairs",
    multiple=True,
    required=True,
    metavar="FIELD=COLUMN",
    help="Which column holds what: seconds and value; machine, seed, hardware; a phase's seconds, such as "
    "final_evaluate. COLUMN/1000 divides. May be repeated.",
)
@click.option("--counts", required=True, metavar="PHASE,…", help="Phases included in the seconds: prepare,train.")
@click.option("--target", required=True, callback=parsed(_target), metavar="'METRIC >= VALUE'", help="Target.")
@click.option("--name", help="Name of what ran.  [default: the file's name]")
@click.option("--author", help="Author.")
@click.option("--source", metavar="URL", help="Source.  [default: the file's name]")
@click.option("--hardware", metavar="NAME", help="Hardware of each run, if no column has it.")
@click.option("--accelerators", type=click.IntRange(min=1), metavar="N", help="Accelerators that each run used.")
@price_options
@_replace_option
@store_option
@with_progress
def import_trials(
    file: Path,
    pairs: tuple[str, ...],
    counts: str,
    target: MetricTarget,
    name: str | None,
    author: str | None,
    source: str | None,
    hardware: str | None,
    accelerators: int | None,
    price: PublishedPrice,
    replace: bool,
    store: str,
) -> None:
    """Import FILE, one trial per line, as published runs with n > 1.

    FILE holds JSON lines, or CSV if its name ends in .csv. Its row in `bench report` shows what its clock leaves out,
    as far as the file has it. One impossible line rejects the whole file and is named; the exit code is then 5, or 2
    if an option does not fit the file. Importing again changes nothing; with another price or target it replaces the
    earlier import.
    """
    given = Given(
        target=target,
        counts=counts,
        name=name,
        author=author,
        source=source,
        hardware=hardware,
        accelerators=accelerators,
    )
    series = read_trials(file, pairs, given)
    _put_runs([series.model_copy(update={"price": price.of(series)})], store, replace=replace)


@import_.command("mlperf")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--source", metavar="URL", help="Source.  [default: MLPerf Training]")
@click.option(
    "--target",
    callback=parsed(_target),
    metavar="'METRIC <= VALUE'",
    help="Target of a benchmark that bench does not know; for known ones it is MLPerf's own.",
)
@price_options
@_replace_option
@store_option
@with_progress
def import_mlperf(
    folder: Path,
    source: str | None,
    target: MetricTarget | None,
    price: PublishedPrice,
    replace: bool,
    store: str,
) -> None:
    """Import the MLPerf Training results in and below DIR.

    These are results/<system>/<benchmark>/result_*.txt and systems/*.json. Each benchmark of a system is one
    published result, with its times, MLPerf's score and, at a price, its dollars. One that cannot be read is named
    on stderr and skipped; the exit code is then 5. Importing again changes nothing; with another price it replaces
    the earlier import.
    """
    found, errors = read_results(folder, source=source or SOURCE, target=target)
    _put_runs([series.model_copy(update={"price": price.of(series)}) for series in found], store, replace=replace)
    refuse(errors)


def _put_runs(found: Sequence[PublishedRuns], store: str, *, replace: bool) -> None:
    """Store each of `found`, unless the store has it already, and say what it says.

    Raises UsageError where the store has other runs in the place of one and `replace` is false; then none is stored.
    """
    target = open_store(store)
    target.check_writable()
    documents, unreadable = read_all(target, "published")
    known = {series.place: series for series in current_published(documents)}
    others = [each for each in found if each.place in known and not each.same_runs_as(known[each.place])]
    if others and not replace:
        raise UsageError(
            f"{others[0].label}: {target.name} has other runs of that name from {others[0].source_file} of "
            f"{others[0].source}; give another --name or --source, or --replace"
        )
    for series in found:
        earlier = known.get(series.place)
        if earlier is None or not earlier.same_as(series):
            target.put(series)
        known[series.place] = series
        state = "already imported" if earlier and earlier.same_as(series) else "replaces an earlier import"
        click.echo(f"{one_line(series.label)} on {one_line(series.machine)}{f' ({state})' if earlier else ''}")
        for line in (hits_line(series), *summary_lines(series)):
            click.echo(f"  {line}")
    click.echo(f"{plural(len(found), 'published result')} in {target.name}")
    refuse(unreadable)
