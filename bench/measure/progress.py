"""The live line on stderr: which run, epoch, accuracy, elapsed, remaining; plain lines off a terminal. No torch."""

from __future__ import annotations

import time

from rich.console import Console
from rich.live import Live
from rich.text import Text

from bench.record.documents import DEFAULT_POLICY, Run, policy_seconds

# Four refreshes a second are smooth to the eye and cost nothing that can be measured.
_REFRESH_S = 0.25


def _span(seconds: float) -> str:
    minutes, rest = divmod(int(seconds + 0.5), 60)
    return f"{minutes}:{rest:02d}"


class _Console(Console):
    """Stops printing when its reader is gone. On a machine that shuts down the reader may go first."""

    def on_broken_pipe(self) -> None:
        self.quiet = True


class Progress:
    """Shows one run at a time. Nothing is shown where `quiet`."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.console = _Console(stderr=True, quiet=quiet, highlight=False)
        self._live = Live(console=self.console, auto_refresh=False, transient=True)
        self._label = self._doing = self._accuracy = ""
        self._step = self._steps = 0
        self._started = self._trained_from = self._shown = 0.0

    def note(self, text: str) -> None:
        """What is to be known before a run starts."""
        self.console.print(f"bench: {text}", markup=False)

    def begin(self, label: str) -> None:
        """A run starts; `label` says which."""
        self._label, self._accuracy, self._doing = label, "", "starting"
        self._step = self._steps = 0
        self._started = time.perf_counter()
        if self.console.is_terminal:
            self._live.start()
        else:
            self.console.print(label, markup=False)

    def phase(self, name: str) -> None:
        """A phase starts."""
        self._doing = name
        self._show(now=True)

    def stepped(self, step: int, steps: int) -> None:
        """`step` of `steps` is done."""
        if step == 1:
            self._trained_from = time.perf_counter()
        self._step, self._steps = step, steps
        self._show()

    def evaluated(self, epoch: float, accuracy: float) -> None:
        """An accuracy (0..1) is known."""
        self._accuracy = f"epoch {epoch:.3g}: {accuracy:.2%}"
        if not self.console.is_terminal:
            self.console.print(f"  {self._line()}", markup=False, soft_wrap=True)
        self._show(now=True)

    def end(self, outcome: str) -> None:
        """The run is over."""
        if self._live.is_started:
            self._live.stop()
        self.console.print(f"{self._label}: {outcome}", markup=False, soft_wrap=True)

    def _line(self) -> str:
        now = time.perf_counter()
        parts = [self._accuracy, f"{self._step}/{self._steps}" if self._steps else self._doing]
        parts.append(f"{_span(now - self._started)} elapsed")
        if 1 < self._step < self._steps:
            # The first step is left out of the pace: it pays for what happens only once.
            pace = (now - self._trained_from) / (self._step - 1)
            parts.append(f"{_span(pace * (self._steps - self._step))} left")
        return "  ".join(part for part in parts if part)

    def _show(self, *, now: bool = False) -> None:
        if self._live.is_started and (now or time.perf_counter() - self._shown > _REFRESH_S):
            self._shown = time.perf_counter()
            self._live.update(Text(f"{self._label}  {self._line()}", no_wrap=True, overflow="ellipsis"), refresh=True)


def outcome(run: Run) -> str:
    """How a run ended, in a line."""
    if run.status != "completed":
        return f"{run.status} ({run.reason}): {run.message}"
    seconds = policy_seconds(run, DEFAULT_POLICY)
    verdict = "hit" if run.hit else "missed"
    taken = "unknown time" if seconds is None else f"{seconds:.3g} s"
    assert run.final_value is not None
    assert run.target is not None
    return f"{run.final_value:.2%} in {taken} ({DEFAULT_POLICY} clock), {verdict} {run.target.value:.1%}"
