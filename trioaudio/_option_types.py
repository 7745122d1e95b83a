"""The types an option may have, and how each is read from text: str, int, float, bool, Path, AudioFormat, Secret,
choices and unions."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter
from math import isnan
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from ._secret import Secret
from .audio import AudioFormat, parse_format

FLAGS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one type from text.

    Args:
        type: the type in words.
        read: raises ValueError when the text is not of the type.
        flag: a bare key is enough, and means true.
        greedy: it accepts nearly every text, so in a union it is asked last.
    """

    type: str
    read: Callable[[str], object]
    flag: bool = False
    greedy: bool = False


def reader_of(annotation: object) -> Reader | None:
    """How to read the type an (evaluated) annotation names; None if no text can give such a value."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return reader_of(get_args(annotation)[0])
    if origin is Literal:
        return _choice(get_args(annotation))
    if origin in (Union, UnionType):
        return _either(get_args(annotation))
    return _READERS.get(annotation)


def mentions(annotation: object, kind: type) -> bool:
    """Whether a value of an (evaluated) annotation may be of this class: it is that, or a union with it."""
    return annotation is kind or any(mentions(part, kind) for part in get_args(annotation))


def _number(text: str) -> float:
    number = float(text)
    if isnan(number):
        raise ValueError
    return number


def _flag(text: str) -> bool:
    if text.lower() not in FLAGS:
        raise ValueError
    return FLAGS[text.lower()]


def _path(text: str) -> Path:
    if not text or "\0" in text:
        raise ValueError
    return Path(os.path.expanduser(text))  # the shell leaves the ~ of "wavfile:~/call.wav" alone


def _none(text: str) -> None:
    if text != "none":
        raise ValueError


def _choice(values: tuple[object, ...]) -> Reader:
    by_text = {_text(value): value for value in values}

    def read(text: str) -> object:
        if text not in by_text:
            raise ValueError
        return by_text[text]

    return Reader("one of " + ", ".join(by_text), read)


def _text(value: object) -> str:
    return "none" if value is None else str(value)


def _either(annotations: tuple[object, ...]) -> Reader | None:
    """The first type of a union that accepts the text; types no text can give are left out, so ``Path | BinaryIO`` is a path."""
    found = [reader for annotation in annotations if (reader := reader_of(annotation))]
    readers = sorted(found, key=lambda reader: reader.greedy)
    if all(reader is _READERS[NoneType] for reader in readers):
        return None

    def read(text: str) -> object:
        for reader in readers[:-1]:
            try:
                return reader.read(text)
            except ValueError:
                continue
        return readers[-1].read(text)

    return Reader(" or ".join(reader.type for reader in found), read, any(r.flag for r in found), any(r.greedy for r in found))


_TEXT = Reader("text", str, greedy=True)
_READERS: dict[Any, Reader] = {
    str: _TEXT,
    Any: _TEXT,
    Parameter.empty: _TEXT,
    int: Reader("whole number", int),
    float: Reader("number", _number),
    bool: Reader("true or false", _flag, flag=True),
    Path: Reader("path", _path, greedy=True),
    Secret: Reader("secret", Secret, greedy=True),
    AudioFormat: Reader("audio format such as pcm16/24000", parse_format),
    NoneType: Reader("none", _none),
}
