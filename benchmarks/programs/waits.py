"""A program that only waits, and shows its progress in one of many forms: `waits.py FORM STEPS [SECONDS A STEP]`.

Every step takes a little more or less, each 25th is followed by an evaluation of two steps' length, and the first one
by a start-up of ten. What it shows is made up; when it shows it is not.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

EVERY, EVALUATION, START_UP = 25, 2, 10

Show = Callable[[int, int, float], None]


def as_json(step: int, steps: int, loss: float) -> None:
    """A JSON object a step."""
    print(json.dumps({"step": step, "total_steps": steps, "loss": loss}))


def in_file(step: int, steps: int, loss: float) -> None:
    """The same in the file of $BENCH_EVENTS."""
    with Path(os.environ["BENCH_EVENTS"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"step": step, "total_steps": steps, "loss": loss, "time": time.time()}) + "\n")


def as_mllog(step: int, steps: int, loss: float) -> None:
    """MLPerf's lines."""
    if step == 1:
        print(f':::MLLOG {{"key": "max_steps", "value": {steps}, "time_ms": {time.time_ns() // 10**6}}}')
    entry = {"key": "train_loss", "value": loss, "time_ms": time.time_ns() // 10**6, "metadata": {"step_num": step}}
    print(f":::MLLOG {json.dumps(entry)}")


def as_key_value(step: int, steps: int, loss: float) -> None:
    """Words, a colon and a number."""
    print(f"step {step:05d}/{steps} | loss: {loss:.4f} | lr: {1e-3 / step:.3e}")


def as_dict(step: int, steps: int, loss: float) -> None:
    """A Python dict every tenth step, as the Trainer does."""
    if step % 10 == 0:
        print({"loss": loss, "step": step, "total_steps": steps})


def as_table(step: int, steps: int, loss: float) -> None:
    """Rows below a line of names."""
    if step == 1:
        print("step         train_loss    loss")
    print(f"{step}/{steps:<9} {loss * 1.1:.4f}        {loss:.4f}")


def in_csv(step: int, steps: int, loss: float) -> None:
    """Rows of a file below the folder that it runs in."""
    row = f"{step}/{steps},{loss}\n"
    with Path("metrics.csv").open("a", encoding="utf-8") as file:
        file.write(f"step,loss\n{row}" if step == 1 else row)


def in_words(step: int, steps: int, loss: float) -> None:
    """A sentence, for a regular expression."""
    print(f"after {step} of {steps} rounds the loss became {loss:.4f}")


def as_bar(step: int, steps: int, loss: float) -> None:
    """A bar like tqdm's, drawn over itself on stderr."""
    rate = f"{step / (time.monotonic() - BEGUN):.2f}it/s"
    elapsed = int(time.monotonic() - BEGUN)
    shown = f"{100 * step // steps:3}%|####      | {step}/{steps} [00:{elapsed:02}<00:00, {rate}, loss={loss:.3f}]"
    print(f"\r{shown}", end="", file=sys.stderr, flush=True)


FORMS: dict[str, Show] = {
    "json": as_json,
    "events": in_file,
    "mllog": as_mllog,
    "key-value": as_key_value,
    "dict": as_dict,
    "table": as_table,
    "csv": in_csv,
    "words": in_words,
    "bar": as_bar,
}
BEGUN = time.monotonic()


def main() -> None:
    """Wait, and show."""
    form, steps = FORMS[sys.argv[1]], int(sys.argv[2])
    second = float(sys.argv[3]) if sys.argv[3:] else 0.02
    jitter = random.Random(int(os.environ.get("BENCH_SEED", "0")))
    time.sleep(START_UP * second)
    for step in range(1, steps + 1):
        time.sleep(second * jitter.uniform(0.7, 1.3))
        form(step, steps, 3 / step**0.5)
        if step % EVERY == 0:
            time.sleep(EVALUATION * second)


if __name__ == "__main__":
    main()
