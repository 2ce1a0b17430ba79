"""bench compare and bench claims: comparisons of runs, and checks of claims; a verdict is an exit code."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, cast

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from analysis.claims.check import as_json, check_claims, claims_table
from analysis.claims.claim import load_claims, read_claims
from analysis.claims.own import check_own, own_json, own_table
from analysis.comparison.compare import (
    METRICS,
    Metric,
    compare as compare_sides,
    render as render_comparison,
    select,
    slower,
)
from analysis.frames import load, runs_frame
from analysis.published.dawnbench.entries import published_documents
from analysis.published.runs import load_apart_with_published, with_published
from bench.cli.parts import (
    answer_options,
    complain,
    complete_files,
    complete_folders,
    complete_recipes,
    format_option,
    parsed,
    refuse,
    store_option,
    stores_option,
    to_terminal,
    with_progress,
    write,
)
from bench.errors import RecordError, StoreError, UsageError
from bench.record.documents import DEFAULT_POLICY, POLICIES, Policy, current_published
from bench.store import open_store, read_documents
from bench.text import Table

# Exit codes.
REGRESSION = NOT_SUPPORTED = 3
INCONCLUSIVE = 4


def _share(text: str) -> float:
    """`5%` as 0.05. A bare 5 or 0.05 could mean either. Raises ValueError."""
    found = re.fullmatch(r"(\d{1,6}(?:\.\d+)?)\s*%", text.strip(), re.ASCII)
    if found is None:
        raise ValueError(f"{text!r} is not a percentage, such as 5%")
    return float(found[1]) / 100


@click.command()
@click.argument("a", shell_complete=complete_recipes)
@click.argument("b", shell_complete=complete_recipes)
@store_option
@click.option(
    "--baseline-store",
    metavar="FOLDER|s3://…",
    shell_complete=complete_folders,
    help="Store with the records of B, if not --store.",
)
@click.option("--policy", default=DEFAULT_POLICY, show_default=True, type=click.Choice(POLICIES), help="Clock policy.")
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    type=click.Choice(METRICS),
    help="Metric to compare; may be repeated.  [default: all]",
)
@click.option(
    "--fail-if-slower",
    callback=parsed(_share),
    metavar="5%",
    help="Exit with 3 if A takes this much longer than B, with 4 if the runs are inconclusive.",
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
    """Compare the runs of A with those of B: faster, cheaper, more often at the target, in sentences with intervals.

    A and B are recipes, programs or published results of several runs, by their name in `bench report`, as RECIPE or
    as RECIPE@MACHINE, where MACHINE is any part of a machine's name; without it, on the machine types that both ran
    on, if there are any. To compare a recipe with its own past, give an older store with --baseline-store. Runs
    interleaved in one call of `bench run` are compared in pairs. With fewer than 6 runs per side nothing is called
    better.

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
        click.echo(f"bench: inconclusive: too few runs to say whether {label} is {limit}; make more", err=True)
        return INCONCLUSIVE
    if is_slower:
        click.echo(f"bench: regression: {label} is {limit}", err=True)
        return REGRESSION
    return 0


def _complete_claims(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The claims that a shell may complete `incomplete` to, and files."""
    claims = [CompletionItem(claim.id, help=claim.text) for claim in load_claims().claims]
    return [item for item in claims if item.value.startswith(incomplete)] + complete_files(ctx, param, incomplete)


@click.command()
@click.argument("ids", nargs=-1, metavar="[CLAIM|FILE.toml]…", shell_complete=_complete_claims)
@stores_option
@answer_options("table", "markdown", "json")
@click.option(
    "--fail", is_flag=True, help="Exit with 3 if a claim is not supported, otherwise with 4 if one is inconclusive."
)
@click.pass_context
@with_progress
def claims(
    context: click.Context, ids: tuple[str, ...], stores: tuple[str, ...], style: str, output: Path | None, fail: bool
) -> None:
    """Check CLAIM…, or every claim, against the published entries and the runs in the store.

    A CLAIM that ends in .toml is a file of claims of your own, which are checked against the runs and against
    published results of several runs.

    The published entries are included in bench; those in the store take precedence. Without --store, a missing store
    is not an error. A record that cannot be read is named on stderr; the exit code is then 5.
    """
    files = [name for name in ids if name.endswith(".toml")]
    if files and len(files) < len(ids):
        raise UsageError("name either files with claims of your own, or claims included in bench")
    own = read_claims([Path(name) for name in files])
    try:
        opened = [open_store(store) for store in stores]
        frame, errors = load(opened)
        entries, refused = read_documents(opened, "published")
        errors = [*errors, *refused]
    except StoreError:
        if context.get_parameter_source("stores") is not ParameterSource.DEFAULT:
            raise
        frame, entries, errors = runs_frame([]), [], []
    table: Table[Any]
    if own:
        held = check_own(own, with_published(frame, current_published(entries)), ", ".join(stores))
        table, in_json, verdicts = own_table(held), own_json(held), [check.verdict for check in held]
    else:
        checks = check_claims(published_documents(entries), frame, ids)
        table, in_json, verdicts = claims_table(checks), as_json(checks), [check.verdict for check in checks]
    if style == "json":
        text = in_json
    else:
        text = table.as_markdown() if style == "markdown" else table.as_text(terminal=to_terminal(output))
    write(text, output)
    refuse(errors)
    if fail and "not supported" in verdicts:
        sys.exit(NOT_SUPPORTED)
    if fail and "inconclusive" in verdicts:
        sys.exit(INCONCLUSIVE)
