"""The hash of a recipe's source: of what its training depends on, and of nothing else.

It is taken over syntax trees, from the recipe's `build` on: every definition that is reached by name, in the recipe's
own module and in those of `bench.recipes` and `bench.training` that it imports. So comments, docstrings, formatting,
annotations, the order of imports and of definitions, and the module that a definition lies in change nothing, nor does
a layer that only another recipe uses. A number, an expression or a name in what is reached does.

A class that is named in an annotation alone counts as reached: its instances are handed in, as Compute's are. The
contents of the data set are held by its checksums, other packages by the versions in a record's environment.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.abc import InspectLoader
from importlib.util import find_spec
from typing import NamedTuple

# The packages whose definitions are followed. Of all others only what is imported from where counts.
PACKAGES = ("bench.recipes", "bench.training")

# Fields of a syntax tree that change nothing of what a program does.
_SKIPPED = ("annotation", "ctx", "kind", "returns", "simple", "type_comment")

# The source of a module by its name; None where there is no such module.
Read = Callable[[str], str | None]


def installed(module: str) -> str | None:
    """The source of a module of this installation, which is not imported."""
    spec = find_spec(module)
    return spec.loader.get_source(module) if spec and isinstance(spec.loader, InspectLoader) else None


def source_sha256(module: str, read: Read = installed) -> str:
    """SHA-256 over everything that `build` in `module` reaches."""
    reached = _Reached(read)
    reached.follow(module, "build")
    return hashlib.sha256("\n".join(sorted(reached.parts)).encode()).hexdigest()


def dump(node: object, parent: ast.AST | None = None) -> str:
    """A syntax tree as text, the same in every version of Python, without docstrings and annotations."""
    if isinstance(node, list):
        return f"[{', '.join(dump(each, parent) for each in node if not _says_nothing(each, parent))}]"
    if not isinstance(node, ast.AST):
        return ascii(node)
    kind, fields = type(node).__name__, list(ast.iter_fields(node))
    # In a class an annotation makes a field of a dataclass; elsewhere it makes no difference.
    if isinstance(node, ast.AnnAssign) and not isinstance(parent, ast.ClassDef):
        kind, fields = "Assign", [("targets", [node.target]), ("value", node.value)]
    shown = [(name, value) for name, value in fields if name not in _SKIPPED and value is not None and value != []]
    return f"{kind}({', '.join(f'{name}={dump(value, node)}' for name, value in shown)})"


def _says_nothing(node: object, parent: ast.AST | None) -> bool:
    """Whether a statement does nothing: a docstring, an ellipsis, a declaration."""
    if isinstance(parent, ast.JoinedStr):  # Python 3.12 ends format specifications with an empty string
        return isinstance(node, ast.Constant) and node.value == ""
    if isinstance(node, ast.AnnAssign):
        return node.value is None and not isinstance(parent, ast.ClassDef)
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


class _Statement(NamedTuple):
    """A statement at the top of a module: what it does, and the names that occur in it."""

    dump: str
    names: set[str]
    annotations: set[str]  # names in annotations alone
    is_class: bool

    @classmethod
    def of(cls, node: ast.stmt) -> _Statement:
        annotations = [
            annotation
            for each in ast.walk(node)
            for annotation in (getattr(each, "annotation", None), getattr(each, "returns", None))
            if annotation
        ]
        apart = [each for annotation in annotations for each in _names(annotation)]
        names = {each.id for each in _names(node) if each not in apart}
        return cls(dump(node), names, {each.id for each in apart} - names, isinstance(node, ast.ClassDef))


def _names(node: ast.AST) -> list[ast.Name]:
    return [each for each in ast.walk(node) if isinstance(each, ast.Name)]


@dataclass
class _Module:
    """The top of a module. `imports`: name here -> (module, name there); the name is "" for the module itself."""

    definitions: dict[str, list[_Statement]] = field(default_factory=dict)
    effects: list[_Statement] = field(default_factory=list)  # what runs at import and binds no name
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)


@cache
def _parse(source: str) -> _Module:
    module = _Module()
    for node in ast.parse(source).body:
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        module.imports |= dict(_imports(node))
        if isinstance(node, ast.Import | ast.ImportFrom) or _says_nothing(node, None):
            continue
        statement, bound = _Statement.of(node), _bound(node)
        for name in bound:
            module.definitions.setdefault(name, []).append(statement)
        if not bound:
            module.effects.append(statement)
    return module


def _imports(node: ast.stmt) -> Iterator[tuple[str, tuple[str, str]]]:
    for each in ast.walk(node):
        if isinstance(each, ast.ImportFrom) and each.module:
            yield from ((alias.asname or alias.name, (each.module, alias.name)) for alias in each.names)
        elif isinstance(each, ast.Import):
            # `import a.b` binds a, and all of a.b counts where it is used.
            yield from ((alias.asname or alias.name.partition(".")[0], (alias.name, "")) for alias in each.names)


def _bound(node: ast.stmt) -> list[str]:
    """The names that a definition or an assignment binds."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return [each.id for each in _names(node) if isinstance(each.ctx, ast.Store)]
    return []


class _Reached:
    """What is reached by name: `parts` are the dumps of statements, and the imports from other packages."""

    def __init__(self, read: Read) -> None:
        self.parts: set[str] = set()
        self._read = read
        self._modules: dict[str, _Module | None] = {}
        self._seen: set[tuple[str, str, bool]] = set()

    def follow(self, where: str, name: str, *, annotated: bool = False) -> None:
        """Take what `name` means in the module `where`; if it is only `annotated`, where it is a class."""
        module = self._module(where)
        if module is None or (where, name, annotated) in self._seen:
            return
        self._seen.add((where, name, annotated))
        if statements := module.definitions.get(name):
            if statements[0].is_class or not annotated:
                self._take(where, statements)
        elif name in module.imports:
            self._follow_import(name, *module.imports[name], annotated=annotated)

    def _follow_import(self, name: str, source: str, original: str, *, annotated: bool) -> None:
        module = self._module(source)
        if module and (original in module.definitions or original in module.imports):
            self.follow(source, original, annotated=annotated)
            if original != name and not annotated:
                self.parts.add(f"{original} as {name}")
            return
        whole = f"{source}.{original}" if original else source
        if module := self._module(whole):
            for each in module.definitions:
                self.follow(whole, each, annotated=annotated)
        elif not annotated:
            self.parts.add(f"{whole} as {name}")

    def _module(self, name: str) -> _Module | None:
        """A module of PACKAGES, else None. What it does at import is taken with it."""
        if name not in self._modules:
            followed = any(f"{name}.".startswith(f"{package}.") for package in PACKAGES)
            source = self._read(name) if followed else None
            self._modules[name] = module = None if source is None else _parse(source)
            if module:
                self._take(name, module.effects)
        return self._modules[name]

    def _take(self, where: str, statements: Iterable[_Statement]) -> None:
        for statement in statements:
            self.parts.add(statement.dump)
            for name in statement.names:
                self.follow(where, name)
            for name in statement.annotations:
                self.follow(where, name, annotated=True)
