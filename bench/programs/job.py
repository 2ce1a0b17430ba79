"""What to run, the target to reach, what to look for in the output, and when to stop."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

_WORD = r"[^\s<>=!\ud800-\udfff]+"  # no bytes that are no UTF-8: a record could not name them
_TARGET = re.compile(rf"\s*(?P<metric>{_WORD}(?:\s+{_WORD})*)\s*(?P<sign>>=|<=|[<>=!]+)\s*(?P<value>\S+)\s*")
GRACE_S = 30.0
SEED = "BENCH_SEED"


@dataclass(frozen=True)
class Target:
    """`metric` is to be at least, or at most, a value; exactly one of the two is given."""

    metric: str
    at_least: float | None = None
    at_most: float | None = None

    def reached(self, value: float) -> bool:
        """Whether `value` is good enough; NaN never is."""
        if self.at_least is not None:
            return value >= self.at_least
        return self.at_most is not None and value <= self.at_most


def parse_target(text: str) -> Target:
    """The target that `text` writes, such as `val_loss <= 3.28`. Raises ValueError where it has no direction."""
    match = _TARGET.fullmatch(text)
    if not match or match["sign"] not in (">=", "<="):
        raise ValueError(f"{text!r} is not METRIC >= VALUE or METRIC <= VALUE, such as 'val_loss <= 3.28'")
    try:
        value = float(match["value"])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{text!r}: {match['value']!r} is not a number; write it as the program shows it, 0.94 or 94")
    return Target("_".join(match["metric"].split()), **{"at_least" if match["sign"] == ">=" else "at_most": value})


class BadPattern(ValueError):  # noqa: N818 -- a mistake of the user's, told in a line
    """An expression that finds no number: it has no name, no group, or is none."""


def patterns_of(words: Iterable[str]) -> dict[str, str]:
    """The expressions by name that `words` give, each NAME=REGEX. Raises BadPattern for one that is not."""
    patterns = {}
    for word in words:
        name, _, expression = word.partition("=")
        if not name.strip() or not expression:
            raise BadPattern(f"{word!r} is not NAME=REGEX, such as loss='loss is (\\S+)'")
        patterns[name.strip()] = expression
    return patterns


def compiled(name: str, expression: str) -> tuple[re.Pattern[str], str | int]:
    """The expression of the metric `name`, and which of its groups is the number. Raises BadPattern."""
    try:
        pattern = re.compile(expression)
    except (re.error, RecursionError, OverflowError) as error:
        raise BadPattern(f"--metric {name}: {expression!r} is not a regular expression ({error})") from None
    if not pattern.groups:
        raise BadPattern(
            f"--metric {name}: {expression!r} has no group; put parentheses around the number, "
            rf"as in {name}='{name} is (\S+)'"
        )
    return pattern, "value" if "value" in pattern.groupindex else 1


@dataclass(frozen=True)
class Job:
    """One run of a program. Times are seconds.

    Of a sample `steps` are taken and then it is stopped: by SIGTERM, and by SIGKILL `grace` seconds later. So is one
    that is not over after `timeout`, and with `stops_at_target` one that has reached its target. `linger` is how long
    processes that the program leaves behind may continue. `quiet`: no messages while it runs.
    """

    argv: tuple[str, ...]
    seed: int = 0
    name: str | None = None
    folder: Path | None = None
    target: Target | None = None
    stops_at_target: bool = False
    steps: int | None = None
    total_steps: int | None = None
    timeout: float | None = None
    grace: float = GRACE_S
    linger: float = 5.0
    task_sha256: str | None = None
    quiet: bool = False

    @property
    def command(self) -> list[str]:
        """The words of the command, with the seed in place of `{seed}`."""
        return [word.replace("{seed}", str(self.seed)) for word in self.argv]

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """`environ`, and the seed in it."""
        # Python would keep its output back for as long as nobody reads it on a terminal.
        return {"PYTHONUNBUFFERED": "1", **environ, SEED: str(self.seed)}

    @property
    def program(self) -> str:
        """What the program is called: its name, else that of its script, else that of the command."""
        return self.name or name_of(self.argv)


def name_of(argv: tuple[str, ...]) -> str:
    """`train` of `python -u train.py --lr 3`, and of `python -m pkg.train`: the first word that names a script."""
    for before, word in zip(("", *argv), argv):
        if word.endswith((".py", ".sh", ".pyz")):
            return PurePath(word).stem
        if before == "-m" and (module := word.rpartition(".")[2]):
            return module
    return PurePath(argv[0]).stem or argv[0]
