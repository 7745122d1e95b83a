"""One connection with a model: opened, kept and closed in a task of its own, whoever uses it."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from math import inf

import trio

from .._errors import ModelRefused, TrioAudioError
from .._history import HistoryItem, Returned
from .._model_events import AudioDelta, ModelEvent, SessionExpiring
from ..abc import Model

LOST = (trio.BrokenResourceError, trio.EndOfChannel, trio.ClosedResourceError, OSError)
"""What the world may do to a connection; everything else is a mistake of a plugin."""
REMEMBERED = 64
"""Items remembered of each connection: what belongs to another one is not its to truncate."""

GRACE = 1.0
"""Seconds for whoever reads a connection to hear why nobody can write to it: it may have ended in order."""

Open = Callable[[], AbstractAsyncContextManager[Model]]


class Connection:
    """A connection; ``model`` is there once it has been opened.

    Args:
        number: the session's first is 1.
        open: opens one.
        spec: which of the session's models it is, the first being 0.
        on_over: told when it has closed and by what, if by an error.
    """

    def __init__(self, number: int, open: Open, spec: int, on_over: Callable[[Connection], object]) -> None:
        self.number: int = number
        self.spec: int = spec
        self.conversation: int = number
        """The first connection of those that know of each other's conversation: resumed ones share it."""
        self.told: frozenset[str] = frozenset()
        """The calls of tools whose results it was told of before it began."""
        self.error: Exception | None = None
        self.write_error: Exception | None = None
        """Why nobody can write to it."""
        self.patience: float = inf
        """Until when its reader may hear why."""
        self.since: float = 0.0
        self.expires_at: float = inf
        self.receiving: trio.CancelScope | None = None
        self.opened: trio.Event = trio.Event()
        self.is_over: bool = False
        self._model: Model | None = None
        self._open, self._on_over = open, on_over
        self._closing, self._life = trio.Event(), trio.CancelScope()
        self._items: OrderedDict[str, None] = OrderedDict()
        self._early: deque[ModelEvent] = deque()
        self._pump: trio.CancelScope | None = None
        self._pumped = trio.Event()
        self._uses: set[trio.CancelScope] = set()

    @property
    def was_opened(self) -> bool:
        """Whether there is, or was, a model."""
        return self._model is not None

    @property
    def model(self) -> Model:
        """The model.

        Raises:
            Exception: it could not be opened; this is why.
        """
        if self._model is None:
            raise self.error or trio.BrokenResourceError("the connection with the model did not open in time")
        return self._model

    @model.setter
    def model(self, model: Model) -> None:
        self._model = model

    @property
    def resume_token(self) -> str | None:
        """Where another connection could go on, if the provider can do that."""
        can = self._model is not None and "resume" in self._model.capabilities
        return self._model.resume_token if can and self._model is not None else None

    @property
    def mistake(self) -> Exception | None:
        """The error that it ended with, if that is a mistake of the plugin."""
        error = self.error
        return None if error is None or not self.was_opened or is_lost(error) or is_refused(error) else error

    async def live(self) -> None:
        """Open it, keep it, close it when `close` was called; never raises what is only the connection's own."""
        try:
            with self._life:
                async with self._open() as self._model:
                    self.opened.set()
                    await self._closing.wait()
        except Exception as exc:  # noqa: BLE001 - whoever uses it hears of it
            self.error = exc
        finally:
            self.is_over = True
            self.opened.set()
            self._on_over(self)

    def close(self, within: float) -> None:
        """Let it close, in so many seconds; one that is still being opened at once."""
        self._closing.set()
        self._life.deadline = min(self._life.deadline, trio.current_time() + within) if self.opened.is_set() else -inf
        if self._pump is not None:
            self._pump.cancel("the connection is not needed")

    def write_failed(self, error: Exception, *, within: float = GRACE) -> None:
        """Nobody can write to it: within so many seconds its reader is told why, or it counts as lost."""
        if self.write_error is None:
            self.write_error, self.patience = error, trio.current_time() + within
            if self.receiving is not None:
                self.receiving.deadline = self.patience

    @contextmanager
    def used(self) -> Iterator[None]:
        """Let somebody use it until it is released, which ends the block at its next checkpoint."""
        with trio.CancelScope() as use:
            self._uses.add(use)
            try:
                yield
            finally:
                self._uses.discard(use)

    def release(self) -> None:
        """Whoever uses or reads it does not any more."""
        for use in (*self._uses, *([self.receiving] if self.receiving is not None else [])):
            use.cancel("another connection takes its place")

    async def tell(self, history: Callable[[], list[HistoryItem]]) -> None:
        """Tell it of the conversation so far, if it can be told. Checkpoint: yes."""
        await trio.lowlevel.checkpoint()
        if "history" in self.model.capabilities and (items := history()):
            self.told = frozenset(item.call_id for item in items if isinstance(item, Returned))
            await self.model.seed(items)

    # ---- what it says

    async def receive(self) -> ModelEvent:
        """The next event, of those that came early first. Checkpoint and errors as for `Model.receive`."""
        if self._early:
            await trio.lowlevel.checkpoint()
            return self._early.popleft()
        return await self.model.receive()

    def note(self, event: ModelEvent) -> None:
        """What it has just said of itself: that an item is one of its own, or when it will end."""
        match event:
            case AudioDelta(item_id=item_id):
                self._note_item(item_id)
            case SessionExpiring(seconds=seconds):
                self.expires_at = trio.current_time() + seconds
            case _:
                pass

    def _note_item(self, item_id: str) -> None:
        if item_id not in self._items:
            self._items[item_id] = None
            if len(self._items) > REMEMBERED:
                self._items.popitem(last=False)

    def has_item(self, item_id: str) -> bool:
        """Whether this item is one of its own."""
        return item_id in self._items

    async def pump(self) -> None:
        """Read it while nobody else does yet, so that it stays alive; until `stop_pump`, or until it breaks."""
        with trio.CancelScope() as self._pump:
            try:
                while True:
                    self._early.append(await self.model.receive())
            except LOST as exc:
                self.error = exc
        self._pumped.set()

    async def stop_pump(self) -> None:
        """Let somebody else read it. Checkpoint: yes.

        Raises:
            Exception: it has broken meanwhile; this is how.
        """
        await trio.lowlevel.checkpoint()
        if self._pump is not None:
            self._pump.cancel("somebody else reads it")
            await self._pumped.wait()
        if self.error is not None:
            raise self.error


def is_lost(error: Exception) -> bool:
    """Whether this is only the world's doing."""
    return all(isinstance(leaf, LOST) for leaf in _leaves(error))


def is_refused(error: Exception) -> bool:
    """Whether it is no use to try again with the same model: the provider said so, or it was asked for in a wrong way."""
    return all(isinstance(leaf, ModelRefused) or not isinstance(leaf, LOST) for leaf in _leaves(error)) and all(
        isinstance(leaf, ModelRefused | TrioAudioError) for leaf in _leaves(error)
    )


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error
