"""Tools: functions that a model may call. What they are called and take, their signature and docstring say."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any, get_type_hints, overload

from ._docstrings import docstring_args, docstring_summary
from ._tool_shapes import SUPPORTED, Member, Misfit, Shape, Unsupported, member, object_schema, read_members, shape_of

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What every provider takes for a name."""


class Supplied:
    """Parent of what a tool is given by who runs it, not by the model: a parameter of such a type stays out of the schema."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False)
class Tool:
    """A function that a model may call; usually made by `tool`.

    Made directly, for tools whose schema comes from elsewhere: the arguments are handed to ``fn`` by name as the model gave them.

    Args:
        name: letters, digits, ``_`` and ``-``, at most 64.
        description: what the model is told of it.
        parameters: JSON schema of an object: one property for each argument.
        fn: a ``def`` (run in a thread) or an ``async def``; its result is told to the model, a text as it is, other values as JSON.
        timeout: seconds it may take; `Timeouts.tool` unless told otherwise.

    Raises:
        ValueError: the name or the timeout cannot be.
    """

    name: str
    description: str
    parameters: Mapping[str, object] = field(repr=False)
    fn: Callable[..., object] = field(repr=False)
    timeout: float | None = None

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(f"a tool cannot be called {self.name!r}: letters, digits, '_' and '-', at most 64; give it tool(name=...)")
        if self.timeout is not None and not self.timeout > 0:
            raise ValueError(f"the timeout of the tool {self.name!r} is {self.timeout!r}; it must be more than 0 s")

    def read_arguments(self, text: str) -> dict[str, object]:
        """The arguments a model gave, as JSON text; untrusted.

        Raises:
            ValueError: they are not what the tool takes; the message is meant for the model.
        """
        try:
            arguments = json.loads(text) if text.strip() else {}
        except (ValueError, RecursionError) as exc:
            raise Misfit("the arguments", f"are no JSON: {exc}") from None
        if not isinstance(arguments, dict):
            raise Misfit("the arguments", f"are {type(arguments).__name__}; expected: a JSON object")
        return arguments

    @property
    def is_async(self) -> bool:
        """Whether it is an ``async def``: then it runs on Trio, else in a thread."""
        fn = self.fn
        while isinstance(fn, partial):
            fn = fn.func
        return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(getattr(type(fn), "__call__", None))  # noqa: B004 - asks how, not whether

    @property
    def supplied(self) -> Mapping[str, type[Supplied]]:
        """Parameters that the session fills, and with what; see `CallContext`."""
        found = {name: _hint(self.fn, name, parameter) for name, parameter in inspect.signature(self.fn).parameters.items()}
        return {name: hint for name, hint in found.items() if _is_supplied(hint)}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function itself, as if it were no tool."""
        return self.fn(*args, **kwargs)


@dataclass(frozen=True, slots=True, eq=False)
class FunctionTool(Tool):
    """A tool made of a signature: its arguments are read by it."""

    members: Mapping[str, Member] = field(default_factory=dict, repr=False)

    def read_arguments(self, text: str) -> dict[str, object]:
        """As `Tool.read_arguments`; each is checked and made what the annotation says."""
        return read_members(self.members, Tool.read_arguments(self, text), "")


@overload
def tool(fn: Callable[..., object], /) -> Tool: ...
@overload
def tool(
    *, name: str | None = None, description: str | None = None, timeout: float | None = None
) -> Callable[[Callable[..., object]], Tool]: ...
def tool(
    fn: Callable[..., object] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    timeout: float | None = None,
) -> Tool | Callable[[Callable[..., object]], Tool]:
    """Make a function a tool: ``@tool``, ``@tool(timeout=5)`` or ``tool(fn)``. An `Agent` does it itself with plain functions.

    The model is told the first part of the docstring, and of each parameter its annotation, its default and its line in the
    docstring's ``Args:``. A parameter annotated `CallContext` is filled by the session and stays out of it.

    Args:
        fn: a ``def``, which runs in a thread, or an ``async def``, which runs on Trio. `from_asyncio` makes one of an asyncio function.
        name: the function's own unless told otherwise.
        description: the docstring's unless told otherwise.
        timeout: seconds after which the model is told that it took too long; `Timeouts.tool` unless told otherwise.

    Raises:
        TypeError: a parameter has no annotation, or one that no JSON value can be; the message says what is supported.
        ValueError: the name or the timeout cannot be.
    """
    if fn is None:
        return lambda fn: _made(fn, name, description, timeout)
    return _made(fn, name, description, timeout)


def as_tool(fn: Tool | Callable[..., object]) -> Tool:
    """A tool as it is; a function made one."""
    return fn if isinstance(fn, Tool) else _made(fn, None, None, None)


def _made(fn: Callable[..., object], name: str | None, description: str | None, timeout: float | None) -> Tool:
    if not callable(fn):
        raise TypeError(f"a tool is made of a function, not of {fn!r}")
    doc = inspect.getdoc(inspect.unwrap(fn)) or ""
    title = name or getattr(fn, "__name__", None) or type(fn).__name__
    members = _members(fn, title, docstring_args(doc))
    return FunctionTool(title, description or docstring_summary(doc), object_schema(members), fn, timeout, members)


def _members(fn: Callable[..., object], title: str, descriptions: Mapping[str, str]) -> dict[str, Member]:
    members = {}
    for name, parameter in inspect.signature(fn).parameters.items():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise TypeError(f"the tool {title!r} has the parameter {parameter}; a model gives arguments by name, and must know each")
        hint = _hint(fn, name, parameter)
        if not _is_supplied(hint):
            default = ... if parameter.default is parameter.empty else parameter.default
            members[name] = member(_shape(hint, f"the parameter {name!r} of the tool {title!r}"), default, descriptions.get(name, ""))
    return members


def _shape(hint: object, what: str) -> Shape:
    if hint is inspect.Parameter.empty:
        raise TypeError(f"{what} has no annotation; a tool's parameters are {SUPPORTED}")
    try:
        return shape_of(hint)
    except (Unsupported, NameError) as exc:
        raise TypeError(f"{what} cannot be given by a model: {exc}; it may be {SUPPORTED}") from exc


def _hint(fn: Callable[..., object], name: str, parameter: inspect.Parameter) -> Any:
    """One annotation, evaluated where the function was written."""
    if parameter.annotation is parameter.empty:
        return parameter.empty
    inner: Any = fn
    while isinstance(inner, partial):
        inner = inner.func
    inner = inspect.unwrap(inner)
    inner = inner if inspect.isroutine(inner) else getattr(type(inner), "__call__", inner)  # noqa: B004 - asks how, not whether
    alone = SimpleNamespace(__annotations__={name: parameter.annotation})
    try:
        return get_type_hints(alone, getattr(inner, "__globals__", {}), _closure(inner), include_extras=True)[name]
    except (NameError, AttributeError, TypeError, SyntaxError) as exc:
        what = f"the annotation {parameter.annotation!r} of the parameter {name!r}"
        raise TypeError(f"{what} cannot be understood ({exc}); import its names at run time, not only for type checkers") from exc


def _closure(fn: Any) -> dict[str, object]:
    """What an inner function sees of the function around it, as far as it uses it."""
    try:
        return dict(inspect.getclosurevars(fn).nonlocals)
    except (TypeError, ValueError):
        return {}


def _is_supplied(hint: object) -> bool:
    return isinstance(hint, type) and issubclass(hint, Supplied)
