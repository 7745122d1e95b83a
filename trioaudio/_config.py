"""The settings of a program: the defaults, a TOML file and the environment, in one frozen object that knows where each is from.

``TRIOAUDIO_LIMITS_MAX_TURN=60`` beats ``max_turn = 60`` in the section ``[limits]`` of a file, which beats the default. What is
given in code or on the command line beats all three. Nothing is read unless `load_config` is called, and nothing that is not
understood is passed over: a bound that somebody believes to have set is worse than none.

A section is a field of `Config` and a line of `SECTIONS`: a frozen dataclass whose fields `_bounds` understands. ``[models.NAME]``
and its like hold options of plugins, which are checked when the plugin is asked for.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

from ._bounds import Setting, settings
from ._errors import OptionError
from ._limits import Limits, Timeouts
from ._logs import LogSettings
from ._options import ConfiguredOption
from ._plugins import Kind, choose_model, choose_source, list_plugins
from ._serve_settings import ServeSettings
from ._spelling import suggest
from .abc import Model, Source

PREFIX = "TRIOAUDIO_"
FILE_VARIABLE = "TRIOAUDIO_CONFIG"
"""Names the file, where nobody names one."""
FREE = re.compile(r"X_.*|SERVICE_(HOST|PORT(_.+)?)|PORT(_\d+_.+)?")
"""What may follow the prefix without being ours: ``X_`` is for applications, the rest is what Kubernetes sets for a service that is
called ``trioaudio``."""
PLUGINS: dict[str, Kind] = {f"{kind}s": kind for kind in get_args(Kind)}
"""Sections that hold one section for each plugin, and its kind."""


@dataclass(frozen=True, slots=True)
class Config:
    """All settings, as they are in effect; made by `load_config`, or from parts of your own."""

    limits: Limits = field(default_factory=Limits)
    """The section ``[limits]``."""
    timeouts: Timeouts = field(default_factory=Timeouts)
    """The section ``[timeouts]``."""
    log: LogSettings = field(default_factory=LogSettings)
    """The section ``[log]``; the command line heeds it."""
    serve: ServeSettings = field(default_factory=ServeSettings)
    """The section ``[serve]``; ``trioaudio serve`` heeds it."""
    plugins: Mapping[str, Mapping[str, ConfiguredOption]] = field(default_factory=dict, repr=False)
    """Options of plugins, by section (``"models.openai"``) and option. Not in the repr: one of them may be a secret."""
    insecure: bool = False
    """Keys may travel unencrypted to other machines: ``--insecure`` of the command line, never a line of a file."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """Where each setting that is not a default comes from: ``{"limits.max_turn": "trioaudio.toml:3"}``."""

    def options_of(self, kind: Kind, name: str) -> Mapping[str, ConfiguredOption]:
        """The options that a plugin gets where its spec gives none."""
        return self.plugins.get(f"{kind}s.{name}", {})

    def source(self, spec: str) -> Callable[[], AbstractAsyncContextManager[Source]]:
        """What opens the source of a spec, each time it is called, with the options that this configuration adds.

        Raises:
            OptionError, PluginError: the spec or the configured options cannot be opened.
        """
        return choose_source(spec, self)

    def model(self, spec: str) -> Callable[[], AbstractAsyncContextManager[Model]]:
        """The same for a model; `open_session` takes it as it is."""
        return choose_model(spec, self)


SECTIONS: dict[str, type] = {"limits": Limits, "timeouts": Timeouts, "log": LogSettings, "serve": ServeSettings}
"""Every section with settings; each is a field of `Config`."""


def load_config(path: str | os.PathLike[str] | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """Read the settings of a program.

    Args:
        path: a TOML file; without one, the one that ``TRIOAUDIO_CONFIG`` names, if it names one.
        environ: where ``TRIOAUDIO_*`` is looked up. An empty variable counts as not set.

    Raises:
        OptionError: the file cannot be read or is no TOML, or a section, a key, a value or a variable is not understood; says where.
    """
    chosen = path or environ.get(FILE_VARIABLE)
    file = _File(Path(chosen)) if chosen else None
    values: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    origins: dict[str, str] = {}
    for section, setting, value, origin in [*(file.settings() if file else ()), *_from_environment(environ)]:
        values[section][setting.name] = value
        origins[f"{section}.{setting.name}"] = origin
    parts = {section: group(**values[section]) for section, group in SECTIONS.items()}
    return Config(**parts, plugins=file.plugins() if file else {}, origins=origins)


_Found = tuple[str, Setting, Any, str]
"""A section, one of its settings, the value and where it is from."""


def with_settings(config: Config, section: str, values: Mapping[str, str], origin: str) -> Config:
    """The same configuration with some settings of a section given otherwise, as texts.

    Args:
        config: what they beat.
        section: ``limits``, ``timeouts`` ...
        values: by name.
        origin: where they are from, in `Config.origins` and in complaints.

    Raises:
        OptionError: there is no such setting, or it cannot be that.
    """
    known = {each.name: each for each in settings(SECTIONS[section])}
    given: dict[str, Any] = {}
    for name, text in values.items():
        if (setting := known.get(name)) is None:
            raise OptionError(f"{origin} {name!r}: there is no such setting{suggest(name, known)} ('trioaudio config' lists all)")
        given[name] = _checked(setting, setting.from_text(text), text, f"{origin} {name}")
    changed: Any = replace(getattr(config, section), **given)
    parts: dict[str, Any] = {section: changed, "origins": {**config.origins, **{f"{section}.{name}": origin for name in given}}}
    return replace(config, **parts)


def _checked(setting: Setting, value: object, shown: object, name: str) -> Any:
    if not setting.fits(value):
        raise OptionError(f"{name} is {shown!r}; expected: {setting.expected}")
    return value


def variable(section: str, name: str) -> str:
    """The environment variable of a setting."""
    return f"{PREFIX}{section}_{name}".upper()


def _from_environment(environ: Mapping[str, str]) -> Iterator[_Found]:
    known = {variable(section, each.name): (section, each) for section, group in SECTIONS.items() for each in settings(group)}
    for name in sorted(name for name in environ if name.startswith(PREFIX)):
        if name in known and environ[name]:
            section, setting = known[name]
            yield section, setting, _checked(setting, setting.from_text(environ[name]), environ[name], name), name
        elif name not in known and name != FILE_VARIABLE and not FREE.fullmatch(name.removeprefix(PREFIX)):
            near = suggest(name, known, case=str.upper)
            raise OptionError(
                f"the environment variable {name} is not understood{near} ('trioaudio config' lists all; {PREFIX}X_... is yours)"
            )


class _File:
    """A TOML file, and where in it things stand."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._text = path.read_bytes().decode("utf-8-sig")
            self._sections: dict[str, Any] = tomllib.loads(self._text)
        except OSError as exc:
            raise OptionError(f"the configuration file {path} cannot be read: {(exc.strerror or str(exc)).lower()}") from None
        except UnicodeDecodeError as exc:
            raise OptionError(f"{path}:{_line(exc.object, exc.start)}: this is no UTF-8 text") from None
        except tomllib.TOMLDecodeError as exc:  # as a cause, it would carry the whole text, secrets too
            what, line = _taken_apart(str(exc), self._text)
            raise OptionError(f"{path}:{line}: this is no TOML: {what}") from None

    def settings(self) -> Iterator[_Found]:
        """All settings in it, checked; raises as `load_config`."""
        for section, content in self._sections.items():
            where = self.where(section) if isinstance(content, dict) else self.where("", section)
            if section not in SECTIONS and section not in PLUGINS:
                known = [*SECTIONS, *PLUGINS]
                raise OptionError(f"{where}: there is no section {section!r}{suggest(section, known)} (there are {', '.join(known)})")
            if not isinstance(content, dict):
                raise OptionError(f"{where}: {section!r} is a section; write [{section}], and its keys below it")
            if section in SECTIONS:
                yield from self._section(section, content)

    def _section(self, section: str, content: dict[str, Any]) -> Iterator[_Found]:
        known = {setting.name: setting for setting in settings(SECTIONS[section])}
        for key, value in content.items():
            where = self.where(section, key)
            if key not in known:
                raise OptionError(f"{where}: [{section}] has no {key!r}{suggest(key, known)} (it has {', '.join(known)})")
            setting = known[key]
            yield section, setting, _checked(setting, setting.from_toml(value), value, f"{where}: {section}.{key}"), where

    def plugins(self) -> dict[str, dict[str, ConfiguredOption]]:
        """The options of plugins in it; raises as `load_config`."""
        found: dict[str, dict[str, ConfiguredOption]] = {}
        for section, kind in PLUGINS.items():
            for name, content in self._sections.get(section, {}).items():
                full = f"{section}.{name}"
                installed = [info.name for info in list_plugins() if info.kind == kind]
                if not isinstance(content, dict):
                    raise OptionError(f"{self.where(section, name)}: options of a {kind} stand in a section [{section}.NAME]")
                if name not in installed:
                    listing = f"(installed: {', '.join(installed) or 'none'})"
                    raise OptionError(f"{self.where(full)}: there is no {kind} {name!r}{suggest(name, installed)} {listing}")
                found[full] = {key.replace("-", "_"): self._option(full, key, value) for key, value in content.items()}
        return found

    def _option(self, section: str, key: str, value: object) -> ConfiguredOption:
        where = self.where(section, key)
        if isinstance(value, bool):
            return ConfiguredOption(str(value).lower(), where)
        if isinstance(value, str | int | float):
            return ConfiguredOption(str(value), where)
        raise OptionError(f"{where}: {section}.{key} is a {type(value).__name__}; expected: text, a number, true or false")

    def where(self, section: str, key: str = "") -> str:
        """File and line of a section, or of a key in it; the file alone where the line cannot be found, as in inline tables."""
        here = ""
        for number, line in enumerate(self._text.splitlines(), 1):
            if header := re.match(r"\s*\[\s*([^\[\]]+?)\s*\]", line):
                here = re.sub(r"[\"'\s]", "", header[1])
                if not key and (here == section or here.startswith(f"{section}.")):
                    return f"{self._path}:{number}"
            elif key and here == section and re.match(rf"\s*([\"']?){re.escape(key)}\1\s*[=.]", line):
                return f"{self._path}:{number}"
        return str(self._path)


def _line(data: bytes, position: int) -> int:
    return data.count(b"\n", 0, position) + 1


def _taken_apart(message: str, text: str) -> tuple[str, int]:
    """What a TOML parser complains of, and in which line."""
    found = re.fullmatch(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", message, re.DOTALL)
    what, line = found.groups() if found else (message, None)
    return what[:1].lower() + what[1:], int(line or len(text.splitlines()))
