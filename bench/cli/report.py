"""bench report, bench compare, bench claims: what the records in a store say."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import click
from click.core import ParameterSource

from analysis.claims.check import as_json, check_claims, claims_table
from analysis.claims.claim import Check
from analysis.claims.own import OwnCheck, check_own, own_json, own_table, read_claims
from analysis.comparison.compare import (
    METRICS,
    Metric,
    compare as compare_sides,
    render as render_comparison,
    select,
    slower,
)
from analysis.frames.runs import load, load_apart, runs_frame
from analysis.published.dawnbench.entries import Which, published_documents
from analysis.report.render import render, rows_as_parquet
from analysis.report.report import read_report
from analysis.tables.what_if import what_if_price
from bench.cli.common import output_option, refuse, store_option, stores_option, to_terminal, write
from bench.errors import RecordError, StoreError, UsageError
from bench.record.documents import DEFAULT_POLICY, POLICIES, Policy
from bench.store import open_store, read_documents
from bench.text import Table

# Published entries in a table that people read on a terminal; their own runs would scroll away.
_MOST_PUBLISHED = 12
# Exit codes.
REGRESSION = NOT_SUPPORTED = 3
INCONCLUSIVE = 4


@click.command()
@stores_option
@click.option("--policy", default=DEFAULT_POLICY, show_default=True, type=click.Choice(POLICIES), help="Which clock.")
@click.option(
    "--published",
    type=click.Choice(["claim", "stored", "all", "none"]),
    help="Which published entries to show: the four of the claim; and those in the stores; and all 31 of DAWNBench; "
    f"none.  [default: stored; in a table {_MOST_PUBLISHED} of them]",
)
@click.option(
    "--format",
    "style",
    default="table",
    show_default=True,
    type=click.Choice(["table", "markdown", "csv", "json", "parquet", "html"]),
)
@click.option(
    "--instance",
    metavar="PROVIDER:TYPE",
    help="What if every run had been on a machine of this price, such as aws:p5.4xlarge? From the price book.",
)
@click.option("--price-per-hour", metavar="AMOUNT", help="What if an hour of every run's machine had cost this?")
@click.option("--spot", is_flag=True, help="The what-if price is a spot price (with either of these two).")
@click.option("--currency", metavar="CODE", help="Of --price-per-hour, ISO 4217.  [default: USD]")
@output_option
def report(
    stores: tuple[str, ...],
    policy: str,
    published: str | None,
    style: str,
    instance: str | None,
    price_per_hour: str | None,
    spot: bool,
    currency: str | None,
    output: Path | None,
) -> None:
    """Cost table of the runs in a store, by recipe and machine, beside published entries.

    Leases of rented machines follow in a table of their own: time, estimate, bill, and cost per success. `html` is
    one page to open or send: the tables, the claims, four plots and how everything was measured. `json` has the
    claims, too; `csv` and `parquet` have the cost table alone.

    With --instance or --price-per-hour every run is priced once more, at that price: in columns marked as what-if,
    apart from the prices of the records. Leases are not.

    A record that fails its checksum or schema is named on stderr and not counted; the exit code is then 5.
    """
    if style == "parquet" and to_terminal(output):
        raise UsageError("parquet cannot be read on a terminal; name a file with -o")
    which, most = cast("Which", published or "stored"), _MOST_PUBLISHED if style == "table" and not published else None
    what_if = what_if_price(instance, price_per_hour, currency=currency, spot=spot)
    result, errors = read_report(
        [open_store(store) for store in stores],
        cast(Policy, policy),
        which,
        most,
        plots=style == "html",
        what_if=what_if,
    )
    if style == "parquet":
        write(rows_as_parquet(result.rows), output)
    else:
        text = render(result, style, terminal=to_terminal(output))
        # These two are UTF-8 by what they say or are, whatever the terminal's encoding.
        write(text.encode() if style in ("html", "json") else text, output)
    refuse(errors)


def _share(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """`5%` as 0.05. A bare 5 or 0.05 could mean either."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d{1,6}(?:\.\d+)?)\s*%", value.strip(), re.ASCII)
    if found is None:
        raise click.BadParameter(f"{value!r} is no share; write a number and a per cent sign, such as 5%", ctx, param)
    return float(found[1]) / 100


