"""bench/record/sources.csv, from git: both hashes of every source from the time when whole files were hashed.

python benchmarks/source_hashes.py > bench/record/sources.csv
"""

from __future__ import annotations

import ast
import csv
import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.recipes.source import source_sha256

# Names that have changed since, in all modules and in some: a source that differs by these alone is the same.
RENAMED = {
    "as_called": "forward_function",
    "adopt": "to_device",
    "biases_apart": "split_biases",
    "done": "steps_done",
    "drawn": "draws",
    "hand_back": "copy_to_network",
    "hand_over": "copy_to_network",
    "heard": "record_losses",
    "how": "options",
    "in_place": "swap_weights",
    "others": "rest",
    "reached": "at_step_end",
    "second_look": "evaluate_uncertain",
    "some": "chunk",
    "together": "batched",
    "turn": "set_stage",
    "turns": "stages",
    "_Alone": "_Wrapper",
    "_LEAVE_BUFFERS": "_KEEP_BUFFERS",
    "_WORDS": "_PARAMETERS",
    "_call": "_set_forward",
    "_each": "_one_by_one",
    "_together": "_batched",
}
RENAMED_IN = {
    "bench.training.jitter": {"turn": "rotate", "words": "args", "more": "kwargs"},
    "bench.training.preact": {"words": "options"},
    "bench.recipes.myrtle_tricks": {"made": "optimiser"},
}

# That version of the code prints what it would have written into a record.
OLD_HASHES = "from bench.recipes import RECIPES\nfor r in RECIPES: print(r.name, r.module, r.source_sha256())"


def git(*words: str) -> bytes:
    """What git answers."""
    return subprocess.run(["git", *words], check=True, capture_output=True).stdout


def renamed(module: str, source: str) -> str:
    """The source of a module with today's names."""
    names = RENAMED | RENAMED_IN.get(module, {})
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for field, value in ast.iter_fields(node):
            if isinstance(value, str) and not isinstance(node, ast.Constant):
                setattr(node, field, names.get(value, value))
    return ast.unparse(tree)


def hashes(commit: str) -> Iterator[tuple[str, str, str]]:
    """(recipe, hash of files, hash of syntax) of each recipe that there was at `commit`."""
    with tempfile.TemporaryDirectory() as root:
        with tarfile.open(fileobj=io.BytesIO(git("archive", commit, "bench"))) as archive:
            archive.extractall(root, filter="data")
        if Path(root, "bench/recipes/source.py").exists():  # since then records hold the hash of the syntax
            return

        def read(module: str) -> str | None:
            path = Path(root, *module.split("."))
            path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
            return renamed(module, path.read_text()) if path.exists() else None

        old = subprocess.run([sys.executable, "-c", OLD_HASHES], cwd=root, check=True, capture_output=True, text=True)
        for line in old.stdout.splitlines():
            name, module, files = line.split()
            yield name, files, source_sha256(module, read)


def main() -> None:
    """Write the table to stdout."""
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(["commit", "recipe", "files_sha256", "source_sha256"])
    seen = set()
    for commit in git("log", "--reverse", "--format=%h", "--", "bench/recipes", "bench/training").decode().split():
        for name, files, source in hashes(commit):
            if files not in seen:
                seen.add(files)
                table.writerow([commit, name, files, source])


if __name__ == "__main__":
    main()
