"""What is to be run, and when it is to be stopped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePath

from bench.programs.target import Target

GRACE_S = 30.0


@dataclass(frozen=True)
class Job:
    """One run of a program. Times are seconds.

    Of a sample `steps` are taken and then it is stopped: by SIGTERM, and by SIGKILL `grace` seconds later. So is one
    that is not over after `timeout`, and with `stops_at_target` one that has reached its target. `linger` is how long
    processes that the program leaves behind may go on.
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

    @property
    def command(self) -> list[str]:
        """The words of the command, with the seed in place of `{seed}`."""
        return [word.replace("{seed}", str(self.seed)) for word in self.argv]

    @property
    def program(self) -> str:
        """What the program is called: its name, else that of its script, else that of the command."""
        return self.name or name_of(self.argv)


def name_of(argv: tuple[str, ...]) -> str:
    """`train` of `python -u train.py --lr 3`, and of `python -m pkg.train`: the first word that names a script."""
    for before, word in zip(("", *argv), argv):
        if word.endswith((".py", ".sh", ".pyz")):
            return PurePath(word).stem
        if before == "-m":
            return word.rpartition(".")[2]
    return PurePath(argv[0]).stem or argv[0]
