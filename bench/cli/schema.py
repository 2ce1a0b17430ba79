"""bench schema: the JSON Schema of a record."""

from __future__ import annotations

import json

import click


@click.command()
def schema() -> None:
    """Print the JSON Schema of every document a store holds, for editors and other readers."""
    from bench.record.files import json_schema

    click.echo(json.dumps(json_schema(), indent=2, sort_keys=True))
