"""bench metrics: which progress is read from a program's output, by which source, and what is not."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from bench.cli.parts import answer_options, metric_option, write
from bench.errors import DataError, UsageError
from bench.programs.job import BadPattern
from bench.programs.watching.log import LogReading, Reading, Values, read_log
from bench.text import UNKNOWN, one_line, plural, table_of

_MOST_METRICS, _MOST_KINDS = 30, 10


@click.command()
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path))
@metric_option
@answer_options("table", "json")
def metrics(files: tuple[Path, ...], patterns: dict[str, str], style: str, output: Path | None) -> None:
    """Show what `bench exec` would read as progress in FILE, and what it would not.

    FILE is a log of a program's output (- for stdin), a TensorBoard file, a trainer_state.json, a CSV file, or a
    folder of such files. Nothing is run or stored.
    """
    readings = {str(path): _read(path, patterns) for path in files}
    if style == "json":
        content = [{"file": name, **_content(reading)} for name, reading in readings.items()]
        write(json.dumps(content, indent=1, allow_nan=False) + "\n", output)
    else:
        write("\n".join(_text(name, reading) for name, reading in readings.items()), output)


def _read(path: Path, patterns: dict[str, str]) -> LogReading:
    try:
        return read_log(Path("/dev/stdin") if str(path) == "-" else path, patterns)
    except BadPattern as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); give a log of a program's output") from None


def _text(name: str, reading: LogReading) -> str:
    """A paragraph of what was read, a table of metrics, and the lines that were not read."""
    parts = [f"{one_line(name)}\n" + "".join(f"  {line}\n" for line in _headlines(reading))]
    shown = list(_metrics(reading))
    if shown:
        headers = ("metric", "source", "values", "first", "last", "least", "most")
        more = [f"and {plural(left, 'more metric')}"] if (left := len(shown) - _MOST_METRICS) > 0 else []
        rows = [
            (metric, source, f"{values.count:,}", *(f"{value:.6g}" for value in values.summary()))
            for metric, source, values in shown[:_MOST_METRICS]
        ]
        parts.append(table_of(headers, rows, more).as_text().strip("\n") + "\n")
    if reading.unread:
        lines = [
            "Lines with numbers that were not read, or only their step, # for digits; --metric NAME=REGEX reads them:",
            *(f"  {count:,} x  {one_line(kind)}" for kind, count in reading.unread[:_MOST_KINDS]),
        ]
        if (left := len(reading.unread) - _MOST_KINDS) > 0:
            lines.append(f"  and {plural(left, 'more kind')}")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _headlines(reading: LogReading) -> Iterator[str]:
    if reading.lines:
        yield f"{plural(reading.lines, 'line')}, {reading.lines - reading.unread_lines:,} of them read"
    if not reading.readings:
        yield "no progress was read"
    for each in reading.readings:
        believed = ", whose steps count" if each.source == reading.steps else ""
        yield f"{each.source}: {plural(each.points, 'point')}{_steps(each)}{believed}"
    if mixed := reading.mixed():
        names = ", ".join(mixed[:_MOST_KINDS])
        yield f"shown both by evaluation lines and by unmarked ones, which may be training: {names}"
    for each in reading.readings:
        if each.phases:
            yield f"{each.source}: phases in seconds: " + ", ".join(f"{n} {s:.1f}" for n, s in each.phases.items())
        if each.trained_s is not None:
            yield f"{each.source}: from the first train phase to the end: {each.trained_s:.3f} s"


def _steps(reading: Reading) -> str:
    track = reading.track
    if track.first is None or track.last is None:
        return ""
    total = UNKNOWN if track.total is None else f"{track.total:,}"
    span = track.last.at - track.first.at
    lasted = f" in {span:.1f} s" if span > 0 else ""
    went = "; went back from {:,} to {:,}".format(*track.went_back) if track.went_back else ""
    differ = "; totals differ" if track.totals_differ else ""
    return f", {track.unit} {track.first.step:,} to {track.last.step:,} of {total}{lasted}{went}{differ}"


def _metrics(reading: LogReading) -> Iterator[tuple[str, str, Values]]:
    """Metrics by source, best first, each once; those that were shown most often before the others."""
    for each in reading.readings:
        own = [name for name in each.metrics if reading.best(name) is each]
        for name in sorted(own, key=lambda name: -each.metrics[name].count):
            yield name, each.source, each.metrics[name]


def _content(reading: LogReading) -> dict[str, Any]:
    return {
        "lines": reading.lines,
        "unread_lines": reading.unread_lines,
        "mixed": reading.mixed(),
        "steps_by": reading.steps,
        "sources": [_source(each) for each in reading.readings],
        "metrics": {
            name: {
                "source": source,
                "count": values.count,
                **{key: _plain(getattr(values, key)) for key in ("first", "last", "least", "most")},
            }
            for name, source, values in _metrics(reading)
        },
        "unread": [{"kind": kind, "lines": count} for kind, count in reading.unread],
    }


def _source(reading: Reading) -> dict[str, Any]:
    track = reading.track
    return {
        "source": reading.source,
        "points": reading.points,
        "unit": track.unit,
        "first_step": track.first and track.first.step,
        "last_step": track.last and track.last.step,
        "total": track.total,
        "phases": reading.phases,
        "trained_s": reading.trained_s,
    }


def _plain(value: float) -> float | str:
    """JSON has no word for a number that is none."""
    return value if math.isfinite(value) else str(value)
