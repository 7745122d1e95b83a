"""The reference of plugins, made from their signatures as the command line does it.

``{plugin} source wavfile`` describes the source of that name: its summary, its options, its errors.
"""

from __future__ import annotations

import inspect
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from trioaudio._options import OptionInfo, describe
from trioaudio._plugins import load_plugin


class Plugin(SphinxDirective):
    """Describes one built-in plugin: its kind and its name."""

    required_arguments = 2

    def run(self) -> list[nodes.Node]:
        plugin = load_plugin(self.arguments[0], self.arguments[1])
        summary = (inspect.getdoc(plugin.open) or "").partition("\n\n")[0].removesuffix(" Checkpoint: yes.")
        needs = f" Needs the extra `{plugin.extra}`." if plugin.extra else ""
        clock = "the real clock or a virtual one" if plugin.virtual else "the real clock only"
        rows = [row(option) for option in describe(plugin.open)]
        table = ["| option | value | default | what it is |", "|---|---|---|---|", *rows] if rows else []
        return self.parse_text_to_nodes("\n".join([f"{summary}{needs} Runs on {clock}.", "", *table]))


def row(option: OptionInfo) -> str:
    name = f"`{option.name}`" + (", after the colon" if option.positional else "")
    default = "required" if option.required else f"`{option.default}`"
    return f"| {name} | {option.type} | {default} | {option.help} |"


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx."""
    app.add_directive("plugin", Plugin)
    return {"parallel_read_safe": True}
