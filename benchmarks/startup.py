"""How long `bench --help` takes as a whole process, beside a Python process that does nothing.

python benchmarks/startup.py [ROUNDS]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time


def seconds(*words: str) -> float:
    """The wall time of one process, s."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    return time.perf_counter() - start


def main(rounds: int) -> None:
    """Interleave the two and print their medians."""
    pairs = [(seconds("-m", "bench", "--help"), seconds("-c", "")) for _ in range(rounds)]
    helped, empty = (statistics.median(each) for each in zip(*pairs, strict=True))
    print(f"bench --help {helped * 1000:.0f} ms, empty process {empty * 1000:.0f} ms (medians of {rounds})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
