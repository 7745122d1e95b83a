"""What it takes to drive one `*_untrusted` function, and where all of them are."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

from trioaudio import RemoteProtocolError

Take: TypeAlias = Callable[[Any], object]
"""Hands one input to a function, or to a machine that remembers those before, and asks for all that comes of it."""


@dataclass(frozen=True)
class Target:
    """One function or method.

    Args:
        samples: true inputs, out of which wrong ones are made; text and bytes, or objects that were read of JSON.
        fresh: a new machine, or the function itself.
        errors: what it is documented to raise.
        either: it takes text and bytes alike.
        remembers: its machine keeps what it is sent, for whoever tests with it.
    """

    samples: Sequence[Any]
    fresh: Callable[[], Take]
    errors: tuple[type[Exception], ...] = (RemoteProtocolError,)
    either: bool = False
    remembers: bool = False


Targets: TypeAlias = Mapping[str, Target]
"""By name: ``wire.openai:OpenAIWire.receive_untrusted``."""


def function(samples: Sequence[Any], call: Take, *errors: type[Exception]) -> Target:
    """One that remembers nothing."""
    return Target(samples, lambda: call, errors or (RemoteProtocolError,))


def harmless(samples: Sequence[Any], call: Take) -> Target:
    """One that never raises, and remembers nothing."""
    return Target(samples, lambda: call, ())


def untrusted() -> set[str]:
    """The names of all that the package has: whatever is called so and has a body."""
    spec = find_spec("trioaudio")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent
    return {name for path in folder.rglob("*.py") for name in _of_module(path, folder)}


def _of_module(path: Path, folder: Path) -> Iterator[str]:
    source = path.read_text(encoding="utf-8")
    if "_untrusted(" in source:
        parts = path.relative_to(folder).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        yield from (f"{module}:{name}" for name in _in(ast.parse(source), ""))


def _in(node: ast.AST, prefix: str) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and child.name.endswith("_untrusted") and not _is_promise(child):
            yield prefix + child.name
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _in(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.If | ast.Try | ast.With):
            yield from _in(child, prefix)


def _is_promise(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether it is nothing but its docstring, as in a `Protocol`: whoever keeps the promise is driven."""
    return all(isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant) for each in function.body)
