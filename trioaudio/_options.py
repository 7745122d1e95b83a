"""Plugin specs, ``NAME:POSITIONAL?key=value&key2=value2``, and how their text becomes the arguments of a plugin's ``open_*``.

The grammar, so that it can be said in one breath: the name ends at the first ``:`` or ``?``; the positional value ends at the
first ``?``; options are parted by ``&``, a key from its value by the first ``=``. Everything else stands for itself, so
``wavfile:C:\\calls\\one=two & three.wav`` needs no care. ``%XX`` stands for a byte of UTF-8, in positional and values: a ``?`` in a
file name is ``%3F``, a ``&`` in a value ``%26``, a ``%`` before two hex digits ``%25``. A ``+`` is a plus.

What an option is, its signature says: name, annotation and default, its help the ``Args:`` section of the docstring. What a
signature cannot say stands in ``Annotated[Secret, Option(env="ACME_KEY")]``. An option that is a `Secret`, or said to be secret, can
also come from a file: ``key_file=PATH`` in a spec or a configuration, ``ACME_KEY_FILE`` in the environment. A parameter annotated
with an `Injected` is no option: the program gives it.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any, get_args, get_type_hints
from urllib.parse import quote, unquote

from ._docstrings import docstring_args
from ._errors import FormatError, OptionError, PluginError
from ._option_types import Reader, mentions, reader_of
from ._secret import MASK, Secret
from ._spelling import suggest


@dataclass(frozen=True, slots=True)
class Option:
    """What a signature cannot say about an option of a plugin: ``key: Annotated[Secret, Option(env="ACME_KEY")]``.

    Args:
        help: one line; it replaces that of the docstring's ``Args:`` section.
        env: environment variable that is used when the option is not given; an empty one counts as not set. A secret may also be
            in the file that the variable with ``_FILE`` at its end names.
        secret: its value is never shown; said by the type `Secret` too.
    """

    help: str = ""
    env: str | None = None
    secret: bool = False


class Injected:
    """Parent of what a plugin's ``open_*`` is given by the program that opens it: a parameter annotated so is no option."""


@dataclass(frozen=True, slots=True)
class Spec:
    """A plugin spec, taken apart and unescaped. Its repr shows no values: one of them may be a secret."""

    name: str
    positional: str | None = field(default=None, repr=False)
    options: Mapping[str, str | None] = field(default_factory=dict, repr=False)
    """Values by key; None is a bare flag: a key without ``=``."""


@dataclass(frozen=True, slots=True)
class ConfiguredOption:
    """An option's text from elsewhere than a spec, and where that is. Its repr shows no text: it may be a secret."""

    text: str = field(repr=False)
    where: str


@dataclass(frozen=True, slots=True)
class OptionInfo:
    """One option of a plugin, in words."""

    name: str
    type: str
    default: str
    """Empty when it is required; `MASK` when it is a secret that has a default."""
    help: str
    env: str | None
    secret: bool
    required: bool
    positional: bool
    """It may stand after the colon, without its name."""


def parse_spec(text: str) -> Spec:
    """Take a spec apart.

    Raises:
        OptionError: there is no name, an option has no name or is given twice, or an escape is no UTF-8. Values are never quoted.
    """
    name, positional, options = _SPEC.fullmatch(text).groups()  # type: ignore[union-attr]  # it matches every text
    if not name:
        raise OptionError("a spec begins with the name of a plugin: NAME:VALUE?option=value, such as wavfile:caller.wav")
    return Spec(name, None if positional is None else _decoded(positional, name, "value"), _parse_options(name, options or ""))


_SPEC = re.compile(r"([^:?]*)(?::([^?]*))?(?:\?(.*))?", re.DOTALL)


def format_spec(spec: Spec) -> str:
    """The text of a spec, escaped where needed: ``parse_spec(format_spec(spec)) == spec``."""
    positional = "" if spec.positional is None else ":" + _escaped(spec.positional)
    options = "&".join(key if value is None else f"{key}={_escaped(value)}" for key, value in spec.options.items())
    return spec.name + positional + ("?" + options if options else "")


