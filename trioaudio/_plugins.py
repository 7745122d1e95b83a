"""The door for plugins: finds sources, models and listeners by name among the entry points of installed packages, and opens them by spec.

Nothing is imported before it is asked for by name. Our own plugins come through the same door as anyone's. Whatever goes wrong
here is raised as `PluginError`, loudly, with the package, the entry point and the cause: someone asked for that plugin by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from inspect import BoundArguments
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeAlias, TypeVar

from ._errors import MissingExtraError, PluginError
from ._limits import Timeouts
from ._options import ConfiguredOption, Injected, Spec, bind, describe, inject, injected, masked, parse_spec, takes
from ._spelling import suggest
from .abc import CONTRACT_VERSION, AnyPlugin, Listener, ListenerPlugin, Model, ModelPlugin, Source, SourcePlugin

Kind: TypeAlias = Literal["source", "model", "listener"]
ConnectionT = TypeVar("ConnectionT", Source, Model, Listener)
PluginT = TypeVar("PluginT", SourcePlugin[Any], ModelPlugin[Any], ListenerPlugin[Any])

_GROUPS: dict[Kind, str] = {"source": "trioaudio.sources", "model": "trioaudio.models", "listener": "trioaudio.listeners"}


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """An installed plugin, as its package announces it; nothing of it has been imported."""

    name: str
    kind: Kind
    package: str
    """The distribution that brings it."""
    version: str
    """Version of that distribution."""
    entry_point: str
    """Where it is: ``module:object``."""


class Configured(Protocol):
    """Options of plugins from elsewhere than their specs: a `Config`."""

    @property
    def insecure(self) -> bool:
        """Whether plugins that would send a key in the clear may; each has an option of that name."""

    @property
    def timeouts(self) -> Timeouts:
        """For plugins with a parameter of that name and type."""

    def options_of(self, kind: Kind, name: str, /) -> Mapping[str, ConfiguredOption]:
        """Those of one plugin."""


@dataclass(frozen=True, slots=True)
class Opener(Generic[ConnectionT]):
    """A plugin with its options, checked: everything that can be wrong with a spec before anything is opened has been found."""

    name: str
    text: str
    """The spec, as it may be shown: secrets are masked."""
    virtual: bool
    """It runs on a virtual clock."""
    embedded: bool
    """Its other end is in the program that opens it."""
    _open: Callable[..., AbstractAsyncContextManager[ConnectionT]]
    _arguments: BoundArguments

    @property
    def files(self) -> tuple[Path, ...]:
        """Files that its options name: what it reads or writes, as far as anyone can tell."""
        return tuple(value for value in self._arguments.arguments.values() if isinstance(value, Path))

    @property
    def wants(self) -> tuple[type[Injected], ...]:
        """What it must be given when it is opened, beside its options: a listener may want the front door."""
        return injected(self._open)

    def __call__(self, *given: Injected) -> AbstractAsyncContextManager[ConnectionT]:
        """Open it; may be done again and again, each time for a new connection.

        Args:
            given: what plugins may want that is no option; each takes what it `wants`.

        Raises:
            PluginError: what the plugin opens is no async context manager, or it wants what was not given.
        """
        try:
            arguments = inject(self._open, self._arguments, given)
        except PluginError as exc:
            raise PluginError(f"{self.name!r} cannot be opened: {exc}") from None
        opened = self._open(*arguments.args, **arguments.kwargs)
        if isinstance(opened, AbstractAsyncContextManager):
            return opened
        raise PluginError(f"{self.name!r} opens a {type(opened).__name__}; its author should decorate it with @asynccontextmanager")

    def __repr__(self) -> str:
        return f"<Opener {self.text}>"


def list_plugins() -> list[PluginInfo]:
    """All installed plugins, sources first, then models, then listeners, by name. A name that two packages claim is listed twice."""
    return [_info(kind, entry) for kind in _GROUPS for entry in sorted(_entries(kind), key=lambda entry: entry.name)]


def load_source(name: str) -> SourcePlugin[Any]:
    """Import the source of that name.

    Raises:
        PluginError: there is none, there are two, it cannot be imported, or it is not what its package announces.
        MissingExtraError: it says itself that it needs an extra.
    """
    return _load("source", name, SourcePlugin)


def load_model(name: str) -> ModelPlugin[Any]:
    """Import the model of that name; raises as `load_source`."""
    return _load("model", name, ModelPlugin)


def load_listener(name: str) -> ListenerPlugin[Any]:
    """Import the listener of that name; raises as `load_source`."""
    return _load("listener", name, ListenerPlugin)


def load_plugin(kind: Kind, name: str) -> AnyPlugin:
    """Import the plugin of that kind and name; raises as `load_source`."""
    loaders: dict[Kind, Callable[[str], AnyPlugin]] = {"source": load_source, "model": load_model, "listener": load_listener}
    return loaders[kind](name)


def choose_source(spec: str, config: Configured | None = None) -> Opener[Source]:
    """Load the source a spec names and check the spec's options, without opening it; what it does not say, ``config`` does.

    Raises:
        OptionError: the spec, or an option in it, is wrong.
        PluginError: as `load_source`.
    """
    parsed = parse_spec(spec)
    return _opener("source", load_source(parsed.name), parsed, config)


def choose_model(spec: str, config: Configured | None = None) -> Opener[Model]:
    """Load the model a spec names and check the spec's options, without opening it; as `choose_source`."""
    parsed = parse_spec(spec)
    return _opener("model", load_model(parsed.name), parsed, config)


