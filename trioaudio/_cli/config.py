"""What ``trioaudio config`` prints: the settings in effect, as a TOML file whose comments say where each is from."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping

from .._bounds import settings
from .._config import PLUGINS, SECTIONS, Config
from .._errors import PluginError
from .._options import ConfiguredOption, OptionInfo, check_configured, describe
from .._plugins import Kind, list_plugins, load_plugin
from .._secret import MASK

ROOM = 30
"""Columns of a setting, before its comment."""
HEAD = "# the environment (TRIOAUDIO_SECTION_NAME) beats the file, the file beats the defaults"


def show_config(config: Config, write: Callable[[str], None], environ: Mapping[str, str] = os.environ) -> int:
    """Print every setting, and of plugins every option that a file or the environment sets; returns the exit code, 0.

    Args:
        config: what is in effect.
        write: called with each line, without a line end: ``print`` fits.
        environ: where plugins look up their options.

    Raises:
        OptionError: an option of a plugin is not understood.
    """
    lines = [HEAD, *(line for section in SECTIONS for line in _section(config, section)), *_plugins(config, environ)]
    for line in lines:
        write(line)
    return 0


def _section(config: Config, section: str) -> Iterator[str]:
    yield from ("", f"[{section}]")
    for setting in settings(SECTIONS[section]):
        value = getattr(getattr(config, section), setting.name)
        origin = config.origins.get(f"{section}.{setting.name}", "default")
        yield _line(setting.name, in_toml(value), "; ".join(filter(None, (setting.range.unit, origin))))


def _plugins(config: Config, environ: Mapping[str, str]) -> Iterator[str]:
    for section, kind in PLUGINS.items():
        for name in dict.fromkeys(info.name for info in list_plugins() if info.kind == kind):
            if lines := list(_options(config, kind, name, environ)):
                yield from ("", f"[{section}.{name}]", *lines)


def _options(config: Config, kind: Kind, name: str, environ: Mapping[str, str]) -> Iterator[str]:
    given = config.options_of(kind, name)
    try:
        plugin = load_plugin(kind, name)
    except PluginError as exc:  # nobody knows which of its options are secret
        yield from (_line(key, in_toml(MASK), f"{given[key].where}; the {kind} cannot be loaded: {_one_line(exc)}") for key in given)
        return
    check_configured(plugin.open, name, given)
    for option in describe(plugin.open):
        yield from _option(option, given, environ)


def _option(option: OptionInfo, given: Mapping[str, ConfiguredOption], environ: Mapping[str, str]) -> Iterator[str]:
    """The one line of an option that is set, by the first of those who may; nothing of one that is not."""
    file = f"{option.name}_file"
    if option.env and environ.get(option.env):
        yield _line(option.name, in_toml(MASK if option.secret else environ[option.env]), option.env)
    elif option.env and option.secret and environ.get(f"{option.env}_FILE"):
        yield _line(file, in_toml(environ[f"{option.env}_FILE"]), f"{option.env}_FILE")
    elif option.name in given:
        yield _line(option.name, in_toml(MASK if option.secret else given[option.name].text), given[option.name].where)
    elif option.secret and file in given:
        yield _line(file, in_toml(given[file].text), given[file].where)


def _line(name: str, value: str, comment: str) -> str:
    return f"{f'{name} = {value}':<{ROOM}}  # {comment}"


def _one_line(what: object) -> str:
    return " ".join(str(what).split())


def in_toml(value: object) -> str:
    """A value as a TOML file spells it; there is no none in TOML, so a text stands for it."""
    if value is None:
        return '"none"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, tuple):
        return f"[{', '.join(map(in_toml, value))}]"
    return json.dumps(str(value), ensure_ascii=False)
