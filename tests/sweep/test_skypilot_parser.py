"""Resources of a task file read by SkyPilot's parser: here a stand-in of it; tests/skypilot asks the real one."""

from __future__ import annotations

import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.sweep import skypilot_parser
from bench.sweep.spec import Cell
from bench.sweep.task_file import ResourceRequest, Task, have_skypilot_read, task_of

FILE = "resources: {accelerators: [V100:1, T4:1], autostop: 5, disk_size: 100}\n"
HEAD = """
from types import SimpleNamespace as Of
print("a line of its own")
open("calls", "a").write("called ")

class Task:
    @staticmethod
    def from_yaml_config(config):
        words = config["resources"]
        stop = Of(enabled=True, idle_minutes=0)
        found = Of(cloud="AWS", region="us-EAST-1", instance_type=None, max_hourly_cost=4.5, autostop_config=stop)
"""


@pytest.fixture
def sky(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """An installed SkyPilot whose parser ends with these lines, and a task file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(skypilot_parser, "installed", lambda: True)
    monkeypatch.setattr(skypilot_parser, "_known", {})
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")]))
    (tmp_path / "site" / "sky").mkdir(parents=True)
    (tmp_path / "m.yaml").write_text(FILE)

    def make(body: str) -> Path:
        lines = "".join(f"        {line}\n" for line in body.splitlines())
        (tmp_path / "site" / "sky" / "__init__.py").write_text(HEAD + lines)
        return tmp_path

    return make


def read(machine: str = "m.yaml") -> Task:
    return task_of(Cell("s", machine), {}, ("quick",))


def test_its_reading_counts(sky: Callable[[str], Path]) -> None:
    sky("found.accelerators = {'L4': 2}\nreturn Of(resources=[found, found])")
    machine = ResourceRequest("L4", 2, "aws", "us-east-1", None, Decimal("4.5"))
    assert read() == Task((machine, machine), 1, Decimal(100), 60.0, ordered=True)


def test_a_refusal_is_told_with_its_words_and_the_line(sky: Callable[[str], Path]) -> None:
    sky("raise ValueError('no V100 in\\n' + config['run'])")
    with pytest.raises(UsageError) as caught:
        read()
    assert str(caught.value) == (
        "m.yaml:1: resources: SkyPilot refuses them (ValueError: no V100 in true); see its task files"
    )


@pytest.mark.parametrize("body", ["raise OSError('no catalogue')", "import os; os._exit(3)", "return None"])
def test_where_it_says_nothing_the_file_is_read_without_it(sky: Callable[[str], Path], body: str) -> None:
    sky(body)
    assert [(each.gpu, each.gpus) for each in read().requests] == [("V100", 1), ("T4", 1)]


ANY_GPU = """
name, _, count = words["accelerators"].partition(":")
found.accelerators = {name: int(count)}
return Of(resources=[found])
"""


def test_gpus_of_the_sweep_are_what_it_is_asked_for(sky: Callable[[str], Path]) -> None:
    folder = sky(ANY_GPU)
    (folder / "sky").mkdir()
    (folder / "sky" / "gpu.yaml").write_text(FILE)
    assert [(each.gpu, each.gpus) for each in read("H100:8").requests] == [("H100", 8)]


def test_all_files_of_a_sweep_are_read_by_one_process(sky: Callable[[str], Path]) -> None:
    folder = sky("found.accelerators = None\nreturn Of(resources=[found])")
    (folder / "n.yaml").write_text("resources: {accelerators: T4}\n")
    have_skypilot_read([Cell("s", "m.yaml"), Cell("s", "n.yaml")])
    assert [(each.gpu, each.gpus) for each in read().requests] == [(None, 0)]
    assert (folder / "calls").read_text() == "called "
