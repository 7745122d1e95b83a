"""Options of a provider, checked: what can never be is said before anything is opened, with the provider's name and the value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar, cast

from .._errors import OptionError
from .._spelling import suggest

Options = TypeVar("Options", bound=Any)


def require_kind(who: str, name: str, value: object, kind: type | tuple[type, ...]) -> None:
    """The value is of this kind, or `OptionError`."""
    if not isinstance(value, kind):
        raise OptionError(f"{who}: {name}={value!r} is of type {type(value).__name__}, which cannot be")


def require_choice(who: str, name: str, value: object, choices: tuple[object, ...]) -> None:
    """The value is one of these, or `OptionError`."""
    if value not in choices:
        raise OptionError(f"{who}: {name}={value!r} is none of {', '.join(map(str, choices))}")


def require_range(who: str, name: str, value: object, least: float, most: float, *, whole: bool = False) -> None:
    """The value is None or a number in this range, or `OptionError`."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and (isinstance(value, int) or not whole)
    if value is not None and not (is_number and least <= cast(float, value) <= most):
        raise OptionError(f"{who}: {name}={value!r} is not {'a whole number' if whole else 'a number'} from {least} to {most}")


def overridden(who: str, options: Options, changes: Mapping[str, object]) -> Options:
    """The same dataclass with some values changed, as `Agent.provider_options` has them.

    Raises:
        OptionError: a name is unknown, or a value cannot be.
    """
    known = [each.name for each in fields(options)]
    for name in changes:
        if name not in known:
            raise OptionError(f"{who} has no option {name!r}{suggest(name, known)} (there are {', '.join(known)})")
    return replace(options, **changes)
