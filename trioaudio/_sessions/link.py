"""The link between a session and its model: connections come and go, and the call goes on.

Theory of operation. For the session a `Link` is its model. Audio, commands and `receive` go to the *current* connection. When that
breaks there is none for a while: the caller's audio is kept (`CallerAudio`), commands wait, and a `Mender` makes another one.
It becomes the current one in one synchronous step, when it has been told what went before and has heard what was kept. So each
frame is taken by one connection, and no command is carried out by two. Each connection is opened and closed in a task of its own.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

import trio

from .._agent import Agent
from .._block import Block
from .._errors import ModelUnavailable
from .._history import HistoryItem
from .._limits import Limits, Timeouts
from .._model_events import ModelEvent, SessionExpiring
from .._reconnect import Reconnect
from ..abc import Capability, Model
from ..audio import AudioFormat, Frame
from .caller_audio import CallerAudio
from .connection import LOST, Connection, Open
from .connections import Connections
from .outage import Outage, Patron
from .relay import Relay, T
from .starter import Starter


class Link(Relay):
    """A model that survives its connections.

    Args:
        opens: what opens a connection with the first model, and with those that may take its place.
        reconnect: how it is mended.
        limits, timeouts: `Limits.gap_audio`, `Timeouts.start` and `Timeouts.close` count here.
        again: whether a connection can be opened again; if not, its end is the end.
    """

    def __init__(self, opens: Sequence[Open], reconnect: Reconnect, limits: Limits, timeouts: Timeouts, *, again: bool) -> None:
        self.connections: Connections = Connections(opens, timeouts.close, self._is_over)
        self.starter: Starter = Starter(self.connections, timeouts)
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
        self._candidate: Connection | None = None
        self._failure: Exception | None = None
        self._resting = False

    # ---- its life

    async def open(self) -> None:
        """Open the first connection, with whichever model can be reached; errors come out bare. Checkpoint: yes."""
        self._candidate = await self.starter.open()
        self._describe(self._candidate.model)

    async def start(self, agent: Agent, input_format: AudioFormat, output_format: AudioFormat) -> None:
        """As `Model.start`; if the first model does not start, others may take its place."""
        self._audio = CallerAudio(self._bound, manual=agent.turn_detection.mode == "manual")
        assert self._candidate is not None
        self._become_current(await self.starter.start(self._candidate, agent, input_format, output_format))

    def close(self) -> None:
        """Let every connection close; a cancellation from outside reaches them from now on."""
        self.rest()
        self.connections.close()

    def rest(self) -> None:
        """Mend nothing any more; whoever waits for a connection is told that there will be none."""
        self._resting = True
        self.connections.rest()
        self.changed.unpark_all()

    @property
    def mends(self) -> bool:
        """Whether another connection is made when one is lost."""
        return self._again and self.reconnect.attempts > 0 and not self._resting and self._failure is None

    def _is_over(self, connection: Connection) -> None:
        """A connection has closed, as it was told to or by itself."""
        if (mistake := connection.mistake) is not None:
            self.fail(mistake)
        if connection is self.current:
            connection.write_failed(connection.error or trio.BrokenResourceError("the model's block has ended"), within=0)

    def fail(self, error: Exception) -> None:
        """A plugin's mistake: it leaves the block."""
        if self._failure is None:  # the mistake leaves the block once; the session is told only that it has no model
            self._failure = trio.BrokenResourceError(f"the model's plugin failed: {type(error).__name__}")
        self.changed.unpark_all()
        self.block.fail(error)

    # ---- changing it

    async def hand_over(self, connection: Connection, *, anew: bool) -> None:
        """Make a connection that was started the current one, after telling it what it has to know.

        Raises:
            trio.BrokenResourceError: it broke, or took too long.
        """
        assert self.patron is not None
        with trio.move_on_after(2 * self.timeouts.start):
            if anew:
                await connection.tell(self.patron.history)
            number = self._audio.beginning
            while (kept := self._audio.frame(number)) is not None:
                await connection.model.append(kept[1])
                number = kept[0] + 1
            self.change_to(connection, anew=anew)  # in one step with having found nothing left to hear
        if self.current is not connection:
            raise trio.BrokenResourceError(f"the model {connection.model.name!r} did not take what went before in time")

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
        connection.note(event)
        self._audio.observe(event)
        if isinstance(event, SessionExpiring):
            self.changed.unpark_all()

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
        connection, taken = self.current, False
        if connection is not None and connection.write_error is None:
            try:
                with connection.used():
                    await connection.model.append(frame)
                    taken = True
            except LOST as exc:
                self._append_failed(connection, exc, frame)
                return
        self._audio.keep(frame, taken=taken)

    def _append_failed(self, connection: Connection, error: Exception, frame: Frame) -> None:
        if connection is self.current and not self.mends:
            raise error
        self._audio.keep(frame, taken=False)
        connection.write_failed(error)

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
                connection.write_failed(exc)
            while self.current is connection:
                await self._wait_changed()

    async def create_item(self, item: HistoryItem) -> None:
        """As `Model.create_item`; connections to come are told of it too."""

        async def create(connection: Connection) -> None:
            await connection.model.create_item(item)
            assert self.patron is not None
            self.patron.created(item)  # in one step with the model's having taken it: the next connection is told, or asked

        await self.carry_out(create)

    async def update(self, agent: Agent) -> None:
        """As `Model.update`; connections to come are this agent too."""
        await self.carry_out(lambda connection: connection.model.update(agent))
        self.starter.agent = agent


@asynccontextmanager
async def open_link(link: Link) -> AsyncGenerator[Link, None]:
    """The link, its first connection open; whatever becomes of its connections, they have closed when the block has ended."""
    async with link.block.around(partial(link.connections.live, link.mend), link.close):
        await link.open()
        yield link
