"""Half an hour on a GPU: what it is, whether all recipes compute rightly on it, how fast by each path, and real runs.

    python benchmarks/gpu_half_hour.py OUT [--minutes 30] [--data FOLDER]

In order of worth, each part with a limit of its own; what it tells stands in OUT/parts.jsonl at once, the records of
runs in OUT/store. Called again it goes on with what is missing, so a machine that was taken away costs one part.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).parent
PATHS = ("captured", "compiled-captured")
SHORT = ("airbench94-muon", "speedrun", "airbench94", "hlb", "myrtle", "myrtle-tricks", "speedrun-sure")
LONG = ("bkj", "fastai-wrn", "dawn-resnet164")
# Seconds that one part may take, the start of the process included.
LIMIT = 120.0

Part = tuple[str, ...]


def parts() -> list[Part]:
    """What is measured before the first real run, and what after."""
    first: list[Part] = [("ceilings",)]
    first += [("values", recipe, path) for path in PATHS for recipe in SHORT[:2]]
    first += [("steps", recipe, path) for recipe in SHORT[:2] for path in (*PATHS, "eager")]
    return first


def later() -> list[Part]:
    """See parts."""
    rest: list[Part] = [("gradients", recipe) for recipe in (*SHORT, *LONG)]
    rest += [("values", recipe, path) for path in PATHS for recipe in (*SHORT[2:], *LONG)]
    rest += [("steps", recipe, path) for recipe in SHORT[2:] for path in PATHS]
    rest += [("kernels", recipe, "compiled-captured") for recipe in SHORT[:2]]
    rest += [("steps", recipe, "captured") for recipe in LONG]
    return rest


def series(out: Path) -> list[list[str]]:
    """The real runs, as arguments of `bench run`: few of everything, then many of those that are compared."""
    store = ["--device", "cuda", "--store", str(out / "store")]
    return [
        ["airbench94-muon", "speedrun", "speedrun-sure", "--runs", "10", "--seed", "0", *store],
        ["airbench94", "hlb", "myrtle-tricks", "myrtle", "--runs", "3", "--seed", "0", *store],
        ["airbench94-muon", "speedrun", "speedrun-sure", "--runs", "50", "--seed", "100", *store],
        ["bkj", "--runs", "6", "--seed", "0", *store],
    ]


def told(file: Path) -> Iterator[dict[str, object]]:
    """What earlier calls have found."""
    if file.exists():
        yield from map(json.loads, file.read_text().splitlines())


def write(found: dict[str, object], file: Path) -> None:
    """Add a line of what was found, and show it."""
    line = json.dumps(found)
    with file.open("a") as results:
        results.write(f"{line}\n")
    print(line[:300], flush=True)


def this_checkout() -> dict[str, str]:
    """An environment in which `bench` is that of this checkout, whatever else is installed, in whatever folder."""
    paths = [str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def measure(wanted: Sequence[Part], file: Path, until: float) -> None:
    """Make the parts that `file` lacks, in as few processes as faults allow."""
    known = {tuple(line["part"]) for line in told(file) if isinstance(line["part"], list)}
    missing = [part for part in wanted if part not in known]
    while missing and time.monotonic() < until:
        command = [sys.executable, "-P", str(HERE / "gpu_parts.py"), *map(json.dumps, missing)]
        # Unbuffered: a line that is read ahead is one that nothing waits for.
        with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0, env=this_checkout()) as process:
            for line in _lines(process, until):
                write(json.loads(line), file)
                missing.pop(0)
            process.kill()
        if missing and time.monotonic() < until:
            write({"part": missing.pop(0), "error": f"no answer in {LIMIT:.0f} s, or the process ended"}, file)


def _lines(process: subprocess.Popen[bytes], until: float) -> Iterator[bytes]:
    """The lines of `process`, each within the limit of a part."""
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while selector.select(min(LIMIT, max(0.0, until - time.monotonic()))):
            line = process.stdout.readline()
            if not line:
                return
            yield line


def run(arguments: list[str], file: Path, until: float) -> None:
    """A call of `bench run`, unless it was made to its end before. What it had recorded stays, however it ends."""
    left = until - time.monotonic()
    if left <= 0 or any(line["part"] == arguments for line in told(file)):
        return
    command = [sys.executable, "-P", "-m", "bench", "run", *arguments]
    with subprocess.Popen(command, env=this_checkout()) as process:
        code = end_by(process, left)
    if code in (0, 6):  # 6: some runs failed, and their records say why
        write({"part": arguments, "exit": code}, file)


def end_by(process: subprocess.Popen[bytes], seconds: float, grace: float = 30) -> int:
    """The exit code of `process`; what lasts longer than `seconds` is told to end, and then is made to."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.terminate()  # bench records what it breaks off
    try:
        return process.wait(grace)
    except subprocess.TimeoutExpired:  # a call of the driver that does not come back
        process.kill()
        return process.wait()


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--data", type=Path, help="folder with CIFAR-10's official binary batches")
    arguments = parser.parse_args()
    until = time.monotonic() + 60 * arguments.minutes
    arguments.out.mkdir(parents=True, exist_ok=True)
    file = arguments.out / "parts.jsonl"
    data = ["--data", str(arguments.data)] if arguments.data else []
    first, *rest = series(arguments.out)
    measure(parts(), file, until)
    run([*first, *data], file, until)
    measure(later(), file, until)
    for each in rest:
        run([*each, *data], file, until)


if __name__ == "__main__":
    main()
