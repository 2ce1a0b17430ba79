"""A program that prints an object of JSON a line: all that `bench exec` needs. It fits a line to points."""

import json
import os
import random
import sys

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
generator = random.Random(os.environ.get("BENCH_SEED", "0"))
slope = offset = 0.0
for step in range(1, STEPS + 1):
    x = generator.uniform(-1, 1)
    error = slope * x + offset - (3 * x + 1)
    slope, offset = slope - 0.05 * error * x, offset - 0.05 * error
    if step % 20 == 0:
        loss = (slope - 3) ** 2 / 3 + (offset - 1) ** 2
        print(json.dumps({"step": step, "total_steps": STEPS, "val_loss": loss}), flush=True)
