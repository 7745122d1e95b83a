"""The reference, made from what is public: a directive that documents it, links that find it, and a check that none is forgotten.

``{public} trioaudio`` with ``:from: _channel _turn`` documents the names that `trioaudio` takes from these modules; without
``:from:``, all that the module offers. What is public is decided in one place, ``tests/facades.py``, for the tests too.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
from collections import Counter
from collections.abc import Iterable
from importlib.util import find_spec
from typing import Any, ClassVar, ParamSpec, TypeVar

from docutils import nodes
from docutils.parsers.rst import directives
from facades import FACADES, Export, assigned, exports, source
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from trioaudio import Event

log = logging.getLogger(__name__)


class Public(SphinxDirective):
    """Documents the public names of a module."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {"from": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        facade = self.arguments[0]
        homes = [f"{facade}.{home}" for home in self.options.get("from", "").split()]
        chosen = [export for export in exports(facade) if not homes or export.home in homes]
        if unused := set(homes) - {export.home for export in chosen}:
            log.warning("%s takes nothing from %s", facade, ", ".join(sorted(unused)), location=self.get_location())
        text = [f".. py:module:: {facade}", "   :no-index:", "", f".. py:currentmodule:: {facade}", ""]
        lines = [*text, *(line for export in order(chosen, homes) for line in entry(export))]
        return self.parse_text_to_nodes("\n".join(["``````{eval-rst}", *lines, "``````"]))


def order(chosen: list[Export], homes: list[str]) -> list[Export]:
    """As the option says, and within a module as its source does."""
    return sorted(chosen, key=lambda export: (homes.index(export.home) if homes else 0, position(export)))


def position(export: Export) -> tuple[str, int]:
    """Where its definition begins."""
    return export.home, next(
        (node.lineno for node in source(export.home).body if export.name in (*assigned(node), getattr(node, "name", ""))), 0
    )


def entry(export: Export) -> list[str]:
    """What makes Sphinx document one name."""
    value = export.value
    if inspect.isclass(value):
        inherited = [f"   :inherited-members: {', '.join(known_parents(value))}"] if has_private_parent(value) else []
        return [f".. autoclass:: {export.path}", "   :members:", *inherited, ""]
    if inspect.isroutine(value):
        return [f".. autofunction:: {export.path}", ""]
    text = (export.written_below or "").splitlines()
    return [f".. py:data:: {export.name}", f"   :value: {written(export)}", "", *(f"   {line.strip()}" for line in text), ""]


def public_classes() -> list[object]:
    """All that have an entry of their own."""
    return [export.value for facade in FACADES for export in exports(facade) if inspect.isclass(export.value)]


def known_parents(kind: type) -> list[str]:
    """Parents whose members are not repeated: public ones, and other people's."""
    return [parent.__name__ for parent in kind.__mro__[1:] if parent in public_classes() or not parent.__module__.startswith("trioaudio")]


def has_private_parent(kind: type) -> bool:
    """Whether some of what it offers is defined by a class that has no entry of its own."""
    return len(known_parents(kind)) < len(kind.__mro__) - 1


def written(export: Export) -> str:
    """The right-hand side of the assignment that defines it."""
    for statement in source(export.home).body:
        if export.name in assigned(statement) and isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value:
            return ast.unparse(statement.value)
    return ""


def say_event_name(app: Sphinx, what: str, name: str, value: object, options: object, lines: list[str]) -> None:
    """Tell under which word an event can be selected."""
    if inspect.isclass(value) and issubclass(value, Event) and "name" in vars(value):
        lines += ["", f"Selected by ``{value.name!r}``."]


def unfence(app: Sphinx, what: str, name: str, value: object, options: object, lines: list[str]) -> None:
    """Code in docstrings is fenced, which reads well anywhere; turn it into what docutils understands."""
    inside = False
    for number, line in enumerate(lines):
        if line.strip().startswith("```"):
            lines[number] = "" if inside else line.replace("```python", "::").replace("```", ".. code-block:: ") + "\n"
            inside = not inside
        elif inside:
            lines[number] = "    " + line
    lines[:] = "\n".join(lines).split("\n")


def find_public(app: Sphinx, env: BuildEnvironment, node: pending_xref, text: nodes.Element) -> nodes.Element | None:
    """Resolve ``Turn.send``, or an annotation that names the private module: to the one public name that ends like this."""
    domain = env.domains.python_domain
    parts = node["reftarget"].split(".")
    for length in (len(parts), 2, 1):
        ending = "." + ".".join(parts[-length:])
        found = [name for name, entry in domain.objects.items() if name.endswith(ending) and not entry.aliased]
        if len(found) == 1 and (node["reftarget"].startswith("trioaudio.") or length == len(parts)):
            return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", found[0], node, text)
    if node["reftype"] == "obj" and not foreign(parts[0]) and not is_type_variable(node["reftarget"]):
        log.warning("no public name is called %s", node["reftarget"], location=node)
    return None


def foreign(root: str) -> bool:
    """Whether a name begins with something that is not ours to document."""
    return hasattr(builtins, root) or (root.isidentifier() and root != "trioaudio" and find_spec(root) is not None)


def is_type_variable(path: str) -> bool:
    """Whether it stands for a type in signatures: autodoc links those too."""
    module, _, name = path.rpartition(".")
    return isinstance(getattr(sys.modules.get(module), name, None), TypeVar | ParamSpec)


def count_documented(app: Sphinx, env: BuildEnvironment) -> Iterable[str]:
    """Complain about every public name that no page documents."""
    documented = Counter(env.domains.python_domain.objects)
    for facade in FACADES:
        for export in exports(facade):
            if not documented[export.path]:
                log.warning("no page of the reference has %s; add it with the directive {public}", export.path)
    return []


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx."""
    app.add_directive("public", Public)
    app.connect("autodoc-process-docstring", unfence, priority=100)  # before napoleon reads the sections
    app.connect("autodoc-process-docstring", say_event_name)
    app.connect("missing-reference", find_public)
    app.connect("env-updated", count_documented)
    return {"parallel_read_safe": True}
