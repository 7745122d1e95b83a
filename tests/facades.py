"""What is public, read from the source of the modules that users import from.

A public name is one that such a module defines, or takes from a module of its own with ``from ._room import Name as Name`` (the
form that type checkers take for a re-export), also under ``if TYPE_CHECKING``, as lazily loaded names are. The documentation's
reference is made from the same list.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec, resolve_name
from itertools import pairwise
from pathlib import Path

FACADES = ("trioaudio", "trioaudio.abc", "trioaudio.audio", "trioaudio.lowlevel", "trioaudio.testing", "trioaudio.tools")


@dataclass(frozen=True, slots=True)
class Export:
    """A public name and the module that defines it."""

    facade: str
    name: str
    home: str

    @property
    def path(self) -> str:
        """The one path under which users import it."""
        return f"{self.facade}.{self.name}"

    @property
    def value(self) -> object:
        """What it stands for."""
        return getattr(import_module(self.facade), self.name)

    @property
    def written_below(self) -> str | None:
        """The string below the assignment that defines it: the docstring of what is neither a class nor a function."""
        body = source(self.home).body
        for statement, following in pairwise(body):
            if self.name in assigned(statement) and isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
                return str(following.value.value)
        return None


def source(module: str) -> ast.Module:
    """The module's source, parsed, without importing it."""
    spec = find_spec(module)
    assert spec is not None, f"there is no module {module}"
    assert spec.origin is not None, f"{module} has no source"
    return ast.parse(Path(spec.origin).read_text(encoding="utf-8"))


def assigned(statement: ast.stmt) -> list[str]:
    """The names that a statement binds by assignment; type variables are not part of an interface."""
    if isinstance(statement, ast.Assign):
        variables = isinstance(statement.value, ast.Call) and ast.unparse(statement.value.func) in ("TypeVar", "ParamSpec", "TypeVarTuple")
        return [] if variables else [target.id for target in statement.targets if isinstance(target, ast.Name)]
    return [statement.target.id] if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) else []


def own_imports(facade: str) -> Iterator[tuple[str, ast.alias]]:
    """What a module takes from its own package: the module it comes from, the name and its alias."""
    package = facade if is_package(facade) else facade.rpartition(".")[0]
    for node in ast.walk(source(facade)):
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").partition(".")[0] == "trioaudio"):
            home = resolve_name("." * node.level + (node.module or ""), package) if node.level else str(node.module)
            yield from ((home, alias) for alias in node.names)


def is_package(module: str) -> bool:
    """Whether the module is a folder with an ``__init__.py``."""
    spec = find_spec(module)
    return spec is not None and spec.submodule_search_locations is not None


def exports(facade: str) -> list[Export]:
    """The public names of one facade, in alphabetical order."""
    taken = {alias.name: home for home, alias in own_imports(facade) if alias.asname == alias.name}
    own: dict[str, str] = {}
    for statement in source(facade).body:
        named = [statement.name] if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) else assigned(statement)
        own |= dict.fromkeys(named, facade)
    return [Export(facade, name, home) for name, home in sorted((taken | own).items()) if not name.startswith("_")]
