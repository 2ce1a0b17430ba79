"""bench export: the records of a store, in other formats."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from analysis.frames import load
from analysis.published.dawnbench.exporter import Submitter, export_entries, write_entries
from analysis.published.mlperf.exporter import export_results, write_results
from analysis.reconcile.focus_export import as_focus
from analysis.report.render import as_csv, as_parquet
from bench.cli.parts import complain, output_option, parsed, refuse, refuse_terminal, store_option, with_progress, write
from bench.store import open_store, read_all
from bench.text import one_line, plural

F = TypeVar("F", bound=Callable[..., Any])


def _folder_option(words: str) -> Callable[[F], F]:
    """The option `--output` of a command that writes several files; `words` are its help."""
    folder = click.Path(path_type=Path, file_okay=False)
    return click.option("-o", "--output", required=True, metavar="DIR", type=folder, help=words)


def _name(text: str) -> str:
    if not one_line(text):
        raise ValueError("a name is needed")
    return text


def _author_option(words: str) -> Callable[[F], F]:
    return click.option("--author", required=True, callback=parsed(_name), help=words)


def _address(text: str) -> str:
    if re.fullmatch(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+", text) is None:
        raise ValueError(f"{text!r} is not an email address, such as name@example.org")
    return text


@click.group()
def export() -> None:
    """Write the records of a store in other formats."""


@export.command("dawnbench")
@store_option
@_folder_option("Folder for CIFAR10/train, such as a checkout of dawn-bench-entries.")
@_author_option("Submitter of the entries; records hold no names.")
@click.option(
    "--email",
    required=True,
    callback=parsed(_address),
    help="The author's email address, required by the entries' checker.",
)
@click.option("--code-url", metavar="URL", help="URL of the code of these runs.")
@click.option(
    "--all", "all_runs", is_flag=True, help="Export every run that hit, not only the first of each recipe and machine."
)
@with_progress
def export_dawnbench(store: str, output: Path, author: str, email: str, code_url: str | None, all_runs: bool) -> None:
    """Write runs that reached 94 % on CIFAR-10 as DAWNBench entries.

    Each is a JSON and a TSV file. Nothing is overwritten. A record that cannot be read is named on stderr; the exit
    code is then 5.
    """
    documents, errors = read_all(open_store(store))
    entries = export_entries(documents, Submitter(author, email, code_url), all_runs=all_runs)
    for path in write_entries(entries, output):
        click.echo(path)
    if not entries:
        click.echo("bench: no run reached 94 % on CIFAR-10; nothing to export", err=True)
    refuse(errors)


@export.command("mllog")
@store_option
@_folder_option("Folder for the author's tree of results and systems.")
@_author_option("Submitter of the results; records hold no names.")
@with_progress
def export_mllog(store: str, output: Path, author: str) -> None:
    """Write runs as results of MLPerf Training.

    Each run is a log of :::MLLOG lines, in the open division. Runs that missed, failed or were interrupted are marked
    as aborted. `bench import mlperf` reads them. Nothing is overwritten. A record that cannot be read is named on
    stderr; the exit code is then 5.
    """
    documents, errors = read_all(open_store(store))
    results, left_out = export_results(documents)
    for path in write_results(results, author, output):
        click.echo(path)
    if not results and not left_out:
        click.echo("bench: no runs; nothing to export", err=True)
    if left_out:
        click.echo(f"bench: left out, since the mlperf clock cannot time them: {plural(left_out, 'run')}", err=True)
    refuse(errors)


@export.command()
@store_option
@output_option
@with_progress
def csv(store: str, output: Path | None) -> None:
    """Write every run as a row of CSV. A record that cannot be read is named on stderr; the exit code is then 5."""
    frame, errors = load([open_store(store)])
    write(as_csv(frame), output)
    refuse(errors)


@export.command()
@store_option
@output_option
@with_progress
def parquet(store: str, output: Path | None) -> None:
    """Write every run as a row of Parquet.

    A record that cannot be read is named on stderr; the exit code is then 5.
    """
    refuse_terminal(output)
    frame, errors = load([open_store(store)])
    write(as_parquet(frame), output)
    refuse(errors)


@export.command()
@store_option
@output_option
@with_progress
def focus(store: str, output: Path | None) -> None:
    """Write the estimates of all leases as FOCUS 1.0 (CSV).

    They include your own machines if these have a price. A lease whose cost is unknown is left out and named on
    stderr. A record that cannot be read is named too; the exit code is then 5.
    """
    documents, errors = read_all(open_store(store))
    text, unknown = as_focus(documents)
    write(text, output)
    complain(unknown)
    refuse(errors)
