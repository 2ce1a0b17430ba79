"""The rooms of docs/design.md: who may import whom, no circles, no crowded folder, no long file.

Imports count wherever they stand: in functions and under TYPE_CHECKING too.
"""

import ast
import sys
from collections import Counter
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]

# From the ground floor upwards: a package imports from those before it only.
ORDER = [
    "bench",
    "bench.sealed",
    "bench.programs",  # low: it travels alone but for what is sealed
    "bench.errors",
    "bench.text",
    "bench.host",
    "bench.concurrency",
    "bench.tracking",
    "bench.streams",
    "bench.record",
    "bench.variables",
    "bench.training",
    "bench.recipes",  # below store and billing: a recipe knows of no store and no price
    "bench.store",
    "bench.measure",  # below billing: what is measured does not depend on what it costs
    "bench.billing",
    "bench.lease",
    "bench.sweep",
    "bench.doctor",
    "analysis",
    "analysis.stats",
    "analysis.samples",
    "analysis.frames",
    "analysis.published",
    "analysis.reconcile",
    "analysis.comparison",
    "analysis.claims",
    "analysis.tables",
    "analysis.plots",
    "analysis.report",
    "bench.cli",
    "bench.__main__",
]
# Analysis understands records and logs wherever they were made: no machine, no training.
ANALYSIS_USES = {
    "bench",
    *(f"bench.{room}" for room in ("errors", "text", "tracking", "programs", "record", "billing", "store")),
}
TRAINS = {"bench.training", "bench.recipes", "bench.measure", "bench.doctor", "bench.cli"}
# What goes to machines that have nothing but Python.
ALONE = {"bench", "bench.programs", "bench.sealed"}
MOST_FILES, MOST_LINES = 12, 300
ONE_IDEA_A_FILE = {"bench/recipes", "bench/cli"}  # one recipe, one command: as many as there are


def name_of(path: Path) -> str:
    """The module that a file is: `bench.store.folder`."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


FILES = {name_of(path): path for top in ("bench", "analysis") for path in sorted((ROOT / top).rglob("*.py"))}


@cache
def imports_of(module: str) -> set[str]:
    """What a module imports: ours, or the first word of another's name."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(FILES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            submodules = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name if name in FILES else str(node.module) for name in submodules}
    return {name if name in FILES else name.partition(".")[0] for name in names}


def package(module: str) -> str:
    """`bench.store` of `bench.store.folder`."""
    return ".".join(module.split(".")[:2])


def wrong(module: str) -> set[str]:
    """What a module imports though it must not."""
    own = package(module)
    used = {package(name) for name in imports_of(module) if name in FILES} - {own}
    upwards = used - set(ORDER[: ORDER.index(own)])
    if own.startswith("analysis"):
        upwards |= {name for name in used if name.startswith("bench")} - ANALYSIS_USES
    return upwards if own in TRAINS else upwards | (imports_of(module) & {"torch", "torchvision"})


def test_imports_run_downwards() -> None:
    assert {module: wrong(module) for module in FILES if wrong(module)} == {}


def test_what_travels_alone_needs_nothing_but_python() -> None:
    others = {
        module: {name for name in imports_of(module) if package(name) not in ALONE} - sys.stdlib_module_names
        for module in FILES
        if package(module) in ALONE
    }
    assert {module: names for module, names in others.items() if names} == {}


def test_no_circle_of_imports() -> None:
    TopologicalSorter({name: imports_of(name) - {name} for name in FILES}).prepare()


def test_no_folder_is_crowded() -> None:
    crowd = Counter(path.parent.relative_to(ROOT).as_posix() for path in FILES.values() if path.stem != "__init__")
    assert {
        folder: files for folder, files in crowd.items() if files > MOST_FILES and folder not in ONE_IDEA_A_FILE
    } == {}


def test_no_file_is_long() -> None:
    paths = [*FILES.values(), *(ROOT / "benchmarks").glob("*.py"), *(ROOT / "tests").rglob("*.py")]
    lines = {path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines()) for path in paths}
    assert {name: length for name, length in lines.items() if length > MOST_LINES} == {}
