"""What the doctor looks at in plugins: whether they load, and whether the keys they take from the environment are there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .._errors import MissingExtraError, OptionError, PluginError
from .._extras import extra_installed
from .._options import OptionInfo, describe
from .._plugins import PluginInfo, list_plugins, load_plugin
from .._secret import Secret
from ..abc import AnyPlugin
from .finding import Finding

SHORT = 8
"""Characters; no provider's key is shorter."""
PLACEHOLDER = re.compile(r"\.\.\.|\u2026|\*\*|^<.*>$|^your[-_ ]|^x+$", re.IGNORECASE)
"""What people leave in the place of a key."""


def check_plugins() -> Iterator[Finding]:
    """Whether each plugin can be imported, and has what it needs."""
    names: list[str] = []
    for info in _each_name_once():
        try:
            plugin = _load(info)
        except PluginError as exc:
            yield _failed(info, exc)
        else:
            names.append(info.name)
            yield from _missing_extra(info, plugin)
    yield Finding("ok", "plugins", f"{len(names)} can be loaded: {', '.join(names) or 'none'}")


def _each_name_once() -> list[PluginInfo]:
    """One that is claimed twice is tried once: what loads it names both."""
    return list({(info.kind, info.name): info for info in list_plugins()}.values())


def _load(info: PluginInfo) -> AnyPlugin:
    return load_plugin(info.kind, info.name)


def _failed(info: PluginInfo, exc: PluginError) -> Finding:
    what = f"{info.kind} {info.name}"
    if isinstance(exc, MissingExtraError):
        return Finding("warning", what, f"needs the extra {exc.extra!r}, which is not installed", _install(exc.package, exc.extra))
    remedy = f"ask its author, upgrade it ({_pip(f'install --upgrade {info.package}')}), or remove it ({_pip(f'uninstall {info.package}')})"
    return Finding("problem", what, str(exc), remedy)


def _missing_extra(info: PluginInfo, plugin: AnyPlugin) -> Iterator[Finding]:
    if plugin.extra is not None and not extra_installed(info.package, plugin.extra):
        seen = f"some of what it does needs the extra {plugin.extra!r}, which is not installed"
        yield Finding("warning", f"{info.kind} {info.name}", seen, _install(info.package, plugin.extra))


def _install(package: str, extra: str) -> str:
    return _pip(f"install '{package}[{extra}]'")


def _pip(command: str) -> str:
    return f"python -m pip {command}"


@dataclass(frozen=True, slots=True)
class _Taker:
    """A plugin's option that is taken from the environment."""

    plugin: str
    option: OptionInfo

    def __str__(self) -> str:
        return f"{self.plugin} ({self.option.name})"


def check_keys(environ: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Which environment variables that plugins ask for are set; never what they say."""
    takers = _takers()
    for variable in sorted(takers):
        yield _judge_key(variable, takers[variable], environ)
    if not takers:
        yield Finding("ok", "keys", "no plugin takes anything from the environment")


def _takers() -> dict[str, list[_Taker]]:
    takers: dict[str, list[_Taker]] = {}
    for info in _each_name_once():
        try:
            options = describe(_load(info).open)
        except PluginError:
            continue  # `check_plugins` has said so
        for option in options:
            if option.env is not None:
                takers.setdefault(option.env, []).append(_Taker(f"{info.kind} {info.name}", option))
    return takers


def _judge_key(variable: str, takers: list[_Taker], environ: Mapping[str, str]) -> Finding:
    whom, file = " and ".join(map(str, takers)), f"{variable}_FILE"
    secret = any(taker.option.secret for taker in takers)
    if value := environ.get(variable, ""):
        return _judge_value(variable, f"is set, for the {whom}", value, secret=secret)
    if secret and environ.get(file):
        try:
            key = Secret.from_environment(variable, environ).reveal()
        except OptionError as exc:
            return Finding("problem", file, f"{exc} (for the {whom})", f"put the key into the file, let trioaudio read it, or unset {file}")
        return _judge_value(file, f"names a file with a key, for the {whom}", key, secret=True)
    if any(taker.option.required for taker in takers):
        return Finding("warning", variable, f"is not set, and needed by the {whom}", f"export {variable}=..., where trioaudio is started")
    return Finding("ok", variable, f"is not set; the {whom} can do without")


def _judge_value(variable: str, seen: str, value: str, *, secret: bool) -> Finding:
    """What to think of a value, which is never told."""
    again = f"set {variable} again, without what does not belong to it"
    if value != value.strip().strip("\"'"):
        return Finding("warning", variable, f"{seen}, but has a space, a line end or a quote at an end", again)
    if secret and (len(value) < SHORT or PLACEHOLDER.search(value)):
        return Finding("warning", variable, f"{seen}, but looks cut off or like a placeholder", f"set {variable} again, to the whole key")
    return Finding("ok", variable, seen)
