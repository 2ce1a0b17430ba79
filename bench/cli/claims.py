"""bench claims: what was claimed, held against the records."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from analysis.claims.check import as_json, check_claims, claims_table
from analysis.claims.claim import Check
from analysis.claims.own import OwnCheck, check_own, own_json, own_table, read_claims
from analysis.frames.runs import load, runs_frame
from analysis.published.dawnbench.entries import published_documents
from analysis.published.runs import with_published
from bench.cli.parts.common import (
    complete_files,
    format_option,
    output_option,
    refuse,
    stores_option,
    to_terminal,
    with_progress,
    write,
)
from bench.errors import StoreError, UsageError
from bench.record.documents import current_published
from bench.store import open_store, read_documents
from bench.text import Table

NOT_SUPPORTED, INCONCLUSIVE = 3, 4  # exit codes


@click.command()
@click.argument("ids", nargs=-1, metavar="[CLAIM|FILE.toml]…", shell_complete=complete_files)
@stores_option
@format_option("table", "markdown", "json")
@output_option
@click.option(
    "--fail", is_flag=True, help="Exit with 3 where a claim is not supported, else 4 where one is inconclusive."
)
@click.pass_context
@with_progress
def claims(
    context: click.Context, ids: tuple[str, ...], stores: tuple[str, ...], style: str, output: Path | None, fail: bool
) -> None:
    """Check CLAIM…, or every claim, against the published entries and the runs in the store.

    A CLAIM that ends in .toml is a file of claims of your own, which are checked against the runs and against
    published results of several runs.

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
        runs = with_published(frame, current_published(entries))
        checks: Sequence[Check | OwnCheck] = (held := check_own(own, runs, ", ".join(stores)))
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
