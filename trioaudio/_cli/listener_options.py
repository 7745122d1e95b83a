"""Options of ``trioaudio serve`` that are those of a listener: ``--id VALUE`` for ``NAME?id=VALUE``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from .._config import Config
from .._errors import OptionError
from .._options import ConfiguredOption, describe, injected, parse_spec
from .._plugins import load_listener
from .._spelling import suggest
from ..abc import FrontDoor

SHARED = ("host", "port")
"""Options of the front door that a listener which opens a port of its own may have too."""


def with_listener_options(config: Config, specs: Iterable[str], unknown: Iterable[str], shared: Mapping[str, object], usage: str) -> Config:
    """The configuration, with what the command line says of its listeners' options.

    Args:
        specs: of the listeners.
        unknown: the arguments that the command itself does not know.
        shared: those of `SHARED` that were given; they are the front door's, if any listener wants that.
        usage: of the command, to be quoted in complaints.

    Raises:
        OptionError: no listener has such an option, or more than one has.
        PluginError: a listener cannot be loaded.
    """
    listeners = {name: load_listener(name) for name in {parse_spec(spec).name: None for spec in specs}}
    options = {name: _names(plugin.open) for name, plugin in listeners.items()}
    plugins = dict(config.plugins)
    for flag, text in _pairs(unknown, usage, options):
        _put(plugins, _whose(flag, options, usage), flag, text)
    if not any(issubclass(kind, FrontDoor) for plugin in listeners.values() for kind in injected(plugin.open)):
        for name, value in shared.items():
            for listener in [each for each in options if name in options[each]]:
                _put(plugins, listener, f"--{name}", str(value))
    return replace(config, plugins=plugins)


def _names(open: object) -> list[str]:
    found = describe(open)  # type: ignore[arg-type]  # a plugin's, which is callable
    return [name for each in found for name in ([each.name, f"{each.name}_file"] if each.secret else [each.name])]


def _pairs(unknown: Iterable[str], usage: str, options: Mapping[str, list[str]]) -> Iterator[tuple[str, str]]:
    """Flags with their values; a flag without one means true."""
    rest = list(unknown)
    while rest:
        flag, sign, text = rest.pop(0).partition("=")
        if not flag.startswith("--"):
            raise _not_understood(flag, options, usage)
        if not sign:
            text = rest.pop(0) if rest and not rest[0].startswith("--") else "true"
        yield flag, text


def _whose(flag: str, options: Mapping[str, list[str]], usage: str) -> str:
    owners = [name for name, names in options.items() if _key(flag) in names]
    if not owners:
        raise _not_understood(flag, options, usage)
    if len(owners) > 1:
        raise OptionError(f"{flag} may be meant for {' or '.join(owners)}; write {owners[0]}?{_key(flag)}=VALUE")
    return owners[0]


def _put(plugins: dict[str, Mapping[str, ConfiguredOption]], listener: str, flag: str, text: str) -> None:
    section = f"listeners.{listener}"
    plugins[section] = {**plugins.get(section, {}), _key(flag): ConfiguredOption(text, flag)}


def _key(flag: str) -> str:
    return flag.removeprefix("--").replace("-", "_")


def _not_understood(flag: str, options: Mapping[str, list[str]], usage: str) -> OptionError:
    theirs = [f"--{name.replace('_', '-')}" for names in options.values() for name in names]
    flags = [*re.findall(r"--[\w-]+", usage), *theirs]
    return OptionError(f"{flag!r} is not understood here{suggest(flag, flags)} (the options are {', '.join(dict.fromkeys(flags))})")
