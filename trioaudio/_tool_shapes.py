"""What a value from outside may be, said by a Python annotation: its JSON schema, and how such a value is read and checked.

The arguments a model gives a tool and the values of a configuration file are untrusted: they are read here and nowhere else.
Reading is *strict* where whoever wrote the value could know better (a file) and lenient towards models, which put numbers into
quotes. In a union the strict reading of every member comes before the lenient one of any.
"""

from __future__ import annotations

import dataclasses
import enum
import math
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NotRequired, Required, Union, get_args, get_origin, get_type_hints, is_typeddict

from ._spelling import suggest

SUPPORTED = (
    "str, int, float, bool, None, Any, list[...], dict[str, ...], Literal, Enum, dataclasses, TypedDicts, "
    "unions of these, and Annotated[..., 'description']"
)


class Misfit(ValueError):  # noqa: N818 - the name says what it is
    """A value is not what it should be; ``path`` says where it stands."""

    def __init__(self, path: str, what: str) -> None:
        super().__init__(f"{path} {what}")
        self.path: str = path
        self.what: str = what


class Unsupported(Exception):  # noqa: N818 - the name says what it is
    """No shape is known for an annotation."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a value may be.

    Args:
        schema: as JSON schema.
        expected: in words.
        reads: takes the value, where it stands and whether to be strict; raises `Misfit`, or ValueError if it is not as expected.
    """

    schema: dict[str, object]
    expected: str
    reads: Callable[[object, str, bool], object]

    def read(self, value: object, path: str, *, strict: bool = False) -> object:
        """The value as Python wants it.

        Raises:
            Misfit: it is not of this shape.
        """
        try:
            return self.reads(value, path, strict)
        except Misfit:
            raise
        except (ValueError, OverflowError):
            raise Misfit(path, f"is {reprlib.repr(value)}; expected: {self.expected}") from None


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an object."""

    shape: Shape
    required: bool
    schema: dict[str, object]


def shape_of(annotation: Any, _inside: tuple[object, ...] = ()) -> Shape:
    """The shape that an (evaluated) annotation names.

    Raises:
        Unsupported: there is none; the message names the annotation.
    """
    if annotation in _inside:
        raise Unsupported(f"{_title(annotation)} contains itself")
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _described(shape_of(args[0], _inside), args[1:])
    if origin in (Required, NotRequired):
        return shape_of(args[0], _inside)
    if origin is Literal:
        return _choice([(value, value) for value in args])
    if origin in (Union, UnionType):
        return _union([shape_of(arg, _inside) for arg in args])
    if (origin or annotation) in (list, Sequence):
        return _list(shape_of(args[0] if args else Any, _inside))
    if (origin or annotation) in (dict, Mapping):
        return _mapping(args, _inside)
    if isinstance(annotation, type) and (shape := _class(annotation, _inside)):
        return shape
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    raise Unsupported(f"{_title(annotation)} is not supported")


def _class(kind: type, inside: tuple[object, ...]) -> Shape | None:
    if issubclass(kind, enum.Enum):
        return _choice([(member.value, member) for member in kind])
    if dataclasses.is_dataclass(kind):
        return _object(kind, _dataclass_members(kind, (*inside, kind)))
    if is_typeddict(kind):
        return _object(kind, _typeddict_members(kind, (*inside, kind)))
    return None


def _title(annotation: object) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")


# ---- plain values


def _text(value: object, path: str, strict: bool) -> str:
    if isinstance(value, str):
        return value
    if strict or isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError
    return str(value)


def _whole(value: object, path: str, strict: bool) -> int:
    if isinstance(value, str) and not strict:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or int(value) != value:
        raise ValueError
    return int(value)


def _number(value: object, path: str, strict: bool) -> float:
    if isinstance(value, str) and not strict:
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError
    return float(value)


def _flag(value: object, path: str, strict: bool) -> bool:
    if isinstance(value, str) and not strict and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise ValueError  # noqa: TRY004 - as all readers do
    return value


def _nothing(value: object, path: str, strict: bool) -> None:
    if value is not None:
        raise ValueError


_PLAIN: dict[Any, Shape] = {
    str: Shape({"type": "string"}, "text", _text),
    int: Shape({"type": "integer"}, "a whole number", _whole),
    float: Shape({"type": "number"}, "a number", _number),
    bool: Shape({"type": "boolean"}, "true or false", _flag),
    NoneType: Shape({"type": "null"}, "null", _nothing),
    None: Shape({"type": "null"}, "null", _nothing),
    Any: Shape({}, "anything", lambda value, path, strict: value),
    object: Shape({}, "anything", lambda value, path, strict: value),
}


# ---- made of others


def _described(shape: Shape, notes: tuple[object, ...]) -> Shape:
    text = next((note for note in notes if isinstance(note, str)), None)
    return shape if text is None else dataclasses.replace(shape, schema={**shape.schema, "description": text})


def _choice(pairs: Sequence[tuple[object, object]]) -> Shape:
    """One of some values; each is given as JSON has it and as Python has it."""
    if any(value is not None and not isinstance(value, str | int | float) for value, _ in pairs):
        raise Unsupported("a choice of anything but texts, numbers, true, false and null is not supported")

    def read(value: object, path: str, strict: bool) -> object:
        for given, meant in pairs:
            if given == value and type(given) is type(value):
                return meant
        for given, meant in pairs:
            if not strict and isinstance(value, str | int | float) and str(given).lower() == str(value).lower():
                return meant
        raise ValueError

    return Shape({"enum": [value for value, _ in pairs]}, "one of " + ", ".join(repr(value) for value, _ in pairs), read)


def _union(shapes: Sequence[Shape]) -> Shape:
    def read(value: object, path: str, strict: bool) -> object:
        misfits = []
        for as_it_is in (True,) if strict else (True, False):
            for shape in shapes:
                try:
                    return shape.read(value, path, strict=as_it_is)
                except Misfit as misfit:
                    misfits.append(misfit)
        deeper = [misfit for misfit in misfits if misfit.path != path]  # it was of this kind, and something in it was wrong
        raise deeper[-1] if deeper else ValueError

    return Shape({"anyOf": [shape.schema for shape in shapes]}, " or ".join(shape.expected for shape in shapes), read)


def _list(item: Shape) -> Shape:
    def read(value: object, path: str, strict: bool) -> object:
        if not isinstance(value, list):
            raise ValueError  # noqa: TRY004 - as all readers do
        return [item.read(each, f"{path}[{number}]", strict=strict) for number, each in enumerate(value)]

    return Shape({"type": "array", "items": item.schema}, f"a list, each of it {item.expected}", read)


def _mapping(args: tuple[Any, ...], inside: tuple[object, ...]) -> Shape:
    if args and args[0] is not str:
        raise Unsupported(f"a dict with keys of type {_title(args[0])} is not supported: keys are str in JSON")
    item = shape_of(args[1] if args else Any, inside)

    def read(value: object, path: str, strict: bool) -> object:
        if not isinstance(value, dict):
            raise ValueError  # noqa: TRY004 - as all readers do
        return {key: item.read(each, f"{path}.{key}", strict=strict) for key, each in value.items()}

    return Shape({"type": "object", "additionalProperties": item.schema or True}, f"an object, each value in it {item.expected}", read)


def _object(kind: type, members: Mapping[str, Member]) -> Shape:
    def read(value: object, path: str, strict: bool) -> object:
        if not isinstance(value, dict):
            raise ValueError  # noqa: TRY004 - as all readers do
        values = read_members(members, value, path, strict=strict)
        try:
            return kind(**values)
        except (ValueError, TypeError) as exc:  # a dataclass that checks itself
            raise Misfit(path, f"cannot be: {exc}") from exc

    return Shape(object_schema(members), f"an object with {', '.join(members) or 'nothing in it'}", read)


def object_schema(members: Mapping[str, Member]) -> dict[str, object]:
    """The JSON schema of an object that has these members and no others."""
    return {
        "type": "object",
        "properties": {name: member.schema for name, member in members.items()},
        "required": [name for name, member in members.items() if member.required],
        "additionalProperties": False,
    }


def read_members(members: Mapping[str, Member], values: Mapping[str, object], path: str, *, strict: bool = False) -> dict[str, object]:
    """The members of an object, each as Python wants it.

    Raises:
        Misfit: one is unknown, missing, or not of its shape.
    """
    at = f"{path}." if path else ""
    for name in values:
        if name not in members:
            raise Misfit(at + name, f"is unknown{suggest(name, members)} (there are {', '.join(members) or 'none'})")
    for name, member in members.items():
        if member.required and name not in values:
            raise Misfit(at + name, f"is missing; expected: {member.shape.expected}")
    return {name: members[name].shape.read(value, at + name, strict=strict) for name, value in values.items()}


def member(shape: Shape, default: object = ..., description: str = "") -> Member:
    """A member, with what its schema says of it; no default (``...``) makes it required."""
    schema = dict(shape.schema)
    if description:
        schema["description"] = description
    if isinstance(default, str | int | float) and not isinstance(default, enum.Enum):
        schema["default"] = default
    return Member(shape, default is ..., schema)


def _dataclass_members(kind: type, inside: tuple[object, ...]) -> dict[str, Member]:
    hints = get_type_hints(kind, include_extras=True)
    fields: Iterable[dataclasses.Field[Any]] = dataclasses.fields(kind)
    return {field.name: member(shape_of(hints[field.name], inside), _default(field)) for field in fields if field.init}


def _default(field: dataclasses.Field[Any]) -> object:
    if field.default is not dataclasses.MISSING:
        return field.default
    return ... if field.default_factory is dataclasses.MISSING else None


def _typeddict_members(kind: Any, inside: tuple[object, ...]) -> dict[str, Member]:
    hints = get_type_hints(kind, include_extras=True)
    return {name: member(shape_of(hint, inside), ... if _is_required(kind, name, hint) else None) for name, hint in hints.items()}


def _is_required(kind: Any, name: str, hint: object) -> bool:
    """What the hint says itself; a class whose annotations are texts does not know it."""
    said = get_origin(hint)
    return said is Required or (said is not NotRequired and name in kind.__required_keys__)
