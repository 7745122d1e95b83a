"""What a setting may be: a number with a unit and a range, a choice, a text; the check that it is, and how it is read.

A setting is a field of a frozen dataclass whose annotation says it all: ``max_turn: Span = 120.0``, where
``Span = Annotated[float, Range("s", 0.02)]``. A plain ``float`` is seconds from 0 up, a plain ``int`` a count from 0 up. Other types
are ``str``, ``bool``, ``Path``, ``Literal`` of texts and ``tuple[str, ...]``; ``| None`` stands for "no bound".
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from math import inf, isfinite
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

from ._errors import OptionError


@dataclass(frozen=True, slots=True)
class Range:
    """What a number counts, and between what it may be, both ends included."""

    unit: str
    least: float = 0
    most: float = inf


Seconds: TypeAlias = Annotated[float, Range("s")]
"""A time that may be nothing at all."""
Span: TypeAlias = Annotated[float, Range("s", 0.02)]
"""At least a frame."""
Count: TypeAlias = Annotated[int, Range("", 1)]
"""At least one."""
Bytes: TypeAlias = Annotated[int, Range("bytes", 1024)]
"""At least a short message."""
Fade: TypeAlias = Annotated[float, Range("s", 0, 0.01)]
"""So short that it takes nothing from what is said."""
Dollars: TypeAlias = Annotated[float, Range("US dollars")]

Port: TypeAlias = Annotated[int, Range("", 0, 65_535)]
"""A TCP port; 0 stands for any that is free."""

_PLAIN = {float: Range("s"), int: Range("")}
_WORDS = {float: "a number", int: "a whole number", str: "text", bool: "true or false", Path: "a path", tuple: "a list of texts"}
_FLAGS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


@dataclass(frozen=True, slots=True)
class Setting:
    """One field: its name, its default, and what it may be."""

    name: str
    default: Any
    kind: type
    """float, int, str, bool, Path or tuple."""
    range: Range
    """Of a number; says nothing of texts."""
    choices: tuple[str, ...] = ()
    optional: bool = False

    @property
    def expected(self) -> str:
        """What it may be, in words: ``a number of seconds from 0.02 up, or none``."""
        return self._what() + (", or none" if self.optional else "")

    def fits(self, value: object) -> bool:
        """Whether it may be this."""
        if value is None:
            return self.optional
        if self.kind is float or self.kind is int:
            return _is_number(value, self.kind) and self.range.least <= value <= self.range.most  # type: ignore[operator]  # just checked
        if self.kind is tuple:
            return isinstance(value, tuple) and all(isinstance(each, str) for each in value)
        return isinstance(value, self.kind) and (not self.choices or value in self.choices)

    def from_toml(self, value: object) -> object:
        """What a value of a TOML file means: texts may be paths, lists are tuples, and ``"none"`` is none."""
        if value == "none" and self.optional:
            return None
        if self.kind is Path and isinstance(value, str) and value:
            return Path(value).expanduser()
        if self.kind is float and _is_number(value, int):
            return float(value)  # type: ignore[arg-type]  # just checked
        return tuple(value) if isinstance(value, list) and self.kind is tuple else value

    def from_text(self, text: str) -> object:
        """What a text means, such as that of an environment variable; lists are parted by commas. Check it with `fits`."""
        if self.kind is tuple:
            return tuple(each.strip() for each in text.split(","))
        if self.kind is bool:
            return _FLAGS.get(text.lower(), text)
        if self.kind is float or self.kind is int:
            return self.from_toml(_as_number(text, self.kind))
        return self.from_toml(text)

    def _what(self) -> str:
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if self.kind not in (float, int):
            return _WORDS[self.kind]
        unit = {"s": " of seconds", "": ""}.get(self.range.unit, f" of {self.range.unit}")
        span = f"from {self.range.least:g} up" if self.range.most == inf else f"from {self.range.least:g} to {self.range.most:g}"
        return f"{_WORDS[self.kind]}{unit} {span}"


def _as_number(text: str, kind: type) -> object:
    """The text itself if it is no number."""
    try:
        return kind(text)
    except ValueError:
        return text


def _is_number(value: object, kind: type) -> bool:
    """True and false are whole numbers in Python; here they are not."""
    return isinstance(value, (int, float) if kind is float else int) and not isinstance(value, bool) and isfinite(value)


@cache
def settings(group: type) -> tuple[Setting, ...]:
    """The settings of a dataclass, in its order."""
    hints = get_type_hints(group, include_extras=True)
    return tuple(_setting(field.name, field.default, hints[field.name]) for field in fields(group))


def _setting(name: str, default: object, annotation: Any) -> Setting:
    parts = get_args(annotation) if NoneType in get_args(annotation) else (annotation,)
    (kind,) = (part for part in parts if part is not NoneType)
    if get_origin(kind) is Literal:
        return Setting(name, default, str, Range(""), get_args(kind), len(parts) > 1)
    given = next((each for each in getattr(kind, "__metadata__", ()) if isinstance(each, Range)), None)
    plain = get_args(kind)[0] if get_origin(kind) is Annotated else get_origin(kind) or kind
    return Setting(name, default, plain, given or _PLAIN.get(plain, Range("")), (), len(parts) > 1)


def check_settings(group: Any) -> None:
    """See to it that every field of a dataclass is what it may be; called when it is made.

    Raises:
        OptionError: one is not; names it, its value and what it may be.
    """
    for setting in settings(group.__class__):
        value = getattr(group, setting.name)
        if not setting.fits(value):
            raise OptionError(f"{type(group).__name__}.{setting.name} is {value!r}; expected: {setting.expected}")
