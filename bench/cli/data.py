"""bench data: download or verify CIFAR-10."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.parts import data_option, with_progress
from bench.training import data as cifar10


@click.group()
def data() -> None:
    """CIFAR-10's official binary batches: download or verify them."""


@data.command()
@click.option(
    "--data",
    "folder",
    metavar="FOLDER",
    help="Target folder; default: CIFAR10_DIR, else the cache.",
    envvar="CIFAR10_DIR",
    type=click.Path(path_type=Path),
)
@click.option("--url", metavar="URL", help="Mirror of cifar-10-binary.tar.gz.  [env var: CIFAR10_URL]")
@with_progress
def fetch(folder: Path | None, url: str | None) -> None:
    """Download the official archive, verify and unpack it.

    Does nothing if the folder already holds verified files.
    """
    cifar10.fetch(folder, url, say=lambda line: click.echo(line, err=True))


@data.command()
@data_option
def verify(data: str | None) -> None:
    """Compare every file with its official MD5."""
    folder = cifar10.find(data)
    cifar10.verify(folder)
    click.echo(f"{folder}: six files, verified")
