"""bench completion: click's script by which a shell completes the words of a bench command."""

from __future__ import annotations

from typing import cast

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for SHELL: the tab key then completes commands, options, recipes and claims.

    \b
    ~/.bashrc  eval "$(bench completion bash)"
    ~/.zshrc   eval "$(bench completion zsh)"
    fish       bench completion fish > ~/.config/fish/completions/bench.fish
    """
    script = get_completion_class(shell)
    assert script is not None  # as click.Choice allows just those that it knows
    root = cast(click.Group, click.get_current_context().find_root().command)
    name = "bench"
    click.echo(script(root, {}, name, f"_{name}_complete".upper()).source())  # the variable that click looks into
