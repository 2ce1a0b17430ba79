"""A sweep of three cells over an empty store, and a call of it."""

from __future__ import annotations

import io
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console

from bench.store import FolderStore
from bench.sweep.orchestration.limited import Limits, Patience
from bench.sweep.orchestration.progress import Lines
from bench.sweep.orchestration.state import Budget
from bench.sweep.orchestration.sweep_runner import SweepResult, SweepRunner
from bench.sweep.spec import Sweep
from tests.support.fake_provisioner import FakeProvisioner, RunSweep

PATIENCE = Patience(poll=0.01, server=1.0, give_back=0.3, limits=Limits(before_tear_down=3))


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    """Three cells: v100, a100 and h100, two runs each of two recipes."""
    for name in ("v100", "a100", "h100"):
        (tmp_path / f"{name}.yaml").write_text("resources: {accelerators: V100:1}\nsetup: true\nrun: true\n")
    machines = tuple(str(tmp_path / f"{name}.yaml") for name in ("v100", "a100", "h100"))
    return Sweep(name="trial", recipes=("quick", "myrtle"), runs=2, machines=machines)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


@pytest.fixture
def run_sweep(sweep: Sweep, store: FolderStore) -> RunSweep:
    """`run_sweep(renting, **changes)`: run the sweep; how it ended, and what was shown."""

    def run(
        provisioner: FakeProvisioner, cost: str | None = None, duration: float | None = None, **changes: object
    ) -> tuple[SweepResult, str]:
        changed = sweep.model_copy(update=changes)
        runner = SweepRunner(changed, provisioner, store, PATIENCE)
        runner.load_state()
        runner.check()
        shown = io.StringIO()
        budget = Budget(Decimal(cost) if cost else None, timedelta(seconds=duration) if duration else None)
        result = runner.run(budget, Lines(Console(file=shown, width=200)))
        return result, shown.getvalue()

    return run
