"""Options that several commands share."""

from __future__ import annotations

import click

store = click.option(
    "--store",
    envvar="BENCH_STORE",
    default="results/local",
    show_default=True,
    metavar="FOLDER",
    help="Where records live.  [env: BENCH_STORE]",
)
data = click.option(
    "--data",
    metavar="FOLDER",
    help="Folder with CIFAR-10's official binary batches; else CIFAR10_DIR, else the cache.",
)
