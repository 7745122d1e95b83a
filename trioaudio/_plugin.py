"""How a plugin announces what it opens."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Generic, ParamSpec, TypeAlias

from ._listener import Listener
from ._model import Model
from ._source import Source

CONTRACT_VERSION = 1
"""Version of the contracts; a plugin made for another one is refused when it is loaded."""

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class SourcePlugin(Generic[P]):
    """A source by name: how to open it. Made by `source_plugin`; its options are the signature of ``open``."""

    name: str
    open: Callable[P, AbstractAsyncContextManager[Source]]
    extra: str | None = None
    """The extra of the package that brings what it needs."""
    virtual: bool = False
    """Whether it runs on a virtual clock: it needs no socket, no thread and no other process."""
    embedded: bool = False
    """Whether its far end is in the program that opens it; on the command line nobody would be there."""
    contract: int = field(default=CONTRACT_VERSION, kw_only=True)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> AbstractAsyncContextManager[Source]:
        return self.open(*args, **kwargs)


@dataclass(frozen=True, slots=True)
class ModelPlugin(Generic[P]):
    """A model by name: how to open a connection with it. Made by `model_plugin`; its options are the signature of ``open``."""

    name: str
    open: Callable[P, AbstractAsyncContextManager[Model]]
    extra: str | None = None
    virtual: bool = False
    contract: int = field(default=CONTRACT_VERSION, kw_only=True)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> AbstractAsyncContextManager[Model]:
        return self.open(*args, **kwargs)


@dataclass(frozen=True, slots=True)
class ListenerPlugin(Generic[P]):
    """A listener by name: how to open it. Made by `listener_plugin`; its options are the signature of ``open``.

    A parameter of ``open`` that is annotated with an `Injected`, such as the front door, is no option: the server gives it.
    """

    name: str
    open: Callable[P, AbstractAsyncContextManager[Listener]]
    extra: str | None = None
    virtual: bool = False
    embedded: bool = False
    """Whether its callers are in the program that opens it; on the command line nobody would call."""
    contract: int = field(default=CONTRACT_VERSION, kw_only=True)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> AbstractAsyncContextManager[Listener]:
        return self.open(*args, **kwargs)


AnyPlugin: TypeAlias = SourcePlugin[Any] | ModelPlugin[Any] | ListenerPlugin[Any]
"""What an entry point of ``trioaudio.sources``, ``trioaudio.models`` or ``trioaudio.listeners`` names."""


def source_plugin(
    name: str, *, extra: str | None = None, virtual: bool = False, embedded: bool = False, contract: int = CONTRACT_VERSION
) -> Callable[[Callable[P, AbstractAsyncContextManager[Source]]], SourcePlugin[P]]:
    """Announce an ``@asynccontextmanager`` function that yields a `Source` as the plugin ``name``.

    A package of its own states the ``contract`` it was written for, so that a later trioaudio can refuse it by name.
    """

    def announce(open: Callable[P, AbstractAsyncContextManager[Source]]) -> SourcePlugin[P]:
        return SourcePlugin(name, open, extra, virtual, embedded, contract=contract)

    return announce


def model_plugin(
    name: str, *, extra: str | None = None, virtual: bool = False, contract: int = CONTRACT_VERSION
) -> Callable[[Callable[P, AbstractAsyncContextManager[Model]]], ModelPlugin[P]]:
    """Announce an ``@asynccontextmanager`` function that yields a `Model` as the plugin ``name``.

    A package of its own states the ``contract`` it was written for, so that a later trioaudio can refuse it by name.
    """

    def announce(open: Callable[P, AbstractAsyncContextManager[Model]]) -> ModelPlugin[P]:
        return ModelPlugin(name, open, extra, virtual, contract=contract)

    return announce


def listener_plugin(
    name: str, *, extra: str | None = None, virtual: bool = False, embedded: bool = False, contract: int = CONTRACT_VERSION
) -> Callable[[Callable[P, AbstractAsyncContextManager[Listener]]], ListenerPlugin[P]]:
    """Announce an ``@asynccontextmanager`` function that yields a `Listener` as the plugin ``name``.

    A package of its own states the ``contract`` it was written for, so that a later trioaudio can refuse it by name.
    """

    def announce(open: Callable[P, AbstractAsyncContextManager[Listener]]) -> ListenerPlugin[P]:
        return ListenerPlugin(name, open, extra, virtual, embedded, contract=contract)

    return announce
