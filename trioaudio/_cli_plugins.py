"""What ``trioaudio plugins [NAME]`` prints: which sources and models there are, where from, and how each is opened."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence

from ._errors import PluginError
from ._extras import extra_installed
from ._options import OptionInfo, Spec, describe, format_spec, suggest
from ._plugins import PluginInfo, list_plugins, load_model, load_source
from .abc import AnyPlugin

Row = Sequence[str]


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
    for kind in ("source", "model"):
        rows = [_row(info) for info in plugins if info.kind == kind]
        yield f"{kind}s" if rows else f"no {kind}s are installed"
        yield from _table(("name", "from", "extra", "what it is"), rows)
        yield ""
    yield "trioaudio plugins NAME shows the options of one; open it with NAME:VALUE?option=value"


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
    yield f"{info.kind} {info.name}: {_summary(plugin)}"
    yield ""
    yield f"from     {_package(info)} ({info.entry_point})"
    yield f"extra    {_extra(info, plugin)}{_remedy(info, plugin)}"
    yield f"clock    {'real or virtual: --fast works' if plugin.virtual else 'real only: --fast is refused'}"
    yield f"example  --{info.kind} '{_example(info.name, options)}'"
    yield ""
    yield "options" if options else "no options"
    yield from _table(("name", "type", "default", "environment", "what it is"), [_option_row(option) for option in options])
    yield ""


def _option_row(option: OptionInfo) -> Row:
    default = "required" if option.required else option.default
    notes = [note for note, holds in (("after the colon", option.positional), ("secret", option.secret)) if holds]
    return option.name, option.type, default, option.env or "", "; ".join(filter(None, (option.help.rstrip("."), *notes)))


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
    return load_source(info.name) if info.kind == "source" else load_model(info.name)


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
    return (inspect.getdoc(plugin.open) or "(no description)").partition("\n")[0]


def _one_line(exc: Exception) -> str:
    return " ".join(str(exc).split())


def _table(heads: Row, rows: list[Row]) -> Iterator[str]:
    """Lines of a table, columns as wide as their widest cell; nothing when there are no rows."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows) if rows else ():
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