@click.command()
@click.argument("a")
@click.argument("b")
@store_option
@click.option("--baseline-store", metavar="FOLDER", help="Where the records of B live, if not in --store.")
@click.option("--policy", default=DEFAULT_POLICY, show_default=True, type=click.Choice(POLICIES), help="Which clock.")
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    type=click.Choice(METRICS),
    help="What to compare; may be repeated. Else all.",
)
@click.option(
    "--fail-if-slower",
    callback=_share,
    metavar="5%",
    help="Exit with 3 where A takes this much longer than B, with 4 where the runs do not say.",
)
@click.option("--format", "style", default="table", show_default=True, type=click.Choice(["table", "markdown", "json"]))
def compare(
    a: str,
    b: str,
    store: str,
    baseline_store: str | None,
    policy: str,
    metrics: tuple[str, ...],
    fail_if_slower: float | None,
    style: str,
) -> None:
    """Compare the runs of A with those of B: faster, cheaper, more often at the target, in words with intervals.

    A and B are recipes, as RECIPE or as RECIPE@MACHINE, where MACHINE is any part of a machine's name. To
    compare one recipe with its own past, name an older store with --baseline-store. Runs interleaved in
    one call of `bench run` are compared in pairs. On fewer than 6 runs a side nothing is called better.

    Exit codes: 0 compared, 2 A or B is not in the store, 3 and 4 see --fail-if-slower, 5 a record failed its
    checksum or schema and was not counted, or has other content in the two stores.
    """
    chosen = cast("tuple[Metric, ...]", metrics or METRICS)
    if fail_if_slower is not None and "time" not in chosen:
        chosen = ("time", *chosen)
    (frame, *other), errors = load_apart([open_store(each) for each in (store, baseline_store) if each is not None])
    baseline = other[0] if other else frame
    for refused in errors:
        click.echo(f"bench: {refused}", err=True)
    side_a = select(frame, a, store)
    side_b = select(baseline, b, baseline_store or store)
    comparison = compare_sides(side_a, side_b, policy=cast(Policy, policy), metrics=chosen)
    click.echo(render_comparison(comparison, style), nl=False)
    if errors:  # named above, before the comparison can fail
        sys.exit(RecordError.exit_code)
    if fail_if_slower is not None:
        sys.exit(_verdict(slower(comparison, fail_if_slower), side_a.label, fail_if_slower))


def _verdict(is_slower: bool | None, label: str, share: float) -> int:
    """The exit code of --fail-if-slower, said on stderr as well."""
    limit = f"more than {100 * share:g} % slower"
    if is_slower is None:
        click.echo(f"bench: inconclusive: the runs do not say whether {label} is {limit}; make more", err=True)
        return INCONCLUSIVE
    if is_slower:
        click.echo(f"bench: regression: {label} is {limit}", err=True)
        return REGRESSION
    return 0


@click.command()
@click.argument("ids", nargs=-1, metavar="[CLAIM|FILE.toml]…")
@stores_option
@click.option("--format", "style", default="table", show_default=True, type=click.Choice(["table", "markdown", "json"]))
@output_option
@click.option(
    "--fail", is_flag=True, help="Exit with 3 where a claim is not supported, else 4 where one is inconclusive."
)
@click.pass_context
def claims(
    context: click.Context, ids: tuple[str, ...], stores: tuple[str, ...], style: str, output: Path | None, fail: bool
) -> None:
    """Check CLAIM…, or every claim, against the published entries and the runs in the store.

    A CLAIM that ends in .toml is a file of claims of your own, which are checked against the runs alone.

    The published entries come with bench; those that the store holds take their place. Without --store, a store
    that is not there is no error. A record that cannot be read is named on stderr; the exit code is then 5.
    """
    files = [name for name in ids if name.endswith(".toml")]
    if files and len(files) < len(ids):
        raise UsageError("name either files of claims of your own, or claims that come with bench")
    own = [claim for name in files for claim in read_claims(Path(name))]
    try:
        opened = [open_store(store) for store in stores]
        frame, errors = load(opened)
        entries, refused = read_documents(opened, "published")
        errors = [*errors, *refused]
    except StoreError:
        if context.get_parameter_source("stores") is not ParameterSource.DEFAULT:
            raise
        frame, entries, errors = runs_frame([]), [], []
    if own:
        checks: Sequence[Check | OwnCheck] = (held := check_own(own, frame, ", ".join(stores)))
        table: Table[Any] = own_table(held)
        in_json = own_json(held)
    else:
        checks = (found := check_claims(published_documents(entries), frame, ids))
        table, in_json = claims_table(found), as_json(found)
    if style == "json":
        text = in_json
    else:
        text = table.as_markdown() if style == "markdown" else table.as_text(terminal=to_terminal(output))
    write(text, output)
    refuse(errors)
    verdicts = {check.verdict for check in checks}
    if fail and "not supported" in verdicts:
        sys.exit(NOT_SUPPORTED)
    if fail and "inconclusive" in verdicts:
        sys.exit(INCONCLUSIVE)
