"""The hash of a recipe's source: equal where only text differs, another where the program does."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from bench.recipes import RECIPES
from bench.recipes.source import dump, installed, source_sha256
from bench.record.documents import comparable

RECIPE = '''
"""A recipe."""
from __future__ import annotations
import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING
from bench.training.layers import Block, half
from bench.training.device import Compute
from bench.training import optimiser as optim
if TYPE_CHECKING:
    from bench.training.data import Data

WIDTH = 64

@dataclass
class Settings:
    """Everything that is fixed."""
    lr: float = 0.1
    steps: int

class Trainer:
    def run(self, compute: Compute) -> None:
        rate: float = half(Settings.lr)  # a comment
        optim.step(rate)

def build(data: Data) -> Trainer:
    """The recipe."""
    return Trainer(Block(math.floor(WIDTH)))
'''
MODULES = {
    "bench.recipes.mine": RECIPE,
    "bench.training.layers": """
from bench.training.numbers import EPS
class Block:
    def __call__(self, x):
        return x + EPS
class Unused:
    size = 3
def half(x):
    return x / 2
""",
    "bench.training.numbers": "EPS = 1e-5\nOTHER = 2\n",
    "bench.training.optimiser": "def step(rate):\n    return -rate\n",
    "bench.training.device": "class Compute:\n    dtype = 'half'\nclass Choice:\n    name = 'auto'\n",
    "bench.training.data": "class Data:\n    size = 50_000\n",
    "bench.training.elsewhere": "X = 1\n",
}


def hashed(module: str = "", old: str = "", new: str = "", *, add: dict[str, str] | None = None) -> str:
    """The hash of the recipe with one piece of one module's text replaced."""
    modules = MODULES | (add or {})
    if module:
        assert modules[f"bench.{module}"].count(old) == 1
        modules = modules | {f"bench.{module}": modules[f"bench.{module}"].replace(old, new)}
    return source_sha256("bench.recipes.mine", modules.get)


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("recipes.mine", '"""The recipe."""', '"""Another docstring."""'),
        ("recipes.mine", '"""Everything that is fixed."""', ""),
        ("recipes.mine", "  # a comment", ""),
        ("recipes.mine", "Block(math.floor(WIDTH))", "Block(\n        math.floor((WIDTH)),\n    )"),
        ("recipes.mine", "rate: float = ", "rate = "),
        ("recipes.mine", "lr: float", "lr: int"),
        ("recipes.mine", "-> None", ""),
        ("recipes.mine", "import math\nimport os\n", "import os\nimport math\n"),
        ("recipes.mine", "import os\n", "import os as unused\n"),
        ("recipes.mine", "import Block, half", "import half, Block, Unused"),
        ("recipes.mine", "WIDTH = 64\n", "WIDTH = 64\n\ndef helper():\n    pass\n"),
        ("recipes.mine", "import Data", "import Data, Labels"),
        ("training.layers", "size = 3", "size = 5"),
        ("training.numbers", "OTHER = 2", "OTHER = 3"),
        ("training.data", "50_000", "40_000"),  # imported for types alone
        ("training.device", "'auto'", "'cpu'"),
        ("training.elsewhere", "X = 1", "X = 2"),
    ],
)
def test_text_and_what_is_not_reached_change_nothing(module: str, old: str, new: str) -> None:
    assert hashed(module, old, new) == hashed()


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("recipes.mine", "WIDTH = 64", "WIDTH = 65"),
        ("recipes.mine", "0.1", "0.2"),
        ("recipes.mine", "    steps: int\n", ""),
        ("recipes.mine", "    steps: int\n", "    steps: int = 1\n"),
        ("recipes.mine", "math.floor", "math.ceil"),
        ("recipes.mine", "import math\n", "import cmath as math\n"),
        ("recipes.mine", "import Block, half", "import half, Unused as Block"),
        ("training.layers", "x + EPS", "x - EPS"),
        ("training.layers", "x / 2", "x / 2.0"),
        ("training.layers", "import EPS", "import OTHER as EPS"),
        ("training.numbers", "EPS = 1e-5", "EPS = 1e-6"),
        ("training.numbers", "OTHER = 2", "OTHER = 2\nprint(OTHER)"),  # what happens at import
        ("training.optimiser", "-rate", "rate"),  # reached through its module
        ("training.device", "'half'", "'single'"),  # handed in, so named in an annotation alone
    ],
)
def test_a_change_of_what_is_reached_changes_it(module: str, old: str, new: str) -> None:
    assert hashed(module, old, new) != hashed()


def test_a_definition_can_move_to_another_module() -> None:
    moved = MODULES["bench.training.layers"].replace("def half(x):\n    return x / 2\n", "")
    modules = {"bench.training.layers": moved, "bench.training.halves": "def half(x):\n    return x / 2\n"}
    own = "import Block\nfrom bench.training.halves import half\n"
    assert hashed("recipes.mine", "import Block, half\n", own, add=modules) == hashed()


def test_the_dump_of_a_tree_is_the_same_in_every_version_of_python() -> None:
    snippet = """
def f(x: int, *rest, y=1_000.0, **words) -> str:
    "docstring"
    z: complex
    n: float = -1e-5 if x else 2j
    assert rest, f"{x!r:>{y}} {n=} é" "and" if False else b""
    return lambda: [*rest, {**words}, (a := ...)]
async def g():
    with open("a") as b, c: pass
    async for d in e: yield await d
    match f:
        case [1, *_] | {"k": None}: del f
    try: raise X from None
    except* (A, B) as h: global i
"""
    expected = Path(__file__).with_name("expected") / "dump.txt"
    assert dump(ast.parse(snippet)) + "\n" == expected.read_text()


def test_every_recipe_has_a_source_of_its_own_and_reads_it_without_importing_it() -> None:
    hashes = [recipe.source_sha256() for recipe in RECIPES]
    assert len(set(hashes)) == len(RECIPES)
    assert installed("bench.training.no_such_module") is None


def test_hashes_of_whole_files_are_equal_where_only_text_differed() -> None:
    """airbench94-muon at three commits of November 2026: 5273f81, 30e91fe, and 5baa911 with new text alone."""
    before = "ff14339da393b8ae02d04fec466b41ebb0cee9b59b2673727e5eecb22b1c4625"
    shared = "1725d7c0ae4fdc6404e6a78730f7d188d6b40c7119f688752a706d7075a85120"
    reflowed = "60bc06c8c4650a819de8b63b26f891d7490737f9d3efaf1a27e09303ee26b8f0"
    assert comparable(shared) == comparable(reflowed) != comparable(before)
    unknown = "0" * 64
    assert comparable(unknown) == unknown
