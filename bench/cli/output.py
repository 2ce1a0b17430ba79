"""How commands give their answer: text to stdout or a file, and what could not be read to stderr."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from bench.errors import BenchError, RecordError, StoreError


def write(text: str | bytes, output: Path | None) -> None:
    """To the file `output`, or to stdout where it is None. Raises StoreError where the file cannot be written."""
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_bytes(text.encode() if isinstance(text, str) else text)
    except OSError as error:
        raise StoreError(f"{output}: cannot be written ({error.strerror}); name another file with -o") from error


def to_terminal(output: Path | None) -> bool:
    """Whether the answer will be read on a terminal, and so may be styled."""
    return output is None and sys.stdout.isatty()


def refuse(errors: Sequence[BenchError]) -> None:
    """Name what was not counted, a line each, and end with exit code 5 where there was any."""
    for error in errors:
        click.echo(f"bench: {error}", err=True)
    if errors:
        sys.exit(RecordError.exit_code)
