"""Reads a TOML file that describes an agent; whatever is wrong in it is one line that says where."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from importlib import import_module
from inspect import signature
from os import PathLike, fspath
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from ._errors import OptionError
from ._spelling import suggest
from ._tool import Tool, as_tool
from ._tool_shapes import Member, Misfit, member, read_members, shape_of

A = TypeVar("A")

BUILT_IN = "trioaudio.tools"
"""Where a tool is looked up that is named without a module."""


def read_agent_file(path: str | PathLike[str], kind: type[A]) -> A:
    """What the class makes of the values in the file.

    Raises:
        OptionError: see `Agent.from_file`.
    """
    text = _text(path)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise OptionError(f"{fspath(path)}: no TOML: {exc}") from None
    try:
        fields = read_members(_members(kind), values, "", strict=True)
        if "tools" in fields:
            fields["tools"] = [_tool(entry, f"tools[{number}]") for number, entry in enumerate(values["tools"])]
        return kind(**fields)
    except Misfit as misfit:
        raise OptionError(f"{fspath(path)}{_line(text, misfit.path)}: {misfit}") from misfit.__cause__
    except (OptionError, TypeError) as exc:
        raise OptionError(f"{fspath(path)}: {exc}") from exc


def _text(path: str | PathLike[str]) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as exc:
        raise OptionError(f"{fspath(path)}: no UTF-8 text, which TOML is ({exc.reason} at byte {exc.start})") from None
    except OSError as exc:
        raise OptionError(f"{fspath(path)}: cannot be read ({exc.strerror or exc})") from None


def _members(kind: type) -> dict[str, Member]:
    """What may stand in the file: the arguments of the class; tools are written as texts or tables."""
    hints = get_type_hints(vars(kind)["__init__"])
    hints["tools"] = list[str | dict[str, Any]]
    return {name: member(shape_of(hints[name]), None) for name in signature(kind).parameters}


def _tool(entry: object, path: str) -> Tool:
    """The tool that an entry names: found, or made by what was found."""
    if isinstance(entry, str):
        found = _found(entry, path)
        return _as_tool(found, entry, path)
    assert isinstance(entry, dict)
    options = dict(entry)
    name = options.pop("use", None)
    if not isinstance(name, str):
        raise Misfit(f"{path}.use", "is missing; expected: the name of what makes the tool")
    try:
        made = _found(name, path)(**options)
    except Misfit:
        raise
    except (TypeError, ValueError) as exc:
        raise Misfit(path, f"{name!r} cannot make a tool of this: {exc}") from exc
    return _as_tool(made, name, path)


def _as_tool(found: Any, name: str, path: str) -> Tool:
    try:
        return as_tool(found)
    except (TypeError, ValueError) as exc:
        raise Misfit(path, f"is {name!r}, which is no tool: {exc}") from exc


def _found(entry: str, path: str) -> Any:
    module, _, name = entry.rpartition(":")
    try:
        home = import_module(module or BUILT_IN)
    except Exception as exc:
        raise Misfit(path, f"is {entry!r}, whose module cannot be imported: {type(exc).__name__}: {exc}") from exc
    found: Any = home
    for part in name.split("."):
        if not hasattr(found, part) or (not module and part.startswith("_")):
            known = [each for each in vars(home) if not each.startswith("_")] if module else list(_built_in(vars(home)))
            raise Misfit(path, f"is {entry!r}, and there is no {name!r} in {home.__name__}{suggest(name, known)}")
        found = getattr(found, part)
    return found


def _built_in(names: Mapping[str, object]) -> list[str]:
    return [name for name, value in names.items() if not name.startswith("_") and (isinstance(value, Tool) or callable(value))]


def _line(text: str, path: str) -> str:
    """``, line N``, if it can be found: tables are looked for from the outside in."""
    start = 0
    for part in re.split(r"[.\[\]]+", path):
        if not part or part.isdigit():
            continue
        key = re.escape(part)
        pattern = rf"""^[ \t]*(?:\[[^\]\n]*\b{key}\b[^\]\n]*\]|["']?{key}["']?[ \t]*[=.])|[{{,][ \t]*["']?{key}["']?[ \t]*="""
        found = re.compile(pattern, re.MULTILINE).search(text, start)
        if found is None:
            break
        start = found.start()
    else:
        return f", line {text.count(chr(10), 0, start) + 1}"
    return f", line {text.count(chr(10), 0, start) + 1}" if start else ""
