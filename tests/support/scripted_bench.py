"""`python -m tests.support.scripted_bench`: bench with one recipe, `waiting`, that trains until a signal ends it."""

from __future__ import annotations

import time
from pathlib import Path

import click

import bench.recipes
from bench.cli import main
from bench.training import data
from bench.training.events import Events
from tests.support.scripted import NO_IMAGES, Scripted

TRAINING = "the training has begun"


def wait(seed: int, events: Events) -> None:
    """Say on stderr that the phase has begun, and stay in it."""
    with events.phase("train"):
        click.echo(TRAINING, err=True)
        time.sleep(600)


if __name__ == "__main__":
    bench.recipes.RECIPES = (Scripted("waiting", "", 0.94, script=wait),)
    data.find = lambda given=None: Path()
    data.load = lambda folder: NO_IMAGES
    main()
