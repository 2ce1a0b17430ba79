"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable

import click


class _Name(click.types.StringParamType):
    def split_envvar_value(self, rv: str) -> list[str]:
        """One name, as it stands: a folder's may hold spaces."""
        return [rv]


store = click.option(
    "--store",
    envvar="BENCH_STORE",
    default="results/local",
    show_default=True,
    metavar="FOLDER|s3://…",
    help="Where records live.  [env: BENCH_STORE]",
)
stores = click.option(
    "--store",
    "stores",
    envvar="BENCH_STORE",
    default=["results/local"],
    show_default=True,
    multiple=True,
    type=_Name(),
    metavar="FOLDER|s3://…",
    help="Where records live; may be repeated.  [env: BENCH_STORE]",
)
data = click.option(
    "--data",
    metavar="FOLDER",
    help="Folder with CIFAR-10's official binary batches; else CIFAR10_DIR, else the cache.",
)
_MACHINE = (
    click.option(
        "--instance",
        envvar="BENCH_INSTANCE",
        show_envvar=True,
        metavar="PROVIDER:TYPE",
        help="What this machine is, such as aws:p3.2xlarge: its price comes from the price book.",
    ),
    click.option(
        "--spot",
        is_flag=True,
        envvar="BENCH_SPOT",
        show_envvar=True,
        help="It is a spot machine (with --instance or --price-per-hour).",
    ),
    click.option(
        "--price-per-hour",
        envvar="BENCH_PRICE_PER_HOUR",
        show_envvar=True,
        metavar="AMOUNT",
        help="What an hour of this machine costs.",
    ),
    click.option(
        "--currency",
        envvar="BENCH_CURRENCY",
        show_envvar=True,
        default="USD",
        show_default=True,
        help="Of --price-per-hour, ISO 4217.",
    ),
)


def machine(command: Callable[..., None]) -> Callable[..., None]:
    """What the user or the launcher says of the machine and its price, by options or variables."""
    for option in reversed(_MACHINE):
        command = option(command)
    return command