def choose_listener(spec: str, config: Configured | None = None) -> Opener[Listener]:
    """Load the listener a spec names and check the spec's options, without opening it; as `choose_source`."""
    parsed = parse_spec(spec)
    return _opener("listener", load_listener(parsed.name), parsed, config)


def open_source(spec: str) -> AbstractAsyncContextManager[Source]:
    """The source a spec names, to be entered; a wrong spec raises at once, as `choose_source` does."""
    return choose_source(spec)()


def open_model(spec: str) -> AbstractAsyncContextManager[Model]:
    """A connection with the model a spec names, to be entered; a wrong spec raises at once, as `choose_model` does."""
    return choose_model(spec)()


def open_listener(spec: str, *given: Injected) -> AbstractAsyncContextManager[Listener]:
    """The listener a spec names, to be entered; a wrong spec raises at once, as `choose_listener` does.

    ``given``: what it may want that is no option, as for `Opener`.
    """
    return choose_listener(spec)(*given)


def _opener(kind: Kind, plugin: AnyPlugin, spec: Spec, config: Configured | None) -> Opener[Any]:
    open: Callable[..., Any] = plugin.open
    embedded = not isinstance(plugin, ModelPlugin) and plugin.embedded
    configured = dict(config.options_of(kind, spec.name)) if config else {}
    if config and config.insecure and any(option.name == "insecure" for option in describe(open)):
        configured["insecure"] = ConfiguredOption("true", "--insecure")
    bound = bind(open, spec, configured=configured)
    if config and takes(open, "timeouts", Timeouts):
        bound.arguments["timeouts"] = config.timeouts
    return Opener(plugin.name, masked(open, spec), plugin.virtual, embedded, open, bound)


def _entries(kind: Kind) -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=_GROUPS[kind]))


def _info(kind: Kind, entry: EntryPoint) -> PluginInfo:
    package, version = (entry.dist.name, entry.dist.version) if entry.dist else ("unknown package", "?")
    return PluginInfo(entry.name, kind, package, version, entry.value)


def _load(kind: Kind, name: str, expected: type[PluginT]) -> PluginT:
    entry = _entry(kind, name)
    info = _info(kind, entry)
    plugin = _imported(entry, info)
    if not isinstance(plugin, expected):
        raise PluginError(f"{_origin(info)} is a {type(plugin).__name__}; its author should make it a plugin with @{kind}_plugin({name!r})")
    _check(plugin, info)
    return plugin


def _entry(kind: Kind, name: str) -> EntryPoint:
    """The one entry point of that name; two packages with one name are refused, since nothing could say which is meant."""
    entries = [entry for entry in _entries(kind) if entry.name == name]
    if not entries:
        raise PluginError(_unknown(kind, name))
    if len(entries) > 1:
        claims = " and ".join(sorted(_origin(_info(kind, entry)) for entry in entries))
        raise PluginError(f"the {kind} {name!r} is claimed more than once: {claims}; uninstall all but one")
    return entries[0]


def _unknown(kind: Kind, name: str) -> str:
    known = {each: sorted({entry.name for entry in _entries(each)}) for each in _GROUPS}
    if any(name in names for names in known.values()):
        return f"{name!r} is no {kind} but a {next(each for each in known if name in known[each])}"
    listing = ", ".join(known[kind]) or f"none; is trioaudio installed with its metadata? (entry points {_GROUPS[kind]!r})"
    form = f"; a spec begins with the plugin's name, NAME:{name}" if set(name) & set("./\\") else ""
    return f"there is no {kind} {name!r}{suggest(name, known[kind])} (installed {kind}s: {listing}{form})"


def _imported(entry: EntryPoint, info: PluginInfo) -> object:
    try:
        return entry.load()
    except MissingExtraError:
        raise
    except Exception as exc:  # the one broad door: whatever a plugin's import raises is translated, never hidden
        raise PluginError(f"{_origin(info)} cannot be imported: {type(exc).__name__}: {exc}") from exc


def _check(plugin: AnyPlugin, info: PluginInfo) -> None:
    if plugin.contract != CONTRACT_VERSION:
        older = f"{info.package} (now {info.version})" if plugin.contract < CONTRACT_VERSION else "trioaudio"
        versions = f"was made for version {plugin.contract} of the plugin contract, this trioaudio has version {CONTRACT_VERSION}"
        raise PluginError(f"{_origin(info)} {versions}; upgrade {older}")
    if plugin.name != info.name:
        raise PluginError(f"{_origin(info)} calls itself {plugin.name!r}; its author should use one name in both places")
    try:
        describe(plugin.open)
    except (PluginError, TypeError, ValueError) as exc:
        raise PluginError(f"{_origin(info)} has options that cannot be read: {exc}") from exc


def _origin(info: PluginInfo) -> str:
    return f"the {info.kind} {info.name!r} of {info.package} {info.version} (entry point {info.entry_point!r})"
