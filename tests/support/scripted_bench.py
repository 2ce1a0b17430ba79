"""`python -m tests.support.scripted_bench`: bench with two recipes that need no images.

`waiting` trains until a signal ends it, `short` for no time, from its second run on once stdin has a line or its end.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

import bench.recipes
from bench.cli import main
from bench.training import data
from bench.training.events import Events
from tests.support.scripted import NO_IMAGES, Scripted, train

TRAINING = "the training has begun"


def wait(seed: int, events: Events) -> None:
    """Say on stderr that the phase has begun, and stay in it."""
    with events.phase("train"):
        click.echo(TRAINING, err=True)
        time.sleep(600)


def go_on(seed: int, events: Events) -> None:
    """Train at once, or when the test says so."""
    if seed > 0:
        sys.stdin.readline()
    train(events)


if __name__ == "__main__":
    bench.recipes.RECIPES = (
        Scripted("waiting", "", 0.94, script=wait),
        Scripted("short", "", 0.94, script=go_on),
    )
    data.find = lambda given=None: Path()
    data.load = lambda folder: NO_IMAGES
    main()
