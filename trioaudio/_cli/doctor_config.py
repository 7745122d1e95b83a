"""What the doctor looks at in settings: whether the file and the variables are understood, and who may read the keys in the file."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from .._config import FILE_VARIABLE, PLUGINS, Config, load_config
from .._errors import OptionError, PluginError
from .._options import check_configured, describe
from .._plugins import load_plugin
from .finding import Finding

OTHERS = stat.S_IRGRP | stat.S_IROTH


def read_settings(path: Path | None, environ: Mapping[str, str] = os.environ) -> Config | OptionError:
    """The settings that are in effect, or why there are none."""
    try:
        return load_config(path, environ)
    except OptionError as exc:
        return exc


def check_settings(found: Config | OptionError, path: Path | None, environ: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Whether settings are understood, options of plugins too; and whether others can read keys that are in the file."""
    if isinstance(found, OptionError):
        yield Finding("problem", "settings", str(found), "correct it there; 'trioaudio config' shows what is in effect")
        return
    complaints = list(_complaints(found))
    for complaint in complaints:
        yield Finding("problem", "settings", complaint, "correct it there; 'trioaudio plugins NAME' shows the options of a plugin")
    file = path or environ.get(FILE_VARIABLE)
    if not complaints:
        where = f"{file} is understood" if file else "there is no file"
        yield Finding("ok", "settings", f"{where}; {len(found.origins)} differ from the defaults ('trioaudio config')")
    if file:
        yield from _check_readers(found, Path(file))


def _complaints(config: Config) -> Iterator[str]:
    for section, options in config.plugins.items():
        kind, _, name = section.partition(".")
        try:
            check_configured(load_plugin(PLUGINS[kind], name).open, name, options)
        except OptionError as exc:
            yield str(exc)
        except PluginError:
            continue  # the plugins are looked at elsewhere


def _check_readers(config: Config, file: Path) -> Iterator[Finding]:
    """A file with a key in it is for its owner alone."""
    keys = [f"{section}.{name}" for section in config.plugins for name in _secrets(section) & set(config.plugins[section])]
    if keys and os.name == "posix" and file.stat().st_mode & OTHERS:
        seen = f"others on this machine can read {file}, and {', '.join(sorted(keys))} in it is secret"
        yield Finding("warning", "settings", seen, f"chmod 600 {file}, or name a file that has the key: key_file = ...")


def _secrets(section: str) -> set[str]:
    kind, _, name = section.partition(".")
    try:
        return {option.name for option in describe(load_plugin(PLUGINS[kind], name).open) if option.secret}
    except PluginError:
        return set()
