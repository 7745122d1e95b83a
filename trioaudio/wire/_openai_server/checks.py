"""Checks of what clients say, and the errors that the live service answers with.

A *check* is called with a value and the path to it, and raises `MisuseError` or returns. Checks are made of checks, so the
tables of fields read like the documentation they are taken from.

Source: published captures of the live service's errors, read 2026-11.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Check: TypeAlias = Callable[[Any, str], None]
DEEPEST = 100
LONGEST_AUDIO = 15 * 2**20
"""The most base64 text in one field of audio; the live service's own bound."""
MOST_METADATA = 16


class MisuseError(Exception):
    """A client's message is refused; its socket stays open."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code: str = code
        self.param: str | None = param


def invalid(path: str, expected: str) -> MisuseError:
    """What is said of a value that cannot be."""
    return MisuseError("invalid_value", f"Invalid value for '{path}': expected {expected}.", path)


def text(value: Any, path: str) -> None:
    """A text."""
    if not isinstance(value, str):
        raise invalid(path, "a string")


def flag(value: Any, path: str) -> None:
    """True or false."""
    if not isinstance(value, bool):
        raise invalid(path, "a boolean")


def anything(value: Any, path: str) -> None:
    """Whatever JSON can hold, so long as it is not deeper than anybody needs: it is written down again."""
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for each in level if isinstance(each, dict | list) for inner in (each.values() if isinstance(each, dict) else each)]
        if not level:
            return
    raise invalid(path, f"at most {DEEPEST} levels of nesting")


def at_most(characters: int) -> Check:
    """A text that is not too long."""

    def check(value: Any, path: str) -> None:
        text(value, path)
        if len(value) > characters:
            words = (
                f"string too long. Expected a string with maximum length {characters}, but got a string with length {len(value)} instead."
            )
            raise MisuseError("string_above_max_length", f"Invalid '{path}': {words}", path)

    return check


_long_audio = at_most(LONGEST_AUDIO)


def decoded_audio(value: Any, path: str) -> bytes:
    """The bytes of a field of audio; a check that is of use beyond."""
    _long_audio(value, path)
    try:
        return binascii.a2b_base64(value, strict_mode=True)
    except ValueError:  # of which binascii.Error is one
        raise invalid(path, "base64-encoded audio") from None


def base64_audio(value: Any, path: str) -> None:
    """A field of audio."""
    decoded_audio(value, path)


def image(value: Any, path: str) -> None:
    """A picture, in the URL itself."""
    text(value, path)
    if not value.startswith("data:image/"):
        raise invalid(path, "a base64-encoded data URL of an image")


def number(least: float, most: float, *, whole: bool = False) -> Check:
    """A number within bounds."""

    def check(value: Any, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            raise invalid(path, "an integer" if whole else "a number")
        if value < least:
            raise MisuseError("integer_below_min_value", f"Invalid '{path}': expected a value >= {least}, but got {value} instead.", path)
        if value > most:
            raise MisuseError("integer_above_max_value", f"Invalid '{path}': expected a value <= {most}, but got {value} instead.", path)

    return check


def choice(*choices: Any) -> Check:
    """One of these."""

    def check(value: Any, path: str) -> None:
        if not any(value is choice or (isinstance(value, str) and value == choice) for choice in choices):
            raise invalid(path, f"one of {', '.join(map(repr, choices))}")

    return check


def nullable(inner: Check) -> Check:
    """Null, or what is judged by ``inner``."""
    return lambda value, path: None if value is None else inner(value, path)


def either(first: Check, second: Check) -> Check:
    """What either takes; the complaint is that of the second."""

    def check(value: Any, path: str) -> None:
        try:
            first(value, path)
        except MisuseError:
            second(value, path)

    return check


def listed(inner: Check) -> Check:
    """A list, each of which is judged."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, list):
            raise invalid(path, "an array")
        for index, each in enumerate(value):
            inner(each, f"{path}[{index}]")

    return check


def shape(fields: Mapping[str, Check], *required: str) -> Check:
    """An object with these fields and no others."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise invalid(path, "an object")
        begin = f"{path}." if path else ""
        for name in value:
            if name not in fields:
                raise MisuseError("unknown_parameter", f"Unknown parameter: '{begin}{name}'.", f"{begin}{name}")
        for name in required:
            if name not in value:
                raise MisuseError("missing_required_parameter", f"Missing required parameter: '{begin}{name}'.", f"{begin}{name}")
        for name, each in value.items():
            fields[name](each, begin + name)

    return check


def by_type(kinds: Mapping[str, Check]) -> Check:
    """An object judged by its ``type``."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise invalid(path, "an object")
        if "type" not in value:
            raise MisuseError("missing_required_parameter", f"Missing required parameter: '{path}.type'.", f"{path}.type")
        choice(*kinds)(value["type"], f"{path}.type")
        kinds[value["type"]](value, path)

    return check


def metadata(value: Any, path: str) -> None:
    """A few texts by name."""
    if not isinstance(value, dict) or len(value) > MOST_METADATA or not all(isinstance(each, str) for each in value.values()):
        raise invalid(path, "an object of at most 16 strings")


def modalities(value: Any, path: str) -> None:
    """Speech or text, not both."""
    if value not in (["audio"], ["text"]):
        raise invalid(path, "['audio'] or ['text']")
