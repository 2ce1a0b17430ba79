"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from bench import variables


class _Name(click.types.StringParamType):
    def split_envvar_value(self, rv: str) -> list[str]:
        """One name, as it stands: a folder's may hold spaces."""
        return [rv]


store = click.option(
    "--store",
    envvar=variables.STORE.name,
    default="results/local",
    show_default=True,
    metavar="FOLDER|s3://…",
    help=f"Where records live.  [env: {variables.STORE.name}]",
)
stores = click.option(
    "--store",
    "stores",
    envvar=variables.STORE.name,
    default=["results/local"],
    show_default=True,
    multiple=True,
    type=_Name(),
    metavar="FOLDER|s3://…",
    help=f"Where records live; may be repeated.  [env: {variables.STORE.name}]",
)
data = click.option(
    "--data",
    metavar="FOLDER",
    help="Folder with CIFAR-10's official binary batches; else CIFAR10_DIR, else the cache.",
)
_MACHINE = (
    click.option(
        "--instance",
        envvar=variables.INSTANCE.name,
        show_envvar=True,
        metavar="PROVIDER:TYPE",
        help="What this machine is, such as aws:p3.2xlarge: its price comes from the price book.",
    ),
    click.option(
        "--spot",
        is_flag=True,
        envvar=variables.SPOT.name,
        show_envvar=True,
        help="It is a spot machine (with --instance or --price-per-hour).",
    ),
    click.option(
        "--price-per-hour",
        envvar=variables.PRICE_PER_HOUR.name,
        show_envvar=True,
        metavar="AMOUNT",
        help="What an hour of this machine costs.",
    ),
    click.option(
        "--currency",
        envvar=variables.CURRENCY.name,
        show_envvar=True,
        default="USD",
        show_default=True,
        help="Of --price-per-hour, ISO 4217.",
    ),
)


def machine(command: Callable[..., None]) -> Callable[..., None]:
    """Pass `machine`, the MachineOptions that the user or the launcher gives by options or variables."""

    @wraps(command)
    def with_machine(
        *words: Any, instance: str | None, spot: bool, price_per_hour: str | None, currency: str, **more: Any
    ) -> None:
        from bench.lease.describe import MachineOptions  # not for --help

        command(*words, machine=MachineOptions(instance, price_per_hour, currency, spot), **more)

    wrapped: Callable[..., None] = with_machine
    for option in reversed(_MACHINE):
        wrapped = option(wrapped)
    return wrapped
