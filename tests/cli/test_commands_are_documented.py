"""Every command, at whatever depth: help, an example that it would take, and its exit codes, in --help and in docs/."""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest

from bench.cli import cli

ROOT = Path(__file__).parents[2]
COMMANDS_MD = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# By which words a command's source says that it ends with a code of its own.
ENDS = {
    3: r"REGRESSION|NOT_SUPPORTED",
    4: r"INCONCLUSIVE",
    5: r"\brefuse\(|RecordError\.exit_code",
    6: r"end_unless_completed\(|result\.exit_code",
}


def commands(group: click.Group, above: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """All commands below `group` that are no groups, by their words: `store compact`."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*above, name))
        else:
            yield " ".join((*above, name)), command


ALL = dict(commands(cli))


def module_of(command: click.Command) -> ModuleType | None:
    """The module of the function that a command calls."""
    return inspect.getmodule(inspect.unwrap(command.callback)) if command.callback else None


def codes(command: click.Command) -> set[int]:
    """The exit codes beyond 0, 1, 2 and 130 that a command ends with, by the source of its module.

    Where several commands share a module, by that of its function alone.
    """
    module = module_of(command)
    assert module is not None
    assert command.callback is not None
    alone = [module_of(other) for other in ALL.values()].count(module) == 1
    source = inspect.getsource(module if alone else inspect.unwrap(command.callback))
    return {code for code, words in ENDS.items() if re.search(words, source)}


def table() -> dict[int, str]:
    """Which commands have each exit code, by the table in docs/commands.md."""
    rows = re.findall(r"^\| (\d+) \| .* \| ([^|]*) \|$", COMMANDS_MD, re.MULTILINE)
    return {int(code): by for code, by in rows}


@pytest.mark.parametrize("name", ALL)
def test_a_command_has_help_for_itself_its_options_and_its_arguments(name: str) -> None:
    command = ALL[name]
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.opts
        else:
            assert parameter.metavar or parameter.name
            words = re.findall(r"\w+", parameter.metavar or str(parameter.name).upper())
            assert any(word in command.help for word in words), f"{words} in the help's text"


@pytest.mark.parametrize("name", ALL)
def test_a_shell_completes_what_names_a_file_a_folder_or_a_recipe(name: str) -> None:
    context = click.Context(ALL[name])
    for parameter in ALL[name].params:
        words = set(re.findall(r"[A-Z]+", parameter.metavar or ""))
        if words & {"COMMAND", "DIR", "FILE", "FOLDER", "RECIPE", "SWEEP"}:
            assert parameter.shell_complete(context, ""), parameter.name


@pytest.mark.parametrize("name", [name for name in ALL if " " in name])
def test_a_group_s_help_has_a_whole_sentence_for_each_command(name: str) -> None:
    assert ALL[name].get_short_help_str(limit=80 - len("  dawnbench    ")).endswith(".")
    assert not ALL[name].get_short_help_str(limit=80 - len("  dawnbench    ")).endswith("...")


@pytest.mark.parametrize("name", ALL)
def test_a_command_has_an_example(name: str) -> None:
    assert re.search(rf"^\$ bench {name}\b", COMMANDS_MD, re.MULTILINE)


@pytest.mark.parametrize("name", ALL)
def test_the_exit_codes_of_a_command_are_in_its_help_and_in_the_table(name: str) -> None:
    command = ALL[name]
    words = [command.help or "", *(each.help or "" for each in command.params if isinstance(each, click.Option))]
    for code in codes(command):
        assert re.search(rf"\b{code}\b", " ".join(words)), f"{code} in its help"
        assert f"`{name}`" in table()[code]


def test_the_table_of_exit_codes_names_commands_that_there_are() -> None:
    assert {name for by in table().values() for name in re.findall(r"`([^`]+)`", by)} <= set(ALL)
    assert set(table()) == {0, 1, 2, *ENDS, 130}


def examples() -> list[str]:
    """Every call of bench that the documents show at a prompt, without what follows a pipe."""
    lines = [line for path in DOCUMENTS for line in path.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()]
    return list(dict.fromkeys(line.removeprefix("$ ") for line in lines if line.startswith("$ bench ")))


@pytest.mark.parametrize("example", examples())
def test_an_example_is_one_that_the_command_takes(example: str) -> None:
    _, *words = shlex.split(example.replace("…", "x"), comments=True)
    if cut := {"|", ">", "&&"} & set(words):
        words = words[: min(words.index(each) for each in cut)]
    command: click.Command = cli
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words.pop(0))
        assert found is not None
        command = found
    context = click.Context(command, allow_interspersed_args=command.context_settings.get("allow_interspersed_args"))
    given, left, _ = command.make_parser(context).parse_args(words)
    assert left == []
    assert [each.name for each in command.params if each.required and not given.get(each.name or "")] == []
