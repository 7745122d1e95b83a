"""What ``trioaudio plugins [NAME]`` prints: which sources and models there are, where from, and how each is opened."""

from __future__ import annotations

import inspect
import re
import shutil
import textwrap
from collections.abc import Callable, Iterator, Sequence

from .._errors import PluginError
from .._extras import extra_installed
from .._options import OptionInfo, Spec, describe, format_spec
from .._plugins import Kind, PluginInfo, list_plugins, load_plugin
from .._spelling import suggest
from ..abc import AnyPlugin

Row = Sequence[str]

NARROWEST = 24
"""What a last column has at least, in a terminal however narrow."""


def show_plugins(name: str | None, write: Callable[[str], None]) -> int:
    """Describe all plugins in a table, or one with its options; returns the exit code, 0.

    In the table a plugin that cannot be loaded is listed with the reason; nothing is opened, and no secret is shown.

    Args:
        name: the plugin to describe; None for the table of all.
        write: called with each line, without a line end: ``print`` fits.

    Raises:
        PluginError: there is no plugin of that name, or it cannot be loaded.
    """
    for line in _overview() if name is None else _details(name):
        write(line.rstrip())
    return 0


def _overview() -> Iterator[str]:
    plugins = list_plugins()
    for kind in ("source", "model", "listener"):
        rows = [_row(info) for info in plugins if info.kind == kind]
        yield f"{kind}s" if rows else f"no {kind}s are installed"
        yield from _table(rows)
        yield ""
    yield "'trioaudio plugins NAME' shows the options of one: NAME:VALUE?option=value"


def _row(info: PluginInfo) -> Row:
    try:
        plugin = _load(info)
    except PluginError as exc:
        return info.name, _package(info), "?", f"FAILS: {_one_line(exc)}"
    return info.name, _package(info), _extra(info, plugin), _summary(plugin)


def _details(name: str) -> Iterator[str]:
    plugins = list_plugins()
    found = [info for info in plugins if info.name == name]
    if not found:
        known = sorted({info.name for info in plugins})
        raise PluginError(f"there is no plugin {name!r}{suggest(name, known)} (installed: {', '.join(known) or 'none'})")
    for info in found:
        yield from _description(info, _load(info))


def _description(info: PluginInfo, plugin: AnyPlugin) -> Iterator[str]:
    options = describe(plugin.open)
    yield f"{info.kind} {info.name}"
    yield from _table([(_summary(plugin),)])
    yield ""
    facts = [
        ("from", f"{_package(info)} ({info.entry_point})"),
        ("extra", _extra(info, plugin) + _remedy(info, plugin)),
        ("clock", "real or virtual: --fast works" if plugin.virtual else "real only: --fast is refused"),
        ("example", f"{_used_as(info.kind)} '{_example(info.name, options)}'"),
    ]
    yield from _table(facts)
    yield ""
    yield "options" if options else "no options"
    yield from _table([row for option in options for row in _option_rows(option)])
    yield ""


def _option_rows(option: OptionInfo) -> Iterator[Row]:
    """What may be written, then what it means."""
    default = f" (default {option.default})" if option.default else ""
    required, positional, secret = option.required, option.positional, option.secret
    notes = [note for note, holds in (("required", required), ("after the colon", positional), ("secret", secret)) if holds]
    variable = f"{option.env}, or in the file that {option.env}_FILE names" if secret else option.env
    environment = [f"or in the environment variable {variable}"] if option.env else []
    yield option.name, ", ".join([option.type + default, *notes, *environment])
    if option.help:
        yield "", option.help.rstrip(".")


def _used_as(kind: Kind) -> str:
    return "trioaudio serve" if kind == "listener" else f"--{kind}"


def _example(name: str, options: list[OptionInfo]) -> str:
    """A spec with all that is required and one more option. What comes from the environment stays there."""
    needed = [option for option in options if option.required and not option.env]
    first = [option for option in options if option.positional and not option.secret]
    more = [option for option in options if option not in first and not option.required and _writable(option)]
    positional = _sample(first[0]) if first and (first[0] in needed or _writable(first[0])) else None
    keyed = [option for option in needed if option not in first] + more[:1]
    return format_spec(Spec(name, positional, {option.name: _sample(option) for option in keyed}))


def _writable(option: OptionInfo) -> bool:
    return not option.secret and option.default not in ("", "none")


def _sample(option: OptionInfo) -> str:
    return option.name.upper() if option.required else option.default


def _load(info: PluginInfo) -> AnyPlugin:
    return load_plugin(info.kind, info.name)


def _package(info: PluginInfo) -> str:
    return f"{info.package} {info.version}"


def _extra(info: PluginInfo, plugin: AnyPlugin) -> str:
    if plugin.extra is None:
        return "-"
    return f"{plugin.extra}: {'installed' if extra_installed(info.package, plugin.extra) else 'not installed'}"


def _remedy(info: PluginInfo, plugin: AnyPlugin) -> str:
    missing = plugin.extra is not None and not extra_installed(info.package, plugin.extra)
    return f"; python -m pip install '{info.package}[{plugin.extra}]'" if missing else ""


def _summary(plugin: AnyPlugin) -> str:
    """The first sentence of its docstring."""
    paragraph = (inspect.getdoc(plugin.open) or "(no description)").partition("\n\n")[0]
    return re.split(r"(?<=\.)\s", paragraph, maxsplit=1)[0]


def _one_line(what: object) -> str:
    return " ".join(str(what).split())


def _table(rows: Sequence[Row]) -> Iterator[str]:
    """Lines of a table: columns as wide as their widest cell, the last one wrapped to what the terminal leaves it."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    left = 2 + sum(width + 2 for width in widths)
    room = max(NARROWEST, shutil.get_terminal_size().columns - left)
    for *cells, last in rows:
        start = "  " + "".join(cell.ljust(width + 2) for cell, width in zip(cells, widths, strict=True))
        for line in textwrap.wrap(_one_line(last), room, break_long_words=False, break_on_hyphens=False) or [""]:
            yield start + line
            start = " " * left
