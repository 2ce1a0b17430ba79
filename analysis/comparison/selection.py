"""The runs a name selects from a store: `recipe`, or `recipe@part of a machine's name`."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from analysis.frames.runs import counted, whole_runs
from bench.errors import UsageError
from bench.text import did_you_mean, one_line


@dataclass(frozen=True, eq=False)
class Side:
    """One side of a comparison.

    `label` is what sentences call it; `runs` has the columns of analysis.frames.runs; `invalid` is how many more
    runs were selected but do not count, see analysis.frames.runs.counted.
    """

    label: str
    runs: pd.DataFrame
    invalid: int = 0


def select(frame: pd.DataFrame, name: str, store: str) -> Side:
    """The runs of `frame` (of runs_frame) that `name` selects: `recipe`, or `recipe@part of a machine's name`.

    `store` is what an error calls the place where `frame` is from. Raises UsageError, with the nearest name,
    where nothing is selected. Samples are not among them.
    """
    frame = whole_runs(frame)
    recipes, machines = frame["recipe"].map(one_line), frame["machine"].map(one_line)
    recipe, at, part = (name, "", "") if (recipes == name).any() else name.partition("@")
    of_recipe = recipes == recipe
    if not of_recipe.any():
        raise UsageError(f"no run of {one_line(recipe)!r} in {store}; {_nearest(recipe, recipes)}")
    there = machines.str.casefold().str.contains(part.strip().casefold(), regex=False)
    chosen = of_recipe & there
    if not chosen.any():
        ran_on = ", ".join(sorted(set(machines[of_recipe])))
        versions = sorted(set(recipes[there & recipes.str.startswith(f"{recipe} v")]))
        ran_on += "".join(f"; did you mean {version + at + part!r}?" for version in versions[-1:])
        raise UsageError(
            f"no run of {one_line(recipe)!r} on a machine called {one_line(part)!r} in {store}; ran on: {ran_on}"
        )
    selected = frame[chosen]
    if "counts" in selected and selected["counts"].nunique(dropna=False) > 1:
        raise UsageError(
            f"{one_line(name)!r} names runs on different clocks in {store}, published ones among them; narrow it with "
            "RECIPE@MACHINE, or import those under another --name"
        )
    runs = counted(selected)
    return Side(one_line(recipe + at + part), runs, len(selected) - len(runs))


def _nearest(recipe: str, recipes: pd.Series[str]) -> str:
    known = sorted(set(recipes))
    if near := did_you_mean(recipe, known):
        return near
    return f"it has {', '.join(known[:5])}{' and more' if len(known) > 5 else ''}" if known else "it has no runs at all"
