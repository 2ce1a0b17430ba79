"""bench recipes: what can be run."""

from __future__ import annotations

import click

from bench.recipes import RECIPES


@click.command()
def recipes() -> None:
    """List the recipes: name, target, and what each is."""
    width = max(len(recipe.name) for recipe in RECIPES)
    for recipe in RECIPES:
        click.echo(f"{recipe.name:<{width}}  {recipe.target:>4.0%}  {recipe.summary}")
