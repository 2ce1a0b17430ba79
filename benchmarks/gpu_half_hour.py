"""Half an hour on a GPU: what it is, whether all recipes compute rightly on it, how fast by each path, and real runs.

    python benchmarks/gpu_half_hour.py OUT [--minutes 30] [--data FOLDER]

In order of worth, each part with a limit of its own; what it tells stands in OUT/parts.jsonl at once, the records of
runs in OUT/store. Called again it goes on with what is missing, so a machine that was taken away costs one part or run.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
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
    """What earlier calls have found. A line that was cut off, as on a full disk, is none."""
    for line in file.read_text().splitlines() if file.exists() else ():
        with suppress(json.JSONDecodeError):
            yield json.loads(line)


def write(found: dict[str, object], file: Path) -> None:
    """Add a line of what was found, and show it."""
    line = json.dumps(found)
    cut_off = file.exists() and not file.read_bytes().endswith(b"\n")
    try:
        with file.open("a") as results:
            results.write("\n" * cut_off + line + "\n")
    except OSError as error:  # no room: what is measured from here on would be lost
        sys.exit(f"gpu_half_hour: {file}: {error.strerror}")
    print(line[:300], flush=True)


def this_checkout() -> dict[str, str]:
    """An environment in which `bench` is that of this checkout, whatever else is installed, in whatever folder."""
    paths = [str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def measure(wanted: Sequence[Part], file: Path, until: float) -> None:
    """Make the parts that `file` lacks, in as few processes as faults allow. Ends all where there is no usable GPU."""
    known = {tuple(line["part"]) for line in told(file) if isinstance(line["part"], list)}
    missing = [part for part in wanted if part not in known]
    while missing and time.monotonic() < until:
        command, before = [sys.executable, "-P", str(HERE / "gpu_parts.py"), *map(json.dumps, missing)], len(missing)
        # Unbuffered: a line that is read ahead is one that nothing waits for.
        with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0, env=this_checkout()) as process:
            try:
                for line in _lines(process, until):
                    found = json.loads(line)
                    if "unusable" in found:
                        sys.exit(f"gpu_half_hour: {found['unusable']}")
                    write(found, file)
                    missing.pop(0)
                # A part that breaks the device ends its process after it has told so: the next is made in another.
                stuck = len(missing) == before or _hangs(process)
            finally:
                process.kill()
        if missing and stuck and time.monotonic() < until:
            write({"part": missing.pop(0), "error": f"no answer in {LIMIT:.0f} s, or the process ended"}, file)


def _hangs(process: subprocess.Popen[bytes], seconds: float = 10) -> bool:
    """Whether `process` does not come to its end by itself."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    return process.returncode is None


def _lines(process: subprocess.Popen[bytes], until: float) -> Iterator[bytes]:
    """The lines of `process`, each within the limit of a part."""
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while selector.select(min(LIMIT, max(0.0, until - time.monotonic()))):
            line = process.stdout.readline()
            if not line.endswith(b"\n"):  # the process has ended, perhaps in the midst of a line
                return
            yield line


def run(arguments: list[str], file: Path, until: float) -> None:
    """A call of `bench run`, unless it was made to its end before. What it had recorded stays, however it ends."""
    left, known = until - time.monotonic(), [line for line in told(file) if line["part"] == arguments]
    if left <= 0 or any("exit" in line for line in known):
        return
    series = next((str(line["series"]) for line in known if "series" in line), None)
    if series is None:
        series = new_id()
        write({"part": arguments, "series": series}, file)
    environment = this_checkout() | {"BENCH_SERIES_ID": series}
    command = [sys.executable, "-P", "-m", "bench", "run", *arguments, "--resume"]
    with subprocess.Popen(command, env=environment) as process:
        try:
            code = end_by(process, left)
        except BaseException:
            process.terminate()
            raise
    if code in (0, 6):  # 6: some runs failed, and their records say why
        write({"part": arguments, "exit": code}, file)


def new_id() -> str:
    """A name for a series, as bench has them."""
    ask = [sys.executable, "-P", "-c", "from bench.record.documents import new_id; print(new_id())"]
    return subprocess.run(ask, env=this_checkout(), capture_output=True, text=True, check=True).stdout.strip()


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
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started ends too
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
