"""Where the answer of a command goes, and in which format: stdout or a file, whose name may say the format."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click
from click.core import ParameterSource

from bench.cli.parts.common import Decorator, together
from bench.errors import StoreError, UsageError
from bench.streams import Out

_Callback = Callable[[click.Context, click.Parameter, str], str]
_BY_SUFFIX = {
    ".txt": "table",
    ".md": "markdown",
    ".markdown": "markdown",
    ".csv": "csv",
    ".json": "json",
    ".parquet": "parquet",
    ".html": "html",
    ".htm": "html",
}


def format_option(*formats: str) -> Decorator:
    """The option `--format`, passed as `style`, of a command that answers in one of `formats`, a table otherwise."""
    return _format_option(formats, "Output format.")


def _format_option(formats: Sequence[str], said: str, callback: _Callback | None = None) -> Decorator:
    return click.option(
        "--format",
        "style",
        default="table",
        show_default=True,
        type=click.Choice(formats),
        callback=callback,
        help=said,
    )


output_option = click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Output file; - is stdout.",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    callback=lambda _context, _option, path: None if path == Path("-") else path,
)


def answer_options(*formats: str) -> Decorator:
    """`--format`, passed as `style`, and `-o`, whose suffix is the format where none is given; a table otherwise."""

    def of_file(ctx: click.Context, param: click.Parameter, style: str) -> str:
        # What is not given is processed last, so that -o is known.
        output = ctx.params.get("output")
        if output is None or ctx.get_parameter_source("style") is not ParameterSource.DEFAULT:
            return style
        named = _BY_SUFFIX.get(output.suffix.lower(), style)
        if named not in formats:
            known = ", ".join(formats)
            raise UsageError(f"{output}: {named} is not among {known}; name another file, or give --format")
        return named

    said = "Output format; without it the suffix of -o FILE says it."
    return together(_format_option(formats, said, of_file), output_option)


def write(text: str | bytes, output: Path | None) -> None:
    """To the file `output`, or to stdout where it is None. Raises StoreError where the file cannot be written."""
    if output is None:
        if isinstance(text, bytes) and isinstance(sys.stdout, Out):
            sys.stdout.write_bytes(text)
        else:
            click.echo(text, nl=False)
        return
    try:
        output.write_bytes(text.encode() if isinstance(text, str) else text)
    except OSError as error:
        raise StoreError(f"{output}: cannot be written ({error.strerror}); name another file with -o") from error


def to_terminal(output: Path | None) -> bool:
    """Whether the answer will be read on a terminal, and so may be styled."""
    return output is None and sys.stdout.isatty()


def refuse_terminal(output: Path | None) -> None:
    """Raise UsageError where Parquet would go to a terminal."""
    if to_terminal(output):
        raise UsageError("parquet is binary and not for a terminal; name a file with -o")