def _parse_options(name: str, text: str) -> dict[str, str | None]:
    options: dict[str, str | None] = {}
    for piece in filter(None, text.split("&")):
        key, equals, value = piece.partition("=")
        key = key.replace("-", "_")
        if not key:
            raise OptionError(f"{name}: an option has no name before its '='; write option=value")
        if key in options:
            raise OptionError(f"{name}: option {key!r} is given twice")
        options[key] = _decoded(value, name, f"option {key!r}") if equals else None
    return options


def _decoded(text: str, name: str, what: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise OptionError(f"{name}: the percent escapes of its {what} are no UTF-8 text; write a literal % as %25") from None


def _escaped(text: str) -> str:
    return re.sub("[%?&]", lambda match: quote(match[0]), text)


def bind(
    open: Callable[..., object],
    spec: Spec,
    environ: Mapping[str, str] = os.environ,
    configured: Mapping[str, ConfiguredOption] = MappingProxyType({}),
) -> inspect.BoundArguments:
    """Turn the texts of a spec into the arguments of ``open``: ``open(*bound.args, **bound.kwargs)``.

    An annotation may be str, int, float, bool, Path, AudioFormat, ``Literal[...]``, ``Annotated`` and unions of these; none
    at all means text. ``none`` is None where that is allowed. Other parameters can be given from Python only.

    Args:
        open: what the plugin opens with; decorators are looked through.
        spec: what was asked for; its name serves the messages.
        environ: where an option that is not given is looked up, if it has an environment variable.
        configured: what an option is that is given in neither.

    Raises:
        OptionError: an option is unknown, missing, given twice, or of the wrong type; a secret value is not quoted.
        PluginError: an annotation of ``open`` cannot be understood.
    """
    declared = _declared(open)
    given = _given(declared, spec)
    _check_configured(declared, configured, spec)
    bound = inspect.signature(open).bind_partial()
    for option in declared:
        if (text := _first(option, given, environ, configured)) is not None:
            bound.arguments[option.name] = text.read(option, spec.name)
        elif option.required:
            raise OptionError(option.missing(spec.name))
    return bound


@dataclass(frozen=True, slots=True)
class _Text:
    """The text of an option, or of the file that has it, and where that is."""

    text: str | None = field(repr=False)
    where: str
    file: bool = False

    def read(self, option: _Declared, plugin: str) -> object:
        if not self.file:
            return option.value(self.text, plugin, self.where)
        try:
            secret = Secret._from_file(_path_of(self.text), self.where)
        except OptionError as exc:
            raise OptionError(f"{plugin}: {exc}") from None
        return secret if option.is_secret_type else option.value(secret.reveal(), plugin, self.where)


def _path_of(text: str | None) -> Path:
    return Path(os.path.expanduser(text or ""))


def _first(
    option: _Declared, given: Mapping[str, str | None], environ: Mapping[str, str], configured: Mapping[str, ConfiguredOption]
) -> _Text | None:
    """What is said of an option where it counts most: in the spec, in the environment, in the configuration."""
    name, file = option.name, f"{option.name}_file"
    if name in given:
        return _Text(given[name], f"option {name!r}")
    if option.secret and file in given:
        return _Text(given[file], f"option {file!r}", file=True)
    if option.env and environ.get(option.env):
        return _Text(environ[option.env], f"environment variable {option.env}")
    if option.env and option.secret and environ.get(f"{option.env}_FILE"):
        return _Text(environ[f"{option.env}_FILE"], f"{option.env}_FILE", file=True)
    for key in (name, file) if option.secret else (name,):
        if key in configured:
            return _Text(configured[key].text, f"option {key!r} in {configured[key].where}", file=key == file)
    return None


def check_configured(open: Callable[..., object], plugin: str, configured: Mapping[str, ConfiguredOption]) -> None:
    """See to it that ``open`` understands these options, without opening anything; raises as `bind`."""
    declared = _declared(open)
    _check_configured(declared, configured, Spec(plugin))
    for option in declared:
        if (text := _first(option, {}, {}, configured)) is not None:
            text.read(option, plugin)


def _check_configured(declared: list[_Declared], configured: Mapping[str, ConfiguredOption], spec: Spec) -> None:
    names = _names(declared)
    for key, given in configured.items():
        if key not in names:
            raise OptionError(f"{given.where}: {_unknown(key, declared, Spec(spec.name))}")


def _names(declared: list[_Declared]) -> list[str]:
    """What may be written: names of options, and of secrets also the name with ``_file`` at its end."""
    return [name for each in declared for name in ([each.name, f"{each.name}_file"] if each.secret else [each.name])]


def inject(open: Callable[..., object], bound: inspect.BoundArguments, given: Iterable[object]) -> inspect.BoundArguments:
    """The arguments of ``open`` with those added that are no options: each parameter gets what is an instance of its annotation.

    Raises:
        PluginError: a parameter without a default finds nothing that fits.
    """
    given = list(given)
    arguments = dict(bound.arguments)
    for parameter, kind in _injected(open):
        fitting = [each for each in given if isinstance(each, kind)]
        if fitting:
            arguments[parameter.name] = fitting[0]
        elif parameter.default is parameter.empty:
            raise PluginError(f"its parameter {parameter.name!r} needs a {kind.__name__}, and there is none; open it with one")
    complete = inspect.signature(open).bind_partial()
    complete.arguments.update({name: arguments[name] for name in complete.signature.parameters if name in arguments})
    return complete


def injected(open: Callable[..., object]) -> tuple[type[Injected], ...]:
    """What ``open`` wants to be given beside its options."""
    return tuple(kind for _, kind in _injected(open))


def describe(open: Callable[..., object]) -> list[OptionInfo]:
    """The options of ``open``, in the order of its signature.

    Raises:
        PluginError: an annotation of ``open`` cannot be understood.
    """
    return [option.info() for option in _declared(open)]


def takes(open: Callable[..., object], name: str, kind: type) -> bool:
    """Whether ``open`` has a parameter of that name that may be a ``kind``."""
    parameter = inspect.signature(open).parameters.get(name)
    annotation = _evaluated(open, parameter) if parameter is not None else None
    return kind in (annotation, *get_args(annotation))


def masked(open: Callable[..., object], spec: Spec) -> str:
    """The text of a spec as it may be shown: secrets are masked."""
    declared = _declared(open)
    secrets = {option.name for option in declared if option.secret}
    options = {key: MASK if key in secrets and value else value for key, value in spec.options.items()}
    hidden = spec.positional is not None and any(option.positional and option.secret for option in declared)
    return format_spec(replace(spec, positional=MASK if hidden else spec.positional, options=options))


@dataclass(frozen=True, slots=True)
class _Declared:
    """One parameter of an ``open_*``."""

    name: str
    reader: Reader | None
    type: str
    default: object
    help: str
    env: str | None
    secret: bool
    positional: bool
    is_secret_type: bool

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty

    def value(self, text: str | None, plugin: str, where: str) -> object:
        if self.reader is None:
            raise OptionError(f"{plugin}: option {self.name!r} is a {self.type}, which no text can give; open it from Python")
        if text is None and not self.reader.flag:
            raise OptionError(f"{plugin}: {where} has no value; write {self.name}=VALUE (expected: {self.type})")
        try:
            return self.reader.read("true" if text is None else text)
        except ValueError as exc:
            detail = f" ({exc})" if isinstance(exc, FormatError) and not self.secret else ""
            shown = repr(MASK if self.secret else text)
            raise OptionError(f"{plugin}: {where} is {shown}; expected: {self.type}{detail}") from None  # the cause quotes the value

    def missing(self, plugin: str) -> str:
        if self.reader is None:
            return f"{plugin} cannot be opened by a spec: its option {self.name!r} is a {self.type}; open it from Python"
        form = f"{plugin}:{self.name.upper()}" if self.positional else f"{plugin}?{self.name}=VALUE"
        variable = f"{self.env} (or {self.env}_FILE)" if self.secret else self.env
        env = f"set the environment variable {variable}, or " if self.env else ""
        return f"{plugin} needs its option {self.name!r} ({self.help.rstrip('.') or self.type}); {env}write {form}"

    def info(self) -> OptionInfo:
        default = MASK if self.secret and self.default not in (None, inspect.Parameter.empty) else _default_text(self.default)
        return OptionInfo(self.name, self.type, default, self.help, self.env, self.secret, self.required, self.positional)


def _given(declared: list[_Declared], spec: Spec) -> dict[str, str | None]:
    """The texts of a spec by option name; every key is known."""
    given = dict(spec.options)
    names = _names(declared)
    for key in given:
        if key not in names:
            raise OptionError(_unknown(key, declared, spec))
    if spec.positional is None:
        return given
    first = next((option.name for option in declared if option.positional), None)
    if first is None:
        raise OptionError(f"{spec.name} takes no value after the colon; write its options as {spec.name}?option=value")
    if first in given:
        raise OptionError(f"{spec.name}: option {first!r} is given twice: after the colon and by name")
    return given | {first: spec.positional}


def _unknown(key: str, declared: list[_Declared], spec: Spec) -> str:
    names = [option.name for option in declared]
    known = f"its options are {', '.join(names)}" if names else "it has none"
    escape = "; a '?' or '&' that belongs to a value is written %3F or %26" if spec.positional else ""
    return f"{spec.name} has no option {key!r}{suggest(key, _names(declared))} ({known}{escape})"


def _declared(open: Callable[..., object]) -> list[_Declared]:
    """The parameters of ``open`` that a caller can name; the first that text can give may also come without its name."""
    helps = docstring_args(inspect.getdoc(open) or "")
    declared: list[_Declared] = []
    for parameter in inspect.signature(open).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        annotation = _evaluated(open, parameter)
        if _injected_kind(annotation) is not None:
            continue
        reader, option, is_secret = reader_of(annotation), _option_in(annotation), mentions(annotation, Secret)
        positional = bool(reader) and parameter.kind is not parameter.KEYWORD_ONLY and not any(each.positional for each in declared)
        type = reader.type if reader else inspect.formatannotation(annotation)
        help = option.help or helps.get(parameter.name, "")
        secret = option.secret or is_secret
        declared.append(_Declared(parameter.name, reader, type, parameter.default, help, option.env, secret, positional, is_secret))
    return declared


def _injected(open: Callable[..., object]) -> list[tuple[inspect.Parameter, type[Injected]]]:
    """The parameters of ``open`` that are no options."""
    found = [(parameter, _injected_kind(_evaluated(open, parameter))) for parameter in inspect.signature(open).parameters.values()]
    return [(parameter, kind) for parameter, kind in found if kind is not None]


def _injected_kind(annotation: object) -> type[Injected] | None:
    """The `Injected` of an annotation, which may be a union with None."""
    kinds = [part for part in (annotation, *get_args(annotation)) if isinstance(part, type) and issubclass(part, Injected)]
    return kinds[0] if kinds else None


def _evaluated(open: Callable[..., object], parameter: inspect.Parameter) -> Any:
    """One annotation alone: a name that only type checkers know, such as that of the return type, does no harm elsewhere."""
    scope = getattr(inspect.unwrap(open), "__globals__", {})
    alone = SimpleNamespace(__annotations__={parameter.name: parameter.annotation})
    try:
        return get_type_hints(alone, scope, include_extras=True)[parameter.name]
    except (NameError, AttributeError, TypeError, SyntaxError) as exc:
        what = f"the annotation {parameter.annotation!r} of {parameter.name!r} in {getattr(open, '__qualname__', open)}"
        raise PluginError(f"{what} cannot be understood ({exc}); import its names at run time, not only for type checkers") from exc


def _option_in(annotation: object) -> Option:
    """The `Option` of an annotation, also when it hides inside a union: a secret must not be missed."""
    for part in (*getattr(annotation, "__metadata__", ()), *get_args(annotation)):
        if isinstance(part, Option):
            return part
        if (found := _option_in(part)) != _NO_OPTION:
            return found
    return _NO_OPTION


_NO_OPTION = Option()


def _default_text(default: object) -> str:
    if default is inspect.Parameter.empty:
        return ""
    if default is None or isinstance(default, bool):
        return str(default).lower()
    return str(int(default)) if isinstance(default, float) and default.is_integer() else str(default)
