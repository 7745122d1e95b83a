"""The link between a session and its model: connections come and go, and the call goes on.

Theory of operation. For the session a `Link` is its model. Audio, commands and `receive` go to the *current* connection. When that
breaks there is none for a while: the caller's audio is kept (`CallerAudio`), commands wait, and a `Mender` makes another one.
It becomes the current one in one synchronous step, when it has been told what went before and has heard what was kept. So each
frame is taken by one connection, and no command is carried out by two. Each connection is opened and closed in a task of its own.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import trio

from .._agent import Agent
from .._block import Block
from .._errors import ModelUnavailable
from .._history import HistoryItem, Returned
from .._limits import Limits, Timeouts
from .._model_events import (
    AudioDelta,
    InputCommitted,
    InputSpeechStarted,
    InputTranscript,
    ModelEvent,
    SessionExpiring,
)
from .._reconnect import Reconnect
from ..abc import Capability, Model
from ..audio import AudioFormat, Frame
from .adapted import adapted
from .caller_audio import CallerAudio
from .connection import LOST, Connection, Open, is_lost, is_refused
from .relay import Relay, T

log = logging.getLogger("trioaudio.session")

GRACE = 1.0
"""Seconds for whoever reads a connection to hear why nobody can write to it: it may have ended in order."""


class Patron(Protocol):
    """Whom a link serves."""

    def lost(self, error: Exception) -> None:
        """There is no connection any more."""

    def connected(self, *, anew: bool) -> None:
        """There is another one; ``anew``: the provider knows of the conversation only what it was told."""

    def history(self) -> list[HistoryItem]:
        """The conversation so far, as it was heard."""

    def quiet(self) -> bool:
        """Whether nobody speaks, and nothing is under way, as far as is known."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A time without a connection: which was lost, when and why; ``planned``: it was given up for another one."""

    connection: Connection
    began: float
    error: Exception
    planned: bool = False


