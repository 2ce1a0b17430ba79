"""tqdm's bars, several of them, around work that only waits. Needs tqdm."""

from __future__ import annotations

import time

from tqdm import tqdm

EPOCHS, STEPS = 3, 40


def main() -> None:
    """A bar that loads; then one for each epoch, and one of its validation."""
    for _ in tqdm(range(5)):
        time.sleep(0.05)
    for epoch in range(EPOCHS):
        bar = tqdm(range(STEPS), desc=f"Epoch {epoch}")
        for step in bar:
            time.sleep(0.02)
            bar.set_postfix(loss=1 / (step + 1))
        for _ in tqdm(range(10), desc="val", leave=False):
            time.sleep(0.01)


if __name__ == "__main__":
    main()
