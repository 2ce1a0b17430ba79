"""bench doctor: what this machine lacks, and how to get it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import cast

import click

from bench.cli.parts import data_option, format_option, machine_options, store_option, with_progress
from bench.doctor import PROBES, PURPOSES, Context, Finding, Purpose, findings
from bench.lease import MachineOptions
from bench.text import one_line

_COLOURS = {"ok": "green", "note": "yellow", "fails": "red"}


@click.command()
@click.option(
    "--for",
    "purpose",
    default="run",
    show_default=True,
    type=click.Choice(PURPOSES),
    help="Purpose: train recipes, run your own program, read records, or rent machines.",
)
@data_option
@store_option
@machine_options
@format_option("table", "json")
@with_progress
def doctor(purpose: str, data: str | None, store: str, machine: MachineOptions, style: str) -> None:
    """Check everything that a run needs on this machine, and show a remedy for whatever is missing.

    Python, torch, the GPU and its driver, a compiler, NVML, data, disk, memory, the store, credentials (which exist,
    never their values), the lease and its price, SkyPilot, the clock. It needs no torch, and measures nothing.

    Exit codes: 0 the command would work here, even if something could be better; 1 it would fail.
    """
    context = Context(cast(Purpose, purpose), store, data, machine)
    found = [finding for several in findings(context, PROBES) for finding in several]
    if style == "json":
        click.echo(json.dumps([{**asdict(each), "state": each.state} for each in found], indent=1))
    else:
        click.echo(_text(found, f"bench {purpose}"))
    if any(finding.fails for finding in found):
        sys.exit(1)


def _text(found: list[Finding], command: str) -> str:
    """The answer, and a line for each finding, with what to do below it."""
    failing = list(dict.fromkeys(finding.name for finding in found if finding.fails))
    answer = f"`{command}` would fail here: {', '.join(failing)}" if failing else f"`{command}` would work here"
    width = max(len(finding.name) for finding in found)
    lines = [answer, ""]
    for finding in found:
        state = click.style(f"{finding.state:<5}", fg=_COLOURS[finding.state])
        lines.append(f"{state}  {finding.name:<{width}}  {one_line(finding.found)}")
        if finding.remedy:
            lines.append(f"{'':<{len('fails')}}  {'':<{width}}  to do: {one_line(finding.remedy)}")
    return "\n".join(lines)