class Link(Relay):
    """A model that survives its connections.

    Args:
        opens: what opens a connection with the first model, and with those that may take its place.
        reconnect: how it is mended.
        limits, timeouts: `Limits.gap_audio`, `Timeouts.start` and `Timeouts.close` count here.
        again: whether a connection can be opened again; if not, its end is the end.
    """

    def __init__(self, opens: Sequence[Open], reconnect: Reconnect, limits: Limits, timeouts: Timeouts, *, again: bool) -> None:
        self.opens: Sequence[Open] = opens
        self.reconnect: Reconnect = reconnect
        self.timeouts: Timeouts = timeouts
        self.current: Connection | None = None
        self.outage: Outage | None = None
        self.changed: trio.lowlevel.ParkingLot = trio.lowlevel.ParkingLot()
        self.block: Block = Block("the link to a model")
        self.patron: Patron | None = None
        self.mend: Callable[[], Awaitable[None]] = trio.sleep_forever
        """Makes another connection when there has to be one."""
        self.reconnects: int = 0
        self.rollovers: int = 0
        self._again, self._bound = again, limits.gap_audio
        self._audio = CallerAudio(limits.gap_audio)
        self._connections: list[Connection] = []
        self._count = 0
        self._candidate: Connection | None = None
        self._failure: Exception | None = None
        self._refusal: Exception | None = None  # why the call did not begin with the first model
        self._resting = False
        self._shelter, self._mending = trio.CancelScope(shield=True), trio.CancelScope()
        self._closing = trio.Event()
        self._nursery: trio.Nursery | None = None

    # ---- its life

    async def _live(self, task_status: trio.TaskStatus[None]) -> None:
        """Keep the connections until `close`. Shielded until then: the session tells its model what it has to know to the last."""
        with self._shelter:
            async with trio.open_nursery() as self._nursery:
                task_status.started()
                self._nursery.start_soon(self._mend)
                await self._closing.wait()
                self._mending.cancel("the session has ended")

    async def _mend(self) -> None:
        with self._mending:
            await self.mend()

    def close(self) -> None:
        """Let every connection close; a cancellation from outside reaches them from now on."""
        self.rest()
        self._shelter.shield = False
        self._closing.set()
        for connection in self._connections:
            connection.close(self.timeouts.close)

    def rest(self) -> None:
        """Mend nothing any more; whoever waits for a connection is told that there will be none."""
        self._resting = True
        self._mending.cancel("the session has ended")
        self.changed.unpark_all()

    @property
    def mends(self) -> bool:
        """Whether another connection is made when one is lost."""
        return self._again and self.reconnect.attempts > 0 and not self._resting and self._failure is None

    def begin(self, spec: int) -> Connection:
        """Begin to open a connection."""
        assert self._nursery is not None
        self._count += 1
        connection = Connection(self._count, self.opens[spec], spec, self._is_over)
        self._connections.append(connection)
        self._nursery.start_soon(connection.live, name=f"connection {self._count} with the model")
        return connection

    def run(self, pump: Callable[[], Awaitable[None]]) -> None:
        """Let a connection be read that is not the current one yet."""
        assert self._nursery is not None
        self._nursery.start_soon(pump)

    def _is_over(self, connection: Connection) -> None:
        """A connection has closed, as it was told to or by itself."""
        self._connections.remove(connection)
        error = connection.error
        if error is not None and connection.was_opened and not is_lost(error) and not is_refused(error):
            self.fail(error)
        if connection is self.current:
            self._write_failed(connection, error or trio.BrokenResourceError("the model's block has ended"), patience=0)

    def fail(self, error: Exception) -> None:
        """A plugin's mistake: it leaves the block."""
        if self._failure is None:  # the mistake leaves the block once; the session is told only that it has no model
            self._failure = trio.BrokenResourceError(f"the model's plugin failed: {type(error).__name__}")
        self.changed.unpark_all()
        self.block.fail(error)

    # ---- opening and starting

    async def open(self) -> None:
        """Open the first connection, with whichever model can be reached; errors come out bare. Checkpoint: yes."""
        self._candidate = await self._open_one_of(range(len(self.opens)))
        self._describe(self._candidate.model)

    async def _open_one_of(self, specs: Sequence[int]) -> Connection:
        for spec in specs:
            connection = self.begin(spec)
            await connection.opened.wait()
            if connection.was_opened:
                return connection
            failed = connection.error
            assert failed is not None
            self._refusal = _with_note(self._refusal, failed)
            if not is_lost(failed):
                break
        assert self._refusal is not None
        raise self._refusal

    async def start(self, agent: Agent, input_format: AudioFormat, output_format: AudioFormat) -> None:
        """As `Model.start`; if the first model does not start, others may take its place."""
        self._agent, self._formats = agent, (input_format, output_format)
        self._audio = CallerAudio(self._bound, manual=agent.turn_detection.mode == "manual")
        connection = self._candidate
        assert connection is not None
        while True:
            try:
                await self.configure(connection)
            except Exception as exc:  # noqa: BLE001 - raised again, unless another model may do
                connection.close(self.timeouts.close)
                self._refusal = _with_note(self._refusal, exc)
                if not is_lost(exc) or connection.spec + 1 >= len(self.opens):
                    raise self._refusal from self._refusal.__cause__
                log.warning("the model %s did not start: %s: %s", self.name, type(exc).__name__, exc)
                connection = await self._open_one_of(range(connection.spec + 1, len(self.opens)))
            else:
                self._become_current(connection)
                return

    async def configure(self, connection: Connection, token: str | None = None) -> None:
        """Start a connection that has been opened, in the session's formats; ``token``: where another one was.

        Raises:
            trio.BrokenResourceError: it was refused, or did not start in time.
        """
        model = connection.model = adapted(connection.model, *self._formats)
        if token is not None:
            model.resume(token)
        with trio.move_on_after(self.timeouts.start) as starting:
            await model.start(self._agent_for(model), *self._formats)
        if starting.cancelled_caught:
            limit = self.timeouts.start
            raise trio.BrokenResourceError(f"the model {model.name!r} did not start within {limit} s (Timeouts.start)")

    def _agent_for(self, model: Model) -> Agent:
        """A model that greets by itself does so once in a call."""
        is_first = self.current is None and self.outage is None
        greets = "greeting" in model.capabilities and self._agent.greeting is not None
        return self._agent if is_first or not greets else self._agent.replace(greeting="")

    async def hand_over(self, connection: Connection, *, anew: bool) -> None:
        """Make a connection that was started the current one, after telling it what it has to know.

        Raises:
            trio.BrokenResourceError: it broke, or took too long.
        """
        with trio.move_on_after(2 * self.timeouts.start):
            if anew:
                await self.tell_history(connection)
            number = self._audio.beginning(anew=anew)
            while (kept := self._audio.frame(number)) is not None:
                await connection.model.append(kept[1])
                number = kept[0] + 1
            self.change_to(connection, anew=anew)  # in one step with having found nothing left to hear
        if self.current is not connection:
            raise trio.BrokenResourceError(f"the model {connection.model.name!r} did not take what went before in time")

    async def tell_history(self, connection: Connection) -> None:
        """Tell a connection of the conversation so far, if it can be told. Checkpoint: yes."""
        await trio.lowlevel.checkpoint()
        assert self.patron is not None
        if "history" in connection.model.capabilities and (history := self.patron.history()):
            connection.told = frozenset(item.call_id for item in history if isinstance(item, Returned))
            await connection.model.seed(history)

    def change_to(self, connection: Connection, *, anew: bool) -> None:
        """Make it the current one, now."""
        old = self.current
        self._become_current(connection)
        if old is not None:
            self.rollovers += 1
            self._let_go(old)
        assert self.patron is not None
        self.patron.connected(anew=anew)

    def _become_current(self, connection: Connection) -> None:
        self.current, self.outage = connection, None
        connection.since = trio.current_time()
        self._audio.take_all()
        self._describe(connection.model)
        self.changed.unpark_all()

    def _describe(self, model: Model) -> None:
        self.name: str = model.name
        self.capabilities: frozenset[Capability] = model.capabilities
        self.input_formats: tuple[AudioFormat, ...] = model.input_formats
        self.output_formats: tuple[AudioFormat, ...] = model.output_formats

    def _let_go(self, connection: Connection) -> None:
        connection.close(self.timeouts.close)
        connection.release()

    # ---- losing it

    def lose(self, connection: Connection, error: Exception, *, planned: bool = False) -> None:
        """There is no current connection any more."""
        self.current, self.outage = None, Outage(connection, trio.current_time(), error, planned)
        self.reconnects += not planned
        self.rollovers += planned
        self._let_go(connection)
        assert self.patron is not None
        self.patron.lost(error)
        self.changed.unpark_all()

    def give_up(self, outage: Outage, attempts: int, cause: Exception) -> None:
        """There will be no other connection."""
        error = ModelUnavailable(self.name, attempts, trio.current_time() - outage.began)
        error.__cause__ = cause
        self._failure = error
        self.changed.unpark_all()

    def _survives(self, connection: Connection, error: Exception) -> bool:
        """A connection is found to be broken: whether the session goes on without."""
        if connection is not self.current:
            return True
        expired = connection.expires_at - trio.current_time() <= self.reconnect.rollover
        if not self.mends or (isinstance(error, trio.EndOfChannel) and not expired):
            return False
        self.lose(connection, error)
        return True

    def _write_failed(self, connection: Connection, error: Exception, *, patience: float = GRACE) -> None:
        """Nobody can write to it: its reader will be told why, or it counts as lost."""
        if connection.write_error is None:
            connection.write_error = error
            connection.patience = trio.current_time() + patience
            if connection.receiving is not None:
                connection.receiving.deadline = connection.patience

    async def _wait_changed(self) -> None:
        """Wait until something has happened to the connections. Checkpoint: yes.

        Raises:
            trio.ClosedResourceError: the session has ended.
            ModelUnavailable: there is no other connection.
        """
        if self._failure is not None or self._resting:
            await trio.lowlevel.checkpoint()
            raise self._failure or trio.ClosedResourceError("the session has ended, and there was no connection with its model")
        await self.changed.park()

    # ---- model -> session

    async def receive(self) -> ModelEvent:
        """As `Model.receive`, from whichever connection there is."""
        while True:
            connection = self.current
            if connection is None:
                await self._wait_changed()
                continue
            with trio.CancelScope(deadline=connection.patience) as connection.receiving:
                try:
                    event = await connection.receive()
                except LOST as exc:
                    if not self._survives(connection, exc):
                        raise
                    continue
                self._note(connection, event)
                return event
            error = connection.write_error
            if error is not None and not self._survives(connection, error):
                raise error

    def _note(self, connection: Connection, event: ModelEvent) -> None:
        match event:
            case AudioDelta(item_id=item_id):
                connection.note_item(item_id)
                self._audio.answered()
            case InputSpeechStarted(item_id=item_id):
                self._audio.speech_started(item_id)
            case InputCommitted(item_id=item_id):
                self._audio.utterance_complete(item_id)
            case InputTranscript(item_id=item_id):
                self._audio.understood(item_id)
            case SessionExpiring(seconds=seconds):
                connection.expires_at = trio.current_time() + seconds
                self.changed.unpark_all()
            case _:
                pass

    # ---- session -> model

    @property
    def unheard_utterance(self) -> bool:
        """Whether the caller said something that nobody has answered, and of which the words are not known."""
        return self._audio.committed

    @property
    def dropped_ms(self) -> float:
        """The caller's audio that no model has heard, since there was none for too long."""
        return self._audio.dropped_ms

    def append_nowait(self, frame: Frame) -> None:
        """As `Model.append_nowait`; without a connection the frame is kept for the next one."""
        connection = self.current
        if connection is None or connection.write_error is not None:
            self._audio.keep(frame, taken=False)
            return
        try:
            connection.model.append_nowait(frame)
        except LOST as exc:
            self._append_failed(connection, exc, frame)
        else:
            self._audio.keep(frame, taken=True)

    async def append(self, frame: Frame) -> None:
        """As `Model.append`; without a connection the frame is kept for the next one."""
        await trio.lowlevel.checkpoint()
        connection = self.current
        if connection is not None and connection.write_error is None:
            taken = False
            try:
                with connection.used():
                    await connection.model.append(frame)
                    taken = True
            except LOST as exc:
                self._append_failed(connection, exc, frame)
                return
            self._audio.keep(frame, taken=taken)
        else:
            self._audio.keep(frame, taken=False)

    def _append_failed(self, connection: Connection, error: Exception, frame: Frame) -> None:
        if connection is self.current and not self.mends:
            raise error
        self._audio.keep(frame, taken=False)
        self._write_failed(connection, error)

    async def carry_out(self, command: Callable[[Connection], Awaitable[T]]) -> T:
        """As `Relay.carry_out`."""
        while True:
            connection = self.current
            if connection is None:
                await self._wait_changed()
                continue
            try:
                with connection.used():
                    return await command(connection)
            except LOST as exc:
                if connection is self.current and not self.mends:
                    raise
                self._write_failed(connection, exc)
            while self.current is connection:
                await self._wait_changed()

    def cancelling(self) -> Callable[[], Awaitable[None]]:
        """A command that stops the answer that is being made now; later, on another connection, it does nothing."""
        mine = self.current

        async def cancel(connection: Connection) -> None:
            if connection is mine:
                await connection.model.cancel()
            else:
                await trio.lowlevel.checkpoint()

        return lambda: self.carry_out(cancel)

    async def cancel(self) -> None:
        """As `Model.cancel`."""
        await self.cancelling()()

    async def truncate(self, item_id: str, heard: int) -> None:
        """As `Model.truncate`; items of connections that are no more are left alone."""

        async def truncate(connection: Connection) -> None:
            if connection.has_item(item_id):
                await connection.model.truncate(item_id, heard)
            else:
                await trio.lowlevel.checkpoint()

        await self.carry_out(truncate)

    async def update(self, agent: Agent) -> None:
        """As `Model.update`; connections to come are this agent too."""
        await self.carry_out(lambda connection: connection.model.update(agent))
        self._agent = agent


def _with_note(first: Exception | None, error: Exception) -> Exception:
    """The error that counts: the first model's, with a note of what others failed with."""
    if first is None:
        return error
    first.add_note(f"another model that was to take its place failed too: {type(error).__name__}: {error}")
    return first


@asynccontextmanager
async def open_link(link: Link) -> AsyncGenerator[Link, None]:
    """The link, its first connection open; whatever becomes of its connections, they have closed when the block has ended."""
    async with link.block.around(link._live, link.close):
        await link.open()
        yield link
