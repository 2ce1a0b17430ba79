"""bench schema: the JSON Schema of a record, or of a sweep file."""

from __future__ import annotations

import json

import click


@click.command()
@click.argument("what", metavar="[record|sweep]", default="record", type=click.Choice(["record", "sweep"]))
def schema(what: str) -> None:
    """Print the JSON Schema of all records in a store, or of a sweep file, for editors and other programs."""
    if what == "sweep":
        from bench.sweep.spec import Sweep

        found = Sweep.model_json_schema()
    else:
        from bench.record.documents import json_schema

        found = json_schema()
    click.echo(json.dumps(found, indent=2, sort_keys=True))
