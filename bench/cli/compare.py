"""bench compare: A with B, in words with intervals; a gate for CI."""

from __future__ import annotations

import re
import sys
from typing import cast

import click

from analysis.comparison.compare import (
    METRICS,
    Metric,
    compare as compare_sides,
    render as render_comparison,
    select,
    slower,
)
from analysis.published.runs import load_apart_with_published
from bench.cli.parts.common import (
    complain,
    complete_folders,
    complete_recipes,
    format_option,
    parsed,
    store_option,
    with_progress,
)
from bench.errors import RecordError
from bench.record.documents import DEFAULT_POLICY, POLICIES, Policy
from bench.store import open_store

REGRESSION, INCONCLUSIVE = 3, 4  # exit codes


def _share(text: str) -> float:
    """`5%` as 0.05. A bare 5 or 0.05 could mean either. Raises ValueError."""
    found = re.fullmatch(r"(\d{1,6}(?:\.\d+)?)\s*%", text.strip(), re.ASCII)
    if found is None:
        raise ValueError(f"{text!r} is no share; write a number and a per cent sign, such as 5%")
    return float(found[1]) / 100


@click.command()
@click.argument("a", shell_complete=complete_recipes)
@click.argument("b", shell_complete=complete_recipes)
@store_option
@click.option(
    "--baseline-store",
    metavar="FOLDER",
    shell_complete=complete_folders,
    help="Where the records of B live, if not in --store.",
)
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
    callback=parsed(_share),
    metavar="5%",
    help="Exit with 3 where A takes this much longer than B, with 4 where the runs do not say.",
)
@format_option("table", "markdown", "json")
@with_progress
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

    A and B are recipes, programs or published results of several runs, by their name in `bench report`, as RECIPE or
    as RECIPE@MACHINE, where MACHINE is any part of a machine's name. To compare one recipe with its own past, name an
    older store with --baseline-store. Runs interleaved in one call of `bench run` are compared in pairs. On fewer
    than 6 runs a side nothing is called better.

    Exit codes: 0 compared, 2 A or B is not in the store, 3 and 4 see --fail-if-slower, 5 a record failed its
    checksum or schema and was not counted, or has other content in the two stores.
    """
    chosen = cast("tuple[Metric, ...]", metrics or METRICS)
    if fail_if_slower is not None and "time" not in chosen:
        chosen = ("time", *chosen)
    stores = [open_store(each) for each in (store, baseline_store) if each is not None]
    (frame, *other), errors = load_apart_with_published(stores)
    baseline = other[0] if other else frame
    complain(errors)
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
