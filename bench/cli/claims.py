"""bench claims: what was claimed, and what becomes of it."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from click.core import ParameterSource

from bench.cli import options
from bench.cli.output import refuse, to_terminal, write
from bench.errors import StoreError

NOT_SUPPORTED = 3
INCONCLUSIVE = 4


@click.command()
@click.argument("ids", nargs=-1, metavar="[CLAIM]…")
@options.store
@click.option("--format", "style", default="table", show_default=True, type=click.Choice(["table", "markdown", "json"]))
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write it there.")
@click.option(
    "--fail", is_flag=True, help="Exit with 3 where a claim is not supported, else 4 where one is inconclusive."
)
@click.pass_context
def claims(
    context: click.Context, ids: tuple[str, ...], store: str, style: str, output: Path | None, fail: bool
) -> None:
    """Check CLAIM…, or every claim, against the published entries and the runs in the store.

    The published entries come with bench; those that the store holds take their place. Without --store, a store
    that is not there is no error. A record that cannot be read is named on stderr; the exit code is then 5.
    """
    from analysis.claims import chosen, load_claims
    from analysis.claims_published import check_published
    from analysis.claims_runs import check_runs
    from analysis.claims_text import as_json, as_markdown, as_table
    from analysis.dawnbench import published_documents
    from analysis.frame import runs_frame
    from bench.store import open_store, read_all

    book = load_claims()
    wanted = chosen(book, ids)
    try:
        documents, errors = read_all(open_store(store))
    except StoreError:
        if context.get_parameter_source("store") is not ParameterSource.DEFAULT:
            raise
        documents, errors = [], []
    entries, frame = published_documents(documents), runs_frame(documents)
    checks = []
    for claim in wanted:
        checks += [check_published(claim, book, entries), *check_runs(claim, frame)]
    if style == "json":
        text = as_json(checks)
    elif style == "markdown":
        text = as_markdown(checks)
    else:
        text = as_table(checks, terminal=to_terminal(output))
    write(text, output)
    refuse(errors)
    verdicts = {check.verdict for check in checks}
    if fail and "not supported" in verdicts:
        sys.exit(NOT_SUPPORTED)
    if fail and "inconclusive" in verdicts:
        sys.exit(INCONCLUSIVE)
