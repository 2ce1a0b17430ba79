"""bench claims: claims of speed and cost, checked."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from click.core import ParameterSource

from analysis.claims.check import check_claims
from analysis.claims.render import as_json, claims_table
from analysis.frames.runs import load, read_documents, runs_frame
from analysis.published.dawnbench.entries import published_documents
from bench.cli import options
from bench.cli.output import refuse, to_terminal, write
from bench.errors import StoreError
from bench.store import open_store

NOT_SUPPORTED = 3
INCONCLUSIVE = 4


@click.command()
@click.argument("ids", nargs=-1, metavar="[CLAIM]…")
@options.stores
@click.option("--format", "style", default="table", show_default=True, type=click.Choice(["table", "markdown", "json"]))
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write it there.")
@click.option(
    "--fail", is_flag=True, help="Exit with 3 where a claim is not supported, else 4 where one is inconclusive."
)
@click.pass_context
def claims(
    context: click.Context, ids: tuple[str, ...], stores: tuple[str, ...], style: str, output: Path | None, fail: bool
) -> None:
    """Check CLAIM…, or every claim, against the published entries and the runs in the store.

    The published entries come with bench; those that the store holds take their place. Without --store, a store
    that is not there is no error. A record that cannot be read is named on stderr; the exit code is then 5.
    """
    try:
        opened = [open_store(store) for store in stores]
        frame, errors = load(opened)
        entries, refused = read_documents(opened, "published")
        errors = [*errors, *refused]
    except StoreError:
        if context.get_parameter_source("stores") is not ParameterSource.DEFAULT:
            raise
        frame, entries, errors = runs_frame([]), [], []
    checks = check_claims(published_documents(entries), frame, ids)
    if style == "json":
        text = as_json(checks)
    elif style == "markdown":
        text = claims_table(checks).as_markdown()
    else:
        text = claims_table(checks).as_text(terminal=to_terminal(output))
    write(text, output)
    refuse(errors)
    verdicts = {check.verdict for check in checks}
    if fail and "not supported" in verdicts:
        sys.exit(NOT_SUPPORTED)
    if fail and "inconclusive" in verdicts:
        sys.exit(INCONCLUSIVE)
