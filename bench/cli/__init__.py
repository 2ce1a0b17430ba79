"""The command line: thin commands over the library, a file for each or for those of one thing; `parts` is shared.

Nothing heavy is imported before it must.
"""

from __future__ import annotations

import builtins
import gc
import importlib
import keyword
import os
import signal
import sys

import click
from click.shell_completion import CompletionItem

import bench
from bench.errors import BenchError
from bench.streams import safe_streams

# Command -> one line for `bench --help`. Its module has its name, but where _MODULES has another.
COMMANDS = {
    "doctor": "Show what this machine lacks, and how to get it.",
    "recipes": "List the recipes.",
    "data": "Download or verify CIFAR-10.",
    "run": "Train recipes and record each run.",
    "exec": "Run your own program and record time, cost and metrics; or sample it.",
    "metrics": "Show which progress is read from a program's output.",
    "estimate": "Estimate seconds and dollars of a recipe here, from a few steps.",
    "plan": "Show what a sweep would rent, for how long and how many dollars.",
    "prices": "List prices of machines with GPUs, from every available source.",
    "sweep": "Rent machines through SkyPilot, run on all of them, give them back.",
    "status": "Show what sweeps rent now, since when, for how much.",
    "collect": "Download records from a rented machine or a job's log.",
    "down": "Give rented machines back.",
    "report": "Report time, quality and cost of the records in a store.",
    "claims": "Check claims: supported, not supported or inconclusive.",
    "import": "Import published results into a store.",
    "export": "Export the records of a store to other formats.",
    "compare": "Compare A with B: faster, cheaper, more often, and how surely.",
    "reconcile": "Compare the bill with the estimate.",
    "lease": "Show this machine's lease; forecast or close one.",
    "store": "Maintain a store: verify, compact, drain.",
    "completion": "Print the completion script for a shell.",
    "schema": "Print the JSON Schema of a record, or of a sweep file.",
}
_MODULES = {
    "estimate": "run",
    "plan": "sweep",
    "status": "machines",
    "collect": "machines",
    "down": "machines",
    "claims": "verdicts",
    "compare": "verdicts",
}


class Lazy(click.Group):
    """A group whose commands are imported when they are called; help needs none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order of a first visit."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import the command called `name`."""
        if name not in COMMANDS:
            return None
        called = f"{name}_" if keyword.iskeyword(name) or hasattr(builtins, name) else name  # import_, exec_
        gc.disable()  # what modules make stays: to search it for garbage over and over takes a tenth of a report
        try:
            command = getattr(importlib.import_module(f"bench.cli.{_MODULES.get(name, called)}"), called)
        finally:
            gc.freeze()
            gc.enable()
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that `args` begin with. The error for an unknown name suggests the nearest one."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            from bench.text import did_you_mean  # not for --help

            ctx.fail(f"No such command {args[0]!r}. {did_you_mean(args[0], COMMANDS).capitalize()}".rstrip())
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """What may follow `bench`: commands from the table above, not from their modules, and options."""
        commands = [CompletionItem(name, help=line) for name, line in COMMANDS.items() if name.startswith(incomplete)]
        return commands + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in the help, from the table above."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=Lazy,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with: bench doctor, then bench run quick, then bench report.",
)
@click.version_option(bench.__version__, prog_name="bench")
def cli() -> None:
    """How long and how many dollars it takes to train a model to a quality, and how sure we are."""


def _print_error(error: click.ClickException) -> None:
    """Print what is wrong on stderr, in one line that names the command and its help; for a bare group, its help."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is None or error.message == context.get_help():
        return error.show()
    from bench.text import one_line  # not for --help

    # Choices are a line each.
    text = one_line(error.format_message())
    path = context.command_path
    stop = "" if text.endswith((".", "?")) else "."
    return click.echo(f"{path}: {text}{stop} See {path} --help", err=True)


def main() -> None:
    """Run the command line; a user's mistake ends in one line and its exit code, never in a traceback."""
    if os.getpid() == 1:  # the first process of a container, in which SIGTERM does nothing of itself
        signal.signal(signal.SIGTERM, lambda number, _: os._exit(128 + number))
    with safe_streams():
        try:
            cli(standalone_mode=False, prog_name="bench")
        except click.ClickException as error:
            _print_error(error)
            sys.exit(error.exit_code)
        except click.Abort:
            click.echo("bench: interrupted", err=True)
            sys.exit(130)
        except BenchError as error:
            click.echo(f"bench: {error}", err=True)
            sys.exit(error.exit_code)
