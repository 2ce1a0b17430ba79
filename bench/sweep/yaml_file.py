"""YAML files written by hand, read so that every mistake can be reported with its line."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.errors import UsageError

_SECOND = "but found another document"  # PyYAML's words


@dataclass(frozen=True)
class YamlFile:
    """The content of a file with a mapping at the top level, and the line of each part."""

    path: Path
    content: dict[str, Any]
    root: yaml.MappingNode

    def at(self, place: Sequence[str | int]) -> str:
        """The position of `place`, such as `sweep.yaml:4: machines[1]`; that of its parent if it is missing."""
        node: yaml.Node = self.root
        line = node.start_mark.line
        words = ""
        for step in place:
            words += f"[{step}]" if isinstance(step, int) else f".{step}"
            below = _below(node, step)
            if below is not None:
                line, node = below
        return f"{self.path}:{line + 1}: {words.removeprefix('.')}"

    def mapping(self, place: Sequence[str]) -> dict[str, Any]:
        """The mapping at `place`, empty if there is nothing. Raises UsageError if there is something else."""
        mapping: Any = self.content
        for step in place:
            mapping = mapping.get(step) or {}
        if not isinstance(mapping, dict):
            raise UsageError(f"{self.at(place)}: is no mapping; write `key: value`, a line each")
        return mapping


def is_file(path: Path) -> bool:
    """Whether there is a file at `path`; False for an invalid name, such as one that is too long."""
    with suppress(OSError):
        return path.is_file()
    return False


def is_folder(path: Path) -> bool:
    """Whether there is a folder at `path`, in the same way."""
    with suppress(OSError):
        return path.is_dir()
    return False


def read(path: Path) -> YamlFile:
    """The mapping in `path`.

    Raises UsageError for a file that cannot be read, is not YAML, repeats a key anywhere, or contains itself.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise UsageError(f"{path}: cannot be read ({why}); give a YAML file") from None
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        if error.problem == _SECOND:  # such as a pipeline of SkyPilot's managed jobs
            raise UsageError(f"{path}{line}: a second document begins here; give each a file of its own") from None
        raise UsageError(f"{path}{line}: not YAML ({error.problem}); correct the file there") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not YAML ({' '.join(str(error).split())}); correct the file there") from None
    if not isinstance(root, yaml.MappingNode):
        raise UsageError(f"{path}: holds no mapping; write `key: value`, a line each")
    _check(path, root, {}, ())
    return YamlFile(path, content, root)


def _check(path: Path, node: yaml.Node, sound: dict[int, yaml.Node], above: tuple[yaml.Node, ...]) -> None:
    """Raise UsageError for a mapping that repeats a key, and for an anchor that contains itself."""
    if node in above:
        raise UsageError(f"{path}:{node.start_mark.line + 1}: what begins here holds itself; remove its alias")
    if id(node) in sound or not isinstance(node, yaml.MappingNode | yaml.SequenceNode):
        return
    below = node.value
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen and name != "<<":  # YAML's merge key
                raise UsageError(f"{path}:{key.start_mark.line + 1}: {name} stands here twice; remove one")
            seen.add(name)
        below = [each for pair in node.value for each in pair]
    for each in below:
        _check(path, each, sound, (*above, node))
    sound[id(node)] = node


def _below(node: yaml.Node, step: str | int) -> tuple[int, yaml.Node] | None:
    """The line and the node of one item of a mapping or a list; None if there is none."""
    if isinstance(node, yaml.MappingNode):
        return next(((key.start_mark.line, value) for key, value in node.value if key.value == str(step)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step].start_mark.line, node.value[step]
    return None
