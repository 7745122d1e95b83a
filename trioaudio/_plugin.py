"""How a plugin announces what it opens."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Generic, ParamSpec, TypeAlias

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


AnyPlugin: TypeAlias = SourcePlugin[Any] | ModelPlugin[Any]
"""What an entry point of ``trioaudio.sources`` or ``trioaudio.models`` names."""


def source_plugin(
    name: str, *, extra: str | None = None, virtual: bool = False, contract: int = CONTRACT_VERSION
) -> Callable[[Callable[P, AbstractAsyncContextManager[Source]]], SourcePlugin[P]]:
    """Announce an ``@asynccontextmanager`` function that yields a `Source` as the plugin ``name``.

    A package of its own states the ``contract`` it was written for, so that a later trioaudio can refuse it by name.
    """

    def announce(open: Callable[P, AbstractAsyncContextManager[Source]]) -> SourcePlugin[P]:
        return SourcePlugin(name, open, extra, virtual, contract=contract)

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
