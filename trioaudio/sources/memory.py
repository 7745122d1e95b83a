"""Two ends in one process: what one says, the other hears; for tests, benches and programs that join channels."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Literal, TypeAlias

import trio

from .._errors import PluginError
from .._events import Event
from ..abc import Direction, FarEnd, Invitation, Listener, Paced, Source, SourceCapability, listener_plugin, source_plugin
from ..audio import PCM16_24K, AudioFormat, Frame

Outcome: TypeAlias = Literal["ringing", "answered", "rejected", "redirected"]
"""What has become of a call from a memory far end, as its far party sees it."""


class MemorySource(Source):
    """The end that a channel is opened with; made by `memory_pair`. Its far end plays what it is given as it comes."""

    def __init__(self, format: AudioFormat, other: MemoryFarEnd, lead: float) -> None:
        self.input_format: AudioFormat = format
        self.output_format: AudioFormat = format
        self.far_end: FarEnd = Paced(lead=lead, can_clear=True)
        self.capabilities: frozenset[SourceCapability] = frozenset({"transfer", "digits"})
        self._other = other
        self._gone = False

    async def receive(self) -> Frame | Event:
        try:
            return await self._other._said_receive.receive()
        except trio.EndOfChannel:
            self._gone = True
            raise

    def send_nowait(self, frame: Frame) -> None:
        try:
            self._other._heard_send.send_nowait(frame)
        except trio.BrokenResourceError:
            if self._gone:  # else the hang-up has not been received yet: it should be known as one, not as a failed write
                raise

    async def send(self, frame: Frame) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        self.send_nowait(frame)
        await trio.lowlevel.cancel_shielded_checkpoint()

    async def clear(self) -> None:
        self._other._clear()
        await trio.lowlevel.checkpoint()

    async def hang_up(self) -> None:
        self._other._heard_send.close()
        await trio.lowlevel.checkpoint()

    async def transfer(self, target: str) -> None:
        await trio.lowlevel.checkpoint()
        self._other.transferred_to = target

    async def send_digits(self, digits: str) -> None:
        await trio.lowlevel.checkpoint()
        self._other.digits += digits


class MemoryFarEnd:
    """The other end: the far party's. Says frames and events, hears frames as they are handed over.

    Iterating it gives what it hears, until the channel says goodbye.
    """

    def __init__(self) -> None:
        self._said_send, self._said_receive = trio.open_memory_channel[Frame | Event](math.inf)
        self._heard_send, self._heard_receive = trio.open_memory_channel[Frame](math.inf)
        self.clears: int = 0
        """How often it was told to forget what it had not played; what it had not taken yet is gone then."""
        self.transferred_to: str | None = None
        """To whom it was handed over."""
        self.digits: str = ""
        """The keys that were pressed for it to hear."""
        self.outcome: Outcome = "answered"
        """Whether its call has been answered; ``answered`` from the beginning unless it was dialled."""
        self.told: str | None = None
        """Why it was rejected, or where it was redirected to."""
        self._gone = False
        self._decided = trio.Event()
        self._decided.set()

    async def wait_decided(self) -> Outcome:
        """Wait until its call is answered, rejected or redirected; return which. Checkpoint: yes."""
        await self._decided.wait()
        return self.outcome

    def say(self, item: Frame | Event) -> None:
        """Say a frame of audio, or an event; the channel's bounds apply, not mine.

        Raises:
            trio.ClosedResourceError: it hung up.
        """
        self._said_send.send_nowait(item)

    def hang_up(self) -> None:
        """Put the receiver down."""
        self._gone = True
        self._said_send.close()
        self._heard_receive.close()

    async def hear(self) -> Frame:
        """The next frame. Checkpoint: yes. On cancel: nothing is lost.

        Raises:
            trio.EndOfChannel: the channel said goodbye.
        """
        return await self._heard_receive.receive()

    def hear_nowait(self) -> Frame:
        """The next frame, if there is one.

        Raises:
            trio.WouldBlock: there is none.
            trio.EndOfChannel: the channel said goodbye.
        """
        return self._heard_receive.receive_nowait()

    def __aiter__(self) -> MemoryFarEnd:
        return self

    async def __anext__(self) -> Frame:
        try:
            return await self.hear()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None

    def _decide(self, outcome: Outcome, told: str | None = None) -> None:
        self.outcome, self.told = outcome, told
        self._decided.set()

    def _clear(self) -> None:
        self.clears += 1
        try:
            while True:
                self._heard_receive.receive_nowait()
        except (trio.WouldBlock, trio.ClosedResourceError):
            pass


def memory_pair(format: AudioFormat = PCM16_24K, *, lead: float = 0.04) -> tuple[MemorySource, MemoryFarEnd]:
    """A source, and the far end it is connected with.

    Args:
        format: of the audio, both ways.
        lead: how far ahead of real time the far end is fed, in seconds.
    """
    far_end = MemoryFarEnd()
    return MemorySource(format, far_end, lead), far_end


_meeting: trio.lowlevel.RunVar[dict[str, MemoryFarEnd]] = trio.lowlevel.RunVar("trioaudio_memory_far_ends")


def _far_ends() -> dict[str, MemoryFarEnd]:
    try:
        return _meeting.get()
    except LookupError:
        far_ends: dict[str, MemoryFarEnd] = {}
        _meeting.set(far_ends)
        return far_ends


def memory_far_end(name: str) -> MemoryFarEnd:
    """The far end of the channel that was opened as ``memory:NAME`` in this run.

    Raises:
        PluginError: no such channel is open.
    """
    try:
        return _far_ends()[name]
    except KeyError:
        raise PluginError(f"no channel is open as 'memory:{name}'; open are {sorted(_far_ends()) or 'none'}") from None


@source_plugin("memory", virtual=True, embedded=True)
@asynccontextmanager
async def open_memory(name: str = "memory", *, format: AudioFormat = PCM16_24K, lead: float = 0.04) -> AsyncGenerator[MemorySource]:
    """A far end in this very process: the program takes it with `memory_far_end`.

    Args:
        name: under which the far end is found.
        format: of the audio, both ways.
        lead: how far ahead of real time the far end is fed, in seconds.
    """
    source, far_end = memory_pair(format, lead=lead)
    if name in _far_ends():
        raise PluginError(f"a channel is open as 'memory:{name}' already; give this one another name")
    _far_ends()[name] = far_end
    try:
        yield source
    finally:
        del _far_ends()[name]


class _Dialled(Invitation):
    """A call from a memory far end."""

    def __init__(self, far_end: MemoryFarEnd, source: Source) -> None:
        self._far_end, self._source = far_end, source

    @asynccontextmanager
    async def answer(self) -> AsyncGenerator[Source]:
        await trio.lowlevel.checkpoint()
        if self._far_end._gone:
            raise trio.EndOfChannel
        self._far_end._decide("answered")
        yield self._source

    async def reject(self, reason: str) -> None:
        await trio.lowlevel.checkpoint()
        self._over("rejected", reason)

    async def redirect(self, target: str) -> None:
        await trio.lowlevel.checkpoint()
        self._over("redirected", target)

    def _over(self, outcome: Outcome, told: str) -> None:
        self._far_end._decide(outcome, told)
        self._far_end._heard_send.close()


class MemoryExchange(Listener):
    """A listener whose callers are in this very process; made by `memory_exchange`, or opened as ``memory:NAME``."""

    def __init__(self, name: str = "memory", format: AudioFormat = PCM16_24K, lead: float = 0.04) -> None:
        self.name: str = name
        self._format, self._lead = format, lead
        self._dialled_send, self._dialled_receive = trio.open_memory_channel[Invitation](math.inf)

    async def receive(self) -> Invitation:
        return await self._dialled_receive.receive()

    def dial(
        self,
        caller: str | None = None,
        called: str | None = None,
        *,
        parameters: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        account: str | None = None,
        direction: Direction = "inbound",
    ) -> MemoryFarEnd:
        """Call; return the far party's end, which rings until it is answered, rejected or redirected.

        Arguments as `Invitation` has them.

        Raises:
            trio.ClosedResourceError: nobody calls here any more.
        """
        source, far_end = memory_pair(self._format, lead=self._lead)
        far_end.outcome, far_end._decided = "ringing", trio.Event()
        call = _Dialled(far_end, source)
        call.caller, call.called, call.account, call.direction = caller, called, account, direction
        call.parameters, call.headers = dict(parameters or {}), {key.lower(): value for key, value in (headers or {}).items()}
        self._dialled_send.send_nowait(call)
        return far_end

    def close(self) -> None:
        """Let it end, after the calls that have been dialled already; closing again is harmless."""
        self._dialled_send.close()


def memory_exchange(format: AudioFormat = PCM16_24K, *, lead: float = 0.04) -> MemoryExchange:
    """A listener, to be given to `open_server`, whose calls are dialled by `MemoryExchange.dial`; arguments as for `memory_pair`."""
    return MemoryExchange("memory", format, lead)


_exchanges: trio.lowlevel.RunVar[dict[str, MemoryExchange]] = trio.lowlevel.RunVar("trioaudio_memory_exchanges")


def _open_exchanges() -> dict[str, MemoryExchange]:
    try:
        return _exchanges.get()
    except LookupError:
        exchanges: dict[str, MemoryExchange] = {}
        _exchanges.set(exchanges)
        return exchanges


def memory_exchange_of(name: str) -> MemoryExchange:
    """The exchange that was opened as ``memory:NAME`` in this run.

    Raises:
        PluginError: no such listener is open.
    """
    try:
        return _open_exchanges()[name]
    except KeyError:
        raise PluginError(f"no listener is open as 'memory:{name}'; open are {sorted(_open_exchanges()) or 'none'}") from None


@listener_plugin("memory", virtual=True, embedded=True)
@asynccontextmanager
async def open_memory_exchange(
    name: str = "memory", *, format: AudioFormat = PCM16_24K, lead: float = 0.04
) -> AsyncGenerator[MemoryExchange]:
    """Callers in this very process: the program dials with what `memory_exchange_of` returns.

    Args:
        name: under which the exchange is found.
        format: of the audio, both ways.
        lead: how far ahead of real time the far ends are fed, in seconds.
    """
    if name in _open_exchanges():
        raise PluginError(f"a listener is open as 'memory:{name}' already; give this one another name")
    exchange = _open_exchanges()[name] = MemoryExchange(name, format, lead)
    try:
        yield exchange
    finally:
        del _open_exchanges()[name]
        exchange.close()
