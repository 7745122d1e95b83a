"""The rules of the house, checked by reading a package's source: floors, imports that point down only, manners.

A rule is a generator of complaints about a `House`; `test_layout.py` lets them judge the package. A new module is put on a
floor in `FLOORS`.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import packages_distributions, requires
from pathlib import Path
from typing import TypeAlias

FLOORS: tuple[tuple[str, ...], ...] = (
    ("_errors",),
    ("audio", "audio.*"),
    (
        *(
            "_bounds",
            "_limits",
            "_receipts",
            "_events",
            "_model_events",
            "_history",
            "_instruments",
            "_serving.end_reason",
            "_serving.summary",
            "_sessions.session_end",
        ),
        *("_serving", "_sessions", "_spelling", "_docstrings", "_tool_shapes", "_tool", "_agent_file", "_barge_in", "_reconnect", "_agent"),
    ),
    ("wire", "wire.*"),
    ("_extras", "_secret", "_option_types", "_logs", "_log_lines", "_serve_settings", "_options", "_audiofiles", "clips"),
    (
        *(
            "_door",
            "_door.address",
            "_door.handshake",
            "_door.library_socket",
            "_door.lean_socket",
            "_door.open_socket",
            "_door.pipe",
            "_door.service_nursery",
            "_door.tcp",
            "_socket",
        ),
        *("_door.websocket_codec", "_door.websocket_frames"),
    ),
    (
        "abc",
        "_ed25519",
        "_front_door",
        "_rest",
        "_source",
        "_model",
        "_message_line",
        "_arrivals",
        "_phone_source",
        "_phone_exchange",
        "_listener",
        "_plugin",
    ),
    (
        *("_plugins", "_config", "_call_log", "_block", "_ticker", "_virtual_time", "_subscription", "_dispatch", "_emitter"),
        *("_asyncio_bridge", "_asgi_thread"),
    ),
    ("_door.perimeter", "_door.routes", "_door.tls", "_door.statistics", "_door.http_*", "_door.server"),
    (
        "_inbox",
        "_hearing",
        "_outbound",
        "_outbound.outbox",
        "_outbound.turn",
        "_outbound.live_turn",
        "_outbound.epoch",
        "_outbound.settlement",
        "_outbound.pause",
        "_outbound.counters",
        "_outbound.lineup",
        "_outbound.room",
        "_outbound.positions",
        "_outbound.interruptions",
        "_outbound.pauses",
        "_outbound.backdrop",
        "_outbound.playout",
        "_outbound.playback",
    ),
    ("_recording", "_timeline", "_timeline_picture"),
    ("_sessions.negotiation", "_sessions.commands"),
    ("sources", "sources.*", "models", "models.*"),
    ("_channel", "_channel_life", "_open_channel"),
    (
        "_sessions.mouth",
        "_sessions.overheard",
        "_sessions.answers",
        "_sessions.errands",
        "_sessions.toolbox",
        "_sessions.keypad",
        "_sessions.barge_in_policy",
        "_sessions.local_ear",
        "_sessions.asides",
    ),
    (
        *("_sessions.history", "_sessions.caller_audio", "_sessions.adapted", "_sessions.connection", "_sessions.connections"),
        *("_sessions.outage", "_sessions.starter", "_sessions.relay", "_sessions.link"),
        *("_sessions.mender", "_sessions.hold", "_sessions.inferred_turns", "_sessions.full_duplex"),
    ),
    (
        *("_sessions.session", "_sessions.call_context", "_sessions.reader", "_sessions.referee", "_sessions.caller"),
        *("_sessions.recovery", "_sessions.conversation", "_sessions.tool_desk", "_sessions.parting"),
    ),
    ("_sessions.open_session",),
    ("_serving.choice", "_serving.files", "_serving.silence", "_serving.statistics"),
    ("_serving.call",),
    ("_serving.task",),
    ("_serving.server", "_telemetry"),
    ("_door.metrics", "_door.admin"),
    ("__init__", "lowlevel", "tools"),
    ("testing", "testing.*"),
    ("_cli", "_cli.*", "__main__"),
)
"""Ground floor first; a module imports from its own floor and from those below. The package itself is called ``__init__``."""

PURE = [name for floor in FLOORS[:4] for name in floor]
CLOCKS_AND_WORLD = {"trio", "anyio", "asyncio", "time", "datetime", "socket", "ssl", "select", "logging", "threading", "subprocess"}
PLUGINS = ["sources.*", "models.*"]
OPEN_TO_PLUGINS = [
    "abc",
    "_agent",
    "_tool",
    "_errors",
    "_events",
    "_limits",
    "_model_events",
    "_history",
    "_options",
    "_secret",
    "_audiofiles",
    "clips",
    "audio",
    "audio.*",
    "wire",
    "wire.*",
    "models._*",  # connections that plugins of one family share
    "sources._*",  # rooms that belong to one plugin
]
NURSERIES = [
    "_block",
    "_asgi_thread",  # its connections live in its thread
    "_door.service_nursery",
    "_channel_life",
    "_sessions.session",
    "_sessions.connections",  # connections outlive the session that has still to tell them something, and one another
    "_serving.task",
    "_serving.server",
    *PLUGINS,
    "testing",
    "testing.*",
    "_cli",
    "_cli.*",
]
COMMAND_LINE = list(FLOORS[-1])
NAMELESS = re.compile(r"util|helper|manager|common|misc")


@dataclass(frozen=True, slots=True)
class Import:
    """One name taken from one module; modules of the package are named as in `FLOORS`, others in full after a colon (``:trio``)."""

    line: int
    module: str
    name: str
    only_for_types: bool


class House:
    """A package's modules, parsed, by the names of `FLOORS`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = {self._name(path): path for path in sorted(folder.rglob("*.py"))}
        self.trees = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in self.files.items()}
        self.imports = {name: list(self._imports_of(name)) for name in self.trees}

    def complain(self, module: str, line: int, what: str) -> str:
        """A complaint about one line, in the form that editors jump to."""
        return f"{self.files[module].relative_to(self.folder.parent)}:{line}: {what}"

    def _name(self, path: Path) -> str:
        parts = path.relative_to(self.folder).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)

    def _imports_of(self, module: str) -> Iterator[Import]:
        tree = self.trees[module]
        blocks = [node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)]
        guarded = {id(inner) for block in blocks for inner in ast.walk(block)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from (Import(node.lineno, self._local(alias.name), "", id(node) in guarded) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                origin = self._origin(module, node)
                for alias in node.names:
                    inner = alias.name if origin == "__init__" else f"{origin}.{alias.name}"
                    yield Import(node.lineno, inner if inner in self.files else origin, alias.name, id(node) in guarded)

    def _origin(self, module: str, node: ast.ImportFrom) -> str:
        if not node.level:
            return self._local(node.module or "")
        here = [*([] if module == "__init__" else module.split("."))]
        package = here if self.files[module].name == "__init__.py" else here[:-1]
        base = package[: len(package) - (node.level - 1)]
        return ".".join([*base, *([node.module] if node.module else [])]) or "__init__"

    def _local(self, full_name: str) -> str:
        if full_name == self.folder.name:
            return "__init__"
        inside = full_name.startswith(f"{self.folder.name}.")
        return full_name.removeprefix(f"{self.folder.name}.") if inside else f":{full_name}"


Complaints: TypeAlias = Iterator[str]


def matches(module: str, patterns: list[str] | tuple[str, ...]) -> bool:
    """Whether the module is one of these."""
    return any(fnmatchcase(module, pattern) for pattern in patterns)


def floor_of(module: str) -> int | None:
    """The number of the module's floor, the ground floor being 0."""
    return next((number for number, floor in enumerate(FLOORS) if matches(module, floor)), None)


def every_module_has_a_floor(house: House) -> Complaints:
    """A new module is put on a floor by whoever adds it."""
    for module, imports in house.imports.items():
        if floor_of(module) is None:
            below = [floor for each in imports if (floor := floor_of(each.module)) is not None]
            lowest = ", ".join(FLOORS[max(below, default=0)])
            yield house.complain(module, 1, f"stands on no floor: add {module!r} to FLOORS in tests/house.py, no lower than {lowest}")


def imports_point_down(house: House) -> Complaints:
    """Nobody imports from a floor above, not even for types."""
    for module, imports in house.imports.items():
        here = floor_of(module)
        for each in imports:
            there = floor_of(each.module)
            if here is not None and there is not None and there > here:
                yield house.complain(module, each.line, f"imports {each.module} from a floor above; move one of them, or pass it in")


def no_rings(house: House) -> Complaints:
    """Modules of one floor may import each other, but never in a ring (what is imported only for types does not count)."""
    graph = {
        module: {each.module for each in imports if each.module in house.files and not each.only_for_types}
        for module, imports in house.imports.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        yield f"{house.folder.name}: these import each other in a ring: {' -> '.join(reversed(error.args[1]))}"


def the_lower_floors_are_pure(house: House) -> Complaints:
    """No Trio, no clock, no socket, no logger; `_errors` takes the parents of its exceptions from Trio."""
    for module, imports in house.imports.items():
        for each in imports:
            root = each.module.removeprefix(":").partition(".")[0]
            if matches(module, PURE) and each.module.startswith(":") and root in CLOCKS_AND_WORLD and (module, root) != ("_errors", "trio"):
                yield house.complain(
                    module, each.line, f"imports {root} on a pure floor; take what it is for (the time, the bytes) as an argument"
                )


def plugins_see_contracts_only(house: House) -> Complaints:
    """A built-in plugin imports what anyone's plugin could: never the channel, never another plugin."""
    for module, imports in house.imports.items():
        for each in imports:
            inside = not each.module.startswith(":")
            if matches(module, PLUGINS) and inside and not matches(each.module, OPEN_TO_PLUGINS):
                yield house.complain(module, each.line, f"imports {each.module}; a plugin sees only {', '.join(OPEN_TO_PLUGINS)}")


def the_test_kit_uses_public_names(house: House) -> Complaints:
    """What ``testing`` can do, a user can do: it takes nothing from the package that begins with an underscore."""
    for module, imports in house.imports.items():
        for each in imports:
            foreign = not each.module.startswith(":") and not matches(each.module, ["testing", "testing.*"])
            private = [part for part in (*each.module.removeprefix("__init__").split("."), each.name) if part.startswith("_")]
            if matches(module, ["testing", "testing.*"]) and foreign and private:
                yield house.complain(
                    module, each.line, f"imports {private[0]}; use public names: trioaudio, trioaudio.abc, trioaudio.audio"
                )


def nobody_imports_asyncio(house: House) -> Complaints:
    """There is one event loop here, and it is Trio's."""
    for module, imports in house.imports.items():
        for each in imports:
            if each.module.removeprefix(":").partition(".")[0] == "asyncio":
                yield house.complain(module, each.line, "imports asyncio; use trio")


def imports_are_declared(house: House) -> Complaints:
    """Every package that is imported is a dependency by name, not by luck."""
    declared = {canonical(re.split(r"[^\w.-]", line, maxsplit=1)[0]) for line in requires("trioaudio") or ()}
    origin = packages_distributions()
    for module, imports in house.imports.items():
        for each in imports:
            root = each.module.removeprefix(":").partition(".")[0]
            foreign = each.module.startswith(":") and root not in sys.stdlib_module_names
            if foreign and not declared & {canonical(package) for package in origin.get(root, [root])}:
                yield house.complain(
                    module, each.line, f"imports {root}, which pyproject.toml does not name as a dependency or in an extra"
                )


def canonical(package: str) -> str:
    """Names of packages are compared without regard to case and kind of dash."""
    return re.sub(r"[-_.]+", "-", package).lower()


def calls(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and last name of everything that is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield node.lineno, node.func.id if isinstance(node.func, ast.Name) else node.func.attr


def only_the_command_line_prints(house: House) -> Complaints:
    """A library returns, raises or emits; it does not print."""
    for module, tree in house.trees.items():
        for line, name in calls(tree):
            if name == "print" and not matches(module, COMMAND_LINE):
                yield house.complain(module, line, "prints; return it, raise it or emit an event")


def nurseries_have_their_places(house: House) -> Complaints:
    """Every task has an owner: a channel, a session, a server or a plugin's ``open_*``."""
    for module, tree in house.trees.items():
        for line, name in calls(tree):
            if name == "open_nursery" and not matches(module, NURSERIES):
                yield house.complain(module, line, f"opens a nursery; only {', '.join(NURSERIES)} may")


def modules_are_named_for_a_thing(house: House) -> Complaints:
    """No drawer for what had no name."""
    for module in house.files:
        if NAMELESS.search(module):
            yield house.complain(module, 1, f"is called {module}; name it for the one thing it holds")


RULES: tuple[Callable[[House], Complaints], ...] = (
    every_module_has_a_floor,
    imports_point_down,
    no_rings,
    the_lower_floors_are_pure,
    plugins_see_contracts_only,
    the_test_kit_uses_public_names,
    nobody_imports_asyncio,
    imports_are_declared,
    only_the_command_line_prints,
    nurseries_have_their_places,
    modules_are_named_for_a_thing,
)
