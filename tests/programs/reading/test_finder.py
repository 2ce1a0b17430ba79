"""Files found a little at a time."""

import os
from pathlib import Path

from bench.programs.reading import finder
from bench.programs.reading.finder import Finder


def looks_until_found(folder: Path, wanted: Path, most: int = 100) -> int:
    """How many looks it takes to find `wanted`."""
    looking = Finder([folder], lambda name: name == wanted.name)
    for looks in range(1, most):
        looking.look(looks * 60.0)  # a large tree is followed by a longer pause
        if wanted in looking.found:
            return looks
    raise AssertionError("not found")


def test_a_large_tree_is_walked_over_several_looks(tmp_path: Path) -> None:
    wanted = tmp_path / "z" / "y" / "wanted"
    wanted.parent.mkdir(parents=True)
    wanted.touch()
    assert looks_until_found(tmp_path, wanted) == 1
    for number in range(3 * finder.ENTRIES):
        (tmp_path / f"file{number}").touch()
    assert looks_until_found(tmp_path, wanted) == 4


def test_a_file_that_comes_later_is_found_by_a_later_walk(tmp_path: Path) -> None:
    looking = Finder([tmp_path, tmp_path], lambda name: name.startswith("a"))
    looking.look(1.0)
    (tmp_path / "a").touch()
    looking.look(1.1)  # too soon for another look
    assert list(looking.found) == []
    looking.look(61.0)  # a long look is followed by a longer pause
    looking.look(121.0)
    assert list(looking.found) == [tmp_path / "a"]


def test_a_file_not_changed_since_is_passed_by(tmp_path: Path) -> None:
    for age, name in ((100, "old"), (0, "new")):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    looking = Finder([tmp_path], lambda name: True, since=1e9)
    looking.look(1.0)
    assert looking.found == {tmp_path / "new": 10**18}


def test_looks_of_one_instant_go_on_at_once_however_soon_it_is(tmp_path: Path) -> None:
    """As at the end of a program."""
    looking = Finder([tmp_path], lambda name: True)
    looking.look(1.0)
    (tmp_path / "a").touch()
    for _ in range(3):
        looking.look(1.001)
    assert list(looking.found) == [tmp_path / "a"]


def test_a_folder_that_is_not_there_is_no_mistake(tmp_path: Path) -> None:
    looking = Finder([tmp_path / "never"], lambda name: True)
    looking.look(1.0)
    assert list(looking.found) == []
