"""bench report: the records in a store as a table or a page."""

from __future__ import annotations

import os
import tempfile
import webbrowser
from pathlib import Path
from typing import cast

import click

from analysis.published.dawnbench.entries import Which
from analysis.report.render import render, rows_as_parquet
from analysis.report.report import read_report
from analysis.tables.given_prices import electricity_price, what_if_price
from bench.cli.parts import answer_options, refuse, refuse_terminal, stores_option, to_terminal, with_progress, write
from bench.errors import BenchError, UsageError
from bench.record.documents import DEFAULT_POLICY, POLICIES, Policy
from bench.store import open_store

# Published entries in a table that people read on a terminal; their own runs would scroll away.
_MOST_PUBLISHED = 12


@click.command()
@stores_option
@click.option("--policy", default=DEFAULT_POLICY, show_default=True, type=click.Choice(POLICIES), help="Clock policy.")
@click.option(
    "--published",
    type=click.Choice(["claim", "stored", "all", "none"]),
    help="Published entries to show: claim, the four of the claim; stored, those and the ones in the stores, or only "
    "the latter beside your own programs or other published runs; all 31 of DAWNBench; or none.  "
    f"[default: stored; in a table {_MOST_PUBLISHED} of them]",
)
@answer_options("table", "markdown", "csv", "json", "parquet", "html")
@click.option(
    "--instance",
    metavar="PROVIDER:TYPE",
    help="What-if price: that of this instance in the price book, such as aws:p5.4xlarge.",
)
@click.option("--price-per-hour", metavar="AMOUNT", help="What-if price per hour of every run's machine.")
@click.option("--spot", is_flag=True, help="The what-if price is a spot price (with one of these two).")
@click.option("--price-per-kwh", metavar="AMOUNT", help="Price of a kWh of electricity, for the energy per success.")
@click.option(
    "--currency", metavar="CODE", help="Currency of --price-per-hour and --price-per-kwh, ISO 4217.  [default: USD]"
)
@click.option(
    "--open", "opened", is_flag=True, help="Open the report in a browser: html, in a temporary file unless -o is given."
)
@with_progress
def report(
    stores: tuple[str, ...],
    policy: str,
    published: str | None,
    style: str,
    instance: str | None,
    price_per_hour: str | None,
    spot: bool,
    price_per_kwh: str | None,
    currency: str | None,
    opened: bool,
    output: Path | None,
) -> None:
    """Report time, quality and cost of the runs in a store, by recipe and machine, beside published entries.

    Leases of rented machines follow in a separate table: time, estimate, bill, and cost per success. `html` is one
    page to open or send: the answer, the claims, plots, tables and how everything was measured. `json` has the
    claims, too; `csv` and `parquet` have only the cost table.

    --instance or --price-per-hour prices every run a second time, in columns marked what-if, separate from the
    recorded prices. Leases are not repriced. --price-per-kwh adds the cost of the energy per success, which the table
    has if GPUs reported it.

    A record that fails its checksum or schema is named on stderr and not counted; the exit code is then 5.
    """
    if opened:
        if style not in ("html", "table"):
            raise UsageError(f"--open needs html, not {style}; leave out --format or --open")
        style, output = "html", output or temporary_page()
    if style == "parquet":
        refuse_terminal(output)
    # A currency that goes with the price of electricity alone says nothing of a what-if price.
    of_what_if = None if price_per_kwh is not None and price_per_hour is None else currency
    what_if = what_if_price(instance, price_per_hour, currency=of_what_if, spot=spot)
    result, errors = read_report(
        [open_store(store) for store in stores],
        cast(Policy, policy),
        cast(Which, published or "stored"),
        _MOST_PUBLISHED if style == "table" and not published else None,
        plots=style == "html",
        what_if=what_if,
        electricity=electricity_price(price_per_kwh, currency),
    )
    if style == "parquet":
        write(rows_as_parquet(result.rows), output)
    else:
        text = render(result, style, terminal=to_terminal(output))
        # These two are UTF-8 by what they say or are, whatever the terminal's encoding.
        write(text.encode() if style in ("html", "json") else text, output)
    refuse(errors)
    if opened and output:
        show(output)


def temporary_page() -> Path:
    """A new file for a page that was given no name. It stays, as the browser may read it again."""
    handle, path = tempfile.mkstemp(prefix="bench-report-", suffix=".html")
    os.close(handle)
    return Path(path)


def show(page: Path) -> None:
    """Show `page` in the user's browser. Raises BenchError where there is none."""
    if not webbrowser.open(page.resolve().as_uri()):
        raise BenchError(f"{page}: no browser found; open it by hand, or name one in BROWSER")
