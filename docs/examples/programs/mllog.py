"""A program that logs as MLPerf's do: `run_start` and `run_stop` mark what counts under the `mlperf` clock."""

import json
import sys
import time

EPOCHS = int(sys.argv[1]) if len(sys.argv) > 1 else 5


def log(key, value=None, **metadata):
    """One line of the log."""
    entry = {"key": key, "value": value, "time_ms": int(1000 * time.time()), "metadata": metadata}
    print(":::MLLOG", json.dumps(entry), flush=True)


log("init_start")
time.sleep(0.05)  # where a real program loads and compiles
log("init_stop")
log("run_start")
for epoch in range(1, EPOCHS + 1):
    time.sleep(0.05)  # where it trains
    log("eval_start", epoch_num=epoch)
    time.sleep(0.02)  # where it evaluates
    log("eval_accuracy", 1 - 0.5**epoch, epoch_num=epoch)
    log("eval_stop", epoch_num=epoch)
log("run_stop", status="success")
