"""The reference of settings, made from the source: ``{settings} limits`` is a table of all that stand in the section ``[limits]``."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from docutils import nodes
from facades import assigned, source
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from trioaudio._bounds import settings
from trioaudio._cli.config import in_toml
from trioaudio._config import SECTIONS, variable


class Settings(SphinxDirective):
    """Describes one section."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes("\n".join(table(self.arguments[0])))


def table(section: str) -> list[str]:
    """The lines of a Markdown table."""
    group = SECTIONS[section]
    meanings = written_below(group)
    head = ["| name | default | what it may be | what it is | environment |", "|---|---|---|---|---|"]
    return head + [
        f"| `{each.name}` | `{in_toml(each.default)}` | {each.expected} | {meanings[each.name]} | `{variable(section, each.name)}` |"
        for each in settings(group)
    ]


def written_below(group: type) -> dict[str, str]:
    """What stands below each field of a dataclass, in its source; nothing where nothing does."""
    (body,) = (each.body for each in source(group.__module__).body if getattr(each, "name", "") == group.__name__)
    meanings = {name: "" for statement in body for name in assigned(statement)}
    for statement, following in pairwise(body):
        for name in assigned(statement):
            meanings[name] = " ".join(str(getattr(getattr(following, "value", None), "value", "")).split())
    return meanings


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx."""
    app.add_directive("settings", Settings)
    return {"parallel_read_safe": True}
