"""What a sweep may cost and how long it may take."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from bench.cloud.sweep.state import CellState
from bench.cloud.sweep.stop import Because


@dataclass(frozen=True)
class Bounds:
    """USD for all cells together, and time from the first launch on. None: no bound."""

    cost: Decimal | None = None
    duration: timedelta | None = None

    def reached(self, cells: Iterable[CellState], elapsed: timedelta) -> Because | None:
        """Which bound is reached, if one is. A machine without a known price counts as nothing: see `uncounted`."""
        if self.cost is not None and spent(cells) >= self.cost:
            return Because.COST
        return Because.DURATION if self.duration is not None and elapsed >= self.duration else None

    def uncounted(self, cells: Iterable[CellState]) -> list[CellState]:
        """The cells whose machine has no known price, so that `cost` cannot be held for them."""
        return [cell for cell in cells if self.cost is not None and cell.machine and cell.machine.hourly is None]


def spent(cells: Iterable[CellState]) -> Decimal:
    """Dollars so far of all cells whose dollars are known."""
    return sum((cell.dollars() or Decimal(0) for cell in cells), Decimal(0))
