"""What commands share: options, and what goes to stderr: what could not be read, and questions."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from functools import partial, wraps
from typing import Any

import click
from click.shell_completion import CompletionItem

from bench import variables
from bench.errors import BenchError, RecordError, UsageError

Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def parsed(parse: Callable[[Any], Any]) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """The callback of an option that passes what `parse` makes of its value; the ValueError it raises is a misuse."""

    def callback(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
        if value is None:
            return None
        try:
            return parse(value)
        except ValueError as error:
            raise click.BadParameter(str(error), ctx, param) from None

    return callback


def parsed_time(form: str, kind: str) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """The callback of an option that is a time as `strptime` reads it by `form`; errors call it `kind`."""

    def parse(text: str) -> datetime:
        try:
            return datetime.strptime(text, form)
        except ValueError:
            raise ValueError(f"{text!r} is not {kind}") from None

    return parsed(parse)


def together(*options: Decorator) -> Decorator:
    """One decorator of several, in the order in which the help shows them."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


class _Name(click.types.StringParamType):
    def split_envvar_value(self, rv: str) -> list[str]:
        """One name, verbatim: a folder name may contain spaces."""
        return [rv]


def complete_files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Let the shell complete `incomplete` to files."""
    return [CompletionItem(incomplete, type="file")]


def complete_folders(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Let the shell complete `incomplete` to folders."""
    return [CompletionItem(incomplete, type="dir")]


def complete_recipes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The recipes that a shell may complete `incomplete` to."""
    from bench.recipes import RECIPES  # not for those who run none

    return [CompletionItem(r.name, help=r.summary) for r in RECIPES if r.name.startswith(incomplete)]


def _only(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> str:
    """The store of a command that has one: of two, one would be left out unnoticed."""
    if len(values) > 1:
        raise click.BadParameter(f"{len(values)} stores are given, and {ctx.command_path} takes one", ctx, param)
    return values[0]


_store_option = partial(
    click.option,
    "--store",
    envvar=variables.STORE.name,
    default=["results/local"],
    show_default=True,
    multiple=True,
    type=_Name(),
    show_envvar=True,
    metavar="FOLDER|s3://…",
    shell_complete=complete_folders,
)
store_option = _store_option(callback=_only, help="Store of records: a folder or s3://bucket/prefix.")
stores_option = _store_option("stores", help="Store of records; may be repeated.")
data_option = click.option(
    "--data",
    metavar="FOLDER",
    shell_complete=complete_folders,
    help="Folder with CIFAR-10's official binary batches; default: CIFAR10_DIR, else the cache.",
)


device_option = click.option(
    "--device",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "cpu", "cuda"]),
    help="Device to train on; auto uses a GPU if there is one.",
)


def _patterns(words: tuple[str, ...]) -> dict[str, str]:
    from bench.programs.job import patterns_of  # not for those who have no such option

    return patterns_of(words)


metric_option = click.option(
    "--metric",
    "patterns",
    multiple=True,
    callback=parsed(_patterns),
    metavar="NAME=REGEX",
    help="Read a metric (or step, or total) where this matches: its group is the number. May be repeated.",
)
_echo_option = click.option(
    "--echo",
    is_flag=True,
    envvar=variables.ECHO.name,
    show_envvar=True,
    help="Print each record as a line on stdout too, as it is made: `bench collect --log` reads them from a log.",
)
_show_cost_option = click.option(
    "--show-cost",
    is_flag=True,
    envvar=variables.SHOW_COST.name,
    show_envvar=True,
    help="Print the cost of each phase of the lease at the end, on stderr.",
)
seed_option = click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(0, 2**31),
    help="Seed of the first run; the next ones count up.",
)
_machine_options = together(
    click.option(
        "--instance",
        envvar=variables.INSTANCE.name,
        show_envvar=True,
        metavar="PROVIDER:TYPE",
        help="Instance type of this machine, such as aws:p3.2xlarge, to look up its price in the price book.",
    ),
    click.option(
        "--spot",
        is_flag=True,
        envvar=variables.SPOT.name,
        show_envvar=True,
        help="This is a spot machine (with --instance or --price-per-hour).",
    ),
    click.option(
        "--price-per-hour",
        envvar=variables.PRICE_PER_HOUR.name,
        show_envvar=True,
        metavar="AMOUNT",
        help="Price of this machine per hour.",
    ),
    click.option(
        "--currency",
        envvar=variables.CURRENCY.name,
        show_envvar=True,
        metavar="CODE",
        help="Currency of --price-per-hour, ISO 4217.  [default: USD]",
    ),
)


def machine_options(command: Callable[..., None]) -> Callable[..., None]:
    """Pass `machine`, the MachineOptions that the user or the launcher gives by options or variables."""

    @wraps(command)
    def with_machine(
        *words: Any, instance: str | None, spot: bool, price_per_hour: str | None, currency: str | None, **more: Any
    ) -> None:
        from bench.lease import MachineOptions  # not for --help

        command(*words, machine=MachineOptions(instance, price_per_hour, currency, spot), **more)

    return _machine_options(with_machine)


# Of a command that runs something: where its records go, and at what price. `store`, `echo`, `show_cost`, `machine`.
recording_options = together(store_option, _echo_option, _show_cost_option, machine_options)


def with_progress(command: Callable[..., None]) -> Callable[..., None]:
    """A command that shows how far its long works are; the innermost of its decorators."""

    @wraps(command)
    def shown(*words: Any, **more: Any) -> None:
        if not sys.stderr.isatty():  # rich may be told by variables that it writes to a terminal
            command(*words, **more)
            return
        from bench.cli.parts.bars import showing_bars  # not for --help

        with showing_bars():
            command(*words, **more)

    return shown


def complain(errors: Iterable[BenchError]) -> None:
    """Say on stderr what went wrong, a line each, and go on."""
    for error in errors:
        click.echo(f"bench: {error}", err=True)


def refuse(errors: Sequence[BenchError]) -> None:
    """Name what was not counted, a line each, and end with exit code 5 where there was any."""
    complain(errors)
    if errors:
        sys.exit(RecordError.exit_code)


def end_unless_completed(statuses: Collection[str]) -> None:
    """End with the exit code of the worst of some runs: 130 where one was interrupted, else 6 where one failed."""
    if "interrupted" in statuses:
        sys.exit(130)
    if "failed" in statuses:
        sys.exit(6)


def confirm(question: str) -> None:
    """Ask on stderr. Raises Abort for a no, and UsageError if stdin is not a terminal."""
    if sys.stdin is None or not sys.stdin.isatty():  # None: closed
        raise UsageError("not a terminal, so confirmation is impossible; give --yes")
    click.confirm(question, abort=True, err=True)
