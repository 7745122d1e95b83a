"""A channel: one live two-way audio connection with a far party, and the one nursery in which all its tasks live."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING

import trio

from ._block import Block
from ._call_log import log_closed, log_opened
from ._dispatch import Dispatcher
from ._emitter import Emitter, Listeners
from ._errors import SubscriberLagged
from ._events import CHANNEL_EVENTS, KEYS, Closed, Event, Fault, Hangup
from ._hearing import Hearing
from ._inbox import InboundAudio
from ._instruments import Instrument, Instruments
from ._limits import Limits, Timeouts
from ._outbound.pause import Pause
from ._outbound.playback import Playback
from ._outbound.playout import Playout
from ._outbound.settlement import Interruption, Settlement
from ._outbound.turn import Turn, as_frame
from ._plugins import open_source
from ._receipts import ChannelStatistics, CloseReason
from ._recording import Recording
from .abc import Played, Source
from .audio import AudioFormat, Frame

if TYPE_CHECKING:
    from ._outbound.turn import AudioInput
    from .audio._mix import Loop


class Channel(Emitter):
    """One live two-way audio connection; made by `open_channel` or `start_channel`, never directly."""

    def __init__(
        self, source: Source, limits: Limits, timeouts: Timeouts, instruments: Sequence[Instrument], record: str | PathLike[str] | None
    ) -> None:
        self._source, self._limits, self._timeouts = source, limits, timeouts
        self._dispatch = Dispatcher(CHANNEL_EVENTS, limits, self._listener_failed)
        self.recording: Recording | None = self._new_recording(record) if record is not None else None
        """What writes this call to a file, if it was opened with ``record``."""
        recording = [self.recording] if self.recording is not None else []
        self._instruments = Instruments([*recording, *instruments], self._instrument_failed)
        self._hearing = Hearing(source, limits, self._dispatch, self._instruments)
        self._playout = Playout(source, limits, timeouts, self._dispatch.emit, self._instruments)
        self._playback = Playback(source, self._playout)
        self._block = Block("the channel")
        self._service = trio.CancelScope(shield=True)  # the body ends first, its servants after it
        self._listening = trio.CancelScope()
        self._closing, self._spoken, self._done = trio.Event(), trio.Event(), trio.Event()
        self._reason: CloseReason | None = None
        self._control_events = 0
        self._transferred = False
        self._call: object = None  # the call that it belongs to, where one is served
        self._on_coupled: Callable[[object], None] = lambda session: None  # whoever serves the call wants to know its sessions

    # ---- the caller's audio

    @property
    def input_format(self) -> AudioFormat:
        """The format of the far party's audio, as it is read here."""
        return self._source.input_format

    @property
    def output_format(self) -> AudioFormat:
        """The format the far party is sent; what ``bytes``, ``str`` and ``ndarray`` mean in `send_audio`."""
        return self._source.output_format

    def __aiter__(self) -> InboundAudio:
        """The far party's audio; one reader only, to whom the last 500 ms before it began are given too.

        Raises:
            trio.BusyResourceError: there is a reader already; the message names it.
        """
        return self._hearing.iterate()

    @property
    def muted(self) -> bool:
        """Whether the far party's audio is replaced by silence."""
        return self._hearing.muted

    def mute(self, muted: bool = True) -> None:
        """Replace the far party's audio by silence from now on, for the reader, the listeners and the recording alike."""
        self._hearing.mute(muted)

    def unmute(self) -> None:
        """Let the far party's audio through again."""
        self.mute(False)

    # ---- the agent's audio

    def turn(self, item_id: str | None = None, *, format: AudioFormat | None = None) -> Turn:
        """Begin a turn: one utterance to be played out. There is one mouth: the turn before it ends (it still plays out).

        Args:
            item_id: the model's name for it; comes back in events and receipts.
            format: of the audio it will be given; the channel's output format unless told otherwise. It is converted
                when it is handed over, and the turn's ledger counts samples of this format.

        Raises:
            trio.ClosedResourceError: the channel is closed.
            trio.BrokenResourceError: the far party hung up, or its connection broke.
            FormatError: no conversion exists.
        """
        return self._playout.turn(item_id, format)

    async def send_audio(self, audio: AudioInput) -> None:
        """Say audio without opening a turn: it belongs to an implicit one, which ends when it has been dry for 500 ms.

        Arguments, errors, checkpoint and cancellation as for `Turn.send`. After an interruption a new implicit turn begins: stale and
        fresh audio cannot be told apart without an id, so a producer that must know opens a turn.
        """
        frame = as_frame(audio, self.output_format)
        if frame.num_samples:
            await self._playout.implicit_turn().send(frame)
        else:
            await trio.lowlevel.checkpoint()

    def send_audio_nowait(self, audio: AudioInput) -> None:
        """As `send_audio`, for those who cannot wait.

        Raises:
            trio.WouldBlock: `Limits.outbound` is reached.
        """
        frame = as_frame(audio, self.output_format)
        if not self._playout.has_room():
            raise trio.WouldBlock
        if frame.num_samples:
            self._playout.implicit_turn().send_nowait(frame)

    @property
    def current_turn(self) -> Turn | None:
        """The turn that is being heard, or will be heard next; None while nothing is being said."""
        return self._playout.current_turn()

    def interrupt(self) -> Interruption:
        """Stop speaking, now.

        When it returns, nothing more of any interrupted turn is handed to the far party; producers that wait in ``send``
        wake with `TurnInterruptedError`, and ``with`` blocks of turns end. The far end is made to forget what it has not
        played; the final figure follows as `TurnInterrupted` and as ``await interruption.settled()``. Works the same long
        after generation has finished. Falsy when nothing was unheard, so a repeat is.
        """
        return self._playout.interrupt()

    def pause(self, *, resume_after: float) -> Pause:
        """Stop speaking, now, but so that it can be taken back.

        When it returns, nothing more is handed over, as after `interrupt`, but turns live on: they accept audio, and nobody is
        woken. `Pause.reject` lets them go on from the sample the ear is at, `Pause.confirm` (or `interrupt`, `close`, a hang-up)
        ends them as an interruption. While paused already, it returns the same pause. Told of as `TurnPaused` and `TurnResumed`.

        Args:
            resume_after: seconds until it goes on by itself; ``inf`` for never.

        Raises:
            ValueError: ``resume_after`` is negative.
        """
        if not resume_after >= 0:
            raise ValueError(f"resume_after={resume_after} s is negative; give the seconds after which it goes on by itself, or inf")
        return self._playout.pause(resume_after)

    async def background(self, sound: str | PathLike[str] | Frame | None, *, gain: float = 0.0) -> None:
        """Let something sound under the agent, and while it is silent: the noise of an office, say. It begins anew when it is over.

        No interruption stops it, ledgers do not count it, and recordings have it, since it is heard. What the agent begins to say into
        the silence is heard up to 40 ms later than without.

        Args:
            sound: an audio file, or a frame in the output format; None: no more.
            gain: in dB: 0 leaves it as it is, -20 makes it a tenth.

        Checkpoint: yes. On cancel: nothing changes.

        Raises:
            CapabilityError: the far end buffers (`Buffering`): it is fed ahead, and silence in it cannot be filled in time.
            AudioFileError, MissingExtraError: the file cannot be read.
            FormatError: the frame is not in the output format.
        """
        self._playout.check_background()
        read = partial(_looped, sound, self.output_format, gain)
        loop = read() if time_is_virtual() or sound is None else await trio.to_thread.run_sync(read)
        await trio.lowlevel.checkpoint()
        self._playout.set_background(loop)

    async def wait_played(self) -> None:
        """Wait until all audio accepted before this call has been heard or lost.

        Ends on an interruption, a hang-up and a close too, and never waits for a turn to end. Checkpoint: yes.
        """
        await self._playout.wait_played(self._playout.live_turns())

    async def wait_heard(self) -> None:
        """As `wait_played`, and wait for the far end's own word that it has been heard, if it is one that reports.

        A far end may be further behind than anybody here can reckon. One that never reports is waited for without an end: set a deadline.
        Checkpoint: yes.
        """
        await self.wait_played()
        await self._playout.wait_acknowledged()

    # ---- the far party

    async def transfer(self, target: str) -> None:
        """Hand the far party over to ``target``, if the source can; close the channel afterwards, as `Session.transfer` does.

        Checkpoint: yes. On cancel: they may have been handed over.

        Raises:
            CapabilityError: the source cannot.
            ValueError: the far end does not know such a target.
            trio.ClosedResourceError: the channel is closed.
            trio.BrokenResourceError: the far party is gone.
        """
        self._check_open()
        await self._source.transfer(target)
        self._transferred = True

    async def send_digits(self, digits: str) -> None:
        """Press keys for the far end to hear: ``0`` to ``9``, ``*``, ``#``, ``A`` to ``D``, if the source can.

        Checkpoint: yes. On cancel: some may have been pressed. Errors as for `transfer`; ValueError for what is no key.
        """
        self._check_open()
        if wrong := set(digits) - KEYS:
            raise ValueError(f"a telephone has no key {', '.join(sorted(map(repr, wrong)))}; it has 0 to 9, *, # and A to D")
        await self._source.send_digits(digits)

    def _check_open(self) -> None:
        if self._reason is not None:
            raise _closed_error(self._reason)

    # ---- the end

    def close(self) -> None:
        """Shut the door now: nothing more is accepted, what is unheard is lost, and the goodbye begins.

        Plain ``def``: the goodbye is said by the channel's own tasks. Does not cancel the body of the block. Closing twice is
        the same as once.
        """
        self._close(CloseReason("closed"))

    async def aclose(self) -> None:
        """`close`, and wait until all of it is done; at most `Timeouts.close`. Checkpoint: yes."""
        self.close()
        await self.wait_closed()

    async def hang_up(self) -> CloseReason:
        """Play out what was accepted, until it has been heard; say goodbye and close: the orderly end.

        What has not been heard, or is not known to have been, within `Timeouts.hang_up` is lost. Checkpoint: yes.
        """
        self._playout.go_on()
        for turn in self._playout.live_turns():
            turn.end()
        with trio.move_on_after(self._timeouts.hang_up):
            await self.wait_heard()
        self.close()
        return await self.wait_closed()

    async def wait_closed(self) -> CloseReason:
        """Wait until the channel has closed and all its tasks but listeners have ended; return why. Checkpoint: yes."""
        await self._done.wait()
        assert self._reason is not None
        return self._reason

    def statistics(self) -> ChannelStatistics:
        """Counters, as of now."""
        outbound = self._playout.counters().as_statistics()
        return replace(
            outbound,
            received_ms=self._hearing.received * 1000,
            inbound_dropped_ms=self._hearing.lost * 1000,
            control_events=self._control_events,
            lagged_events=self._dispatch.lagged,
        )

    # ---- inside

    def _close(self, reason: CloseReason) -> None:
        if self._reason is not None:
            return
        self._reason = reason
        deadline = trio.current_time() + self._timeouts.close
        self._service.deadline = deadline
        self._playback.finish(deadline)
        gone = reason.kind in ("hangup", "broken")
        self._playout.close(partial(_closed_error, reason), far_end_gone=gone)
        self._hearing.close(partial(_closed_error, reason) if reason.kind == "broken" else None)
        self._closing.set()

    def _fail(self, error: Exception) -> None:
        """Something that must not be lost: it leaves the block, and ends it."""
        self._block.fail(error)
        self._close(CloseReason("failed", error))

    def _listener_failed(self, error: Exception, title: str) -> None:
        if isinstance(error, SubscriberLagged):
            self.emit(Fault(error, f"the {title} was too slow and has been removed"))
        else:
            error.add_note(f"raised in the {title}")
            self._fail(error)

    def _instrument_failed(self, error: Exception, instrument: Instrument) -> None:
        self.emit(Fault(error, f"the instrument {instrument!r} failed and has been removed"))

    def _new_recording(self, path: str | PathLike[str]) -> Recording:
        return Recording(
            path,
            input_format=self._source.input_format,
            output_format=self._source.output_format,
            started_at=trio.current_time(),
            on_stopped=lambda error: self.emit(
                Fault(error, f"the recording {self.recording.path if self.recording else path} has stopped")
            ),
            inline=time_is_virtual(),  # a virtual clock does not wait for threads
        )

    async def _live(self, task_status: trio.TaskStatus[None]) -> None:
        """The whole life of the channel; ends within `Timeouts.close` of `close`, whatever the peer does."""
        log_opened(self._source, self.input_format, self.output_format)
        with self._service:
            async with trio.open_nursery() as nursery:
                self._playout.settle_later = lambda settlement: nursery.start_soon(self._settle_later, settlement)
                self._dispatch.start(partial(_start_listener, nursery))
                nursery.start_soon(self._listen)
                nursery.start_soon(self._speak)
                if self.recording is not None:
                    nursery.start_soon(self.recording.run)
                task_status.started()
                await self._closing.wait()
                await self._say_goodbye()
                self._playout.settle_all()
                if self.recording is not None:
                    await self.recording.finish(trio.current_time())
                self._finish()
        self._finish()

    async def _say_goodbye(self) -> None:
        await self._spoken.wait()
        if not self._playout.far_end_gone:
            await self._playout.wait_settled()
            await self._served(self._source.hang_up)  # it may be gone already: then there is nobody to greet

    def _finish(self) -> None:
        """The last words: settle, tell, and let those who listen end. Listeners may still work on what they have."""
        if self._done.is_set():
            return
        self._listening.cancel("closed")
        self._playout.settle_all()
        if self.recording is not None:
            self.recording.finish_now(trio.current_time())  # else finished already: the close timeout has passed
        assert self._reason is not None
        closed = Closed(self._reason, self.statistics())
        log_closed(closed.reason, closed.statistics)
        self._dispatch.emit(closed)
        self._dispatch.close()
        self._done.set()

    async def _settle_later(self, settlement: Settlement) -> None:
        with trio.move_on_after(self._timeouts.settle):
            await settlement.done.wait()
        self._playout.settle_now(settlement)

    async def _speak(self) -> None:
        try:
            await self._served(self._playback.run)
        finally:
            self._playout.settle_unflushed()
            self._spoken.set()

    async def _listen(self) -> None:
        with self._listening:
            await self._served(self._take_all)

    async def _served(self, serve: Callable[[], Awaitable[None]]) -> None:
        """Run a servant: what the world does to it closes the channel, what a plugin does wrong is loud."""
        try:
            await serve()
        except trio.EndOfChannel:
            self._far_end_left(CloseReason("hangup"))
        except (trio.BrokenResourceError, trio.ClosedResourceError, OSError) as exc:
            self._far_end_left(CloseReason("broken", exc))
        except Exception as exc:  # noqa: BLE001 - a plugin's bug: kept, and leaves the block (law 9)
            self._fail(exc)

    def _far_end_left(self, reason: CloseReason) -> None:
        if self._reason is None:
            self._close(reason)
            self.emit(Hangup(reason.error))

    async def _take_all(self) -> None:
        while True:
            item = await self._source.receive()
            if isinstance(item, Frame):
                self._hearing.take(item)
            elif isinstance(item, Played):
                self._playout.report(item)
            else:
                self._take_event(item)

    def _take_event(self, event: Event) -> None:
        self._control_events += 1
        self._dispatch.emit(event)

    def __repr__(self) -> str:
        return f"<Channel {type(self._source).__name__} {'open' if self._reason is None else self._reason}>"


def _looped(sound: str | PathLike[str] | Frame | None, format: AudioFormat, gain: float) -> Loop | None:
    if sound is None:
        return None
    from ._audiofiles import read_audio
    from .audio._mix import Loop

    frame = sound if isinstance(sound, Frame) else read_audio(sound, format)
    return Loop(as_frame(frame, format), gain)


def time_is_virtual() -> bool:
    """Whoever has a virtual clock has imported what makes it; importing it here would import pytest too, where there is one."""
    testing = sys.modules.get("trio.testing")
    return testing is not None and isinstance(trio.lowlevel.current_clock(), testing.MockClock)


def _closed_error(reason: CloseReason) -> Exception:
    if reason.kind == "hangup":
        return trio.BrokenResourceError("the far party hung up")
    if reason.kind == "broken":
        error = trio.BrokenResourceError(f"the connection with the far party broke: {reason.error}")
        error.__cause__ = reason.error
        return error
    return trio.ClosedResourceError("this channel is closed")


def _start_listener(nursery: trio.Nursery, run: Callable[[], Awaitable[None]], title: str) -> None:
    nursery.start_soon(run, name=title)


def _opened(source: Source | str) -> AbstractAsyncContextManager[Source]:
    return open_source(source) if isinstance(source, str) else _already(source)


@asynccontextmanager
async def _already(source: Source) -> AsyncGenerator[Source, None]:
    yield source


@asynccontextmanager
async def open_channel(
    source: Source | str,
    *,
    on: Listeners | None = None,
    record: str | PathLike[str] | None = None,
    instruments: Sequence[Instrument] = (),
    limits: Limits | None = None,
    timeouts: Timeouts | None = None,
) -> AsyncGenerator[Channel, None]:
    """Open a channel with a far party; being inside the block is being connected.

    Args:
        source: a `Source`, or the spec of one by name: ``"wavfile:caller.wav"``.
        on: listeners to add before the first event can happen.
        record: a WAV file to write the call to: caller left, agent as heard right; see `Channel.recording`.
        instruments: who else watches the audio (a timeline, a meter).
        limits, timeouts: every bound and deadline; the defaults suit a telephone.

    Leaving the block closes the channel and ends all its tasks within `Timeouts.close`, whatever the peer does.

    Raises:
        ExceptionGroup: a listener or the plugin raised (then with the body's own error, if any). An error of the body
            alone comes out bare. A far party that hangs up or breaks raises nothing here: the next call does, or
            `Channel.wait_closed` says so.
        PluginError, OptionError: the spec cannot be opened.
        AudioFileError: the recording cannot be written.
    """
    async with _opened(source) as opened:
        channel = Channel(opened, limits or Limits(), timeouts or Timeouts(), instruments, record)
        async with living(channel, on):
            yield channel


@asynccontextmanager
async def living(channel: Channel, on: Listeners | None) -> AsyncGenerator[None, None]:
    """Let a channel live for as long as the block lasts; ``on`` is added first."""
    for event, listener in (on or {}).items():
        channel._dispatch.add(event, listener)
    async with channel._block.around(channel._live, channel.close):
        yield


async def start_channel(
    nursery: trio.Nursery,
    source: Source | str,
    *,
    on: Listeners | None = None,
    record: str | PathLike[str] | None = None,
    instruments: Sequence[Instrument] = (),
    limits: Limits | None = None,
    timeouts: Timeouts | None = None,
) -> Channel:
    """Open a channel whose life is the nursery's instead of a block's; it ends with `Channel.close` or with the nursery.

    Arguments as for `open_channel`. What cannot be opened raises here, as there; what would leave the block later, leaves
    through ``nursery``.

    Checkpoint: yes. On cancel: nothing is left open.
    """
    opening = partial(open_channel, source, on=on, record=record, instruments=instruments, limits=limits, timeouts=timeouts)
    channel: Channel = await nursery.start(_live_in, opening, name="trioaudio channel")
    await trio.lowlevel.checkpoint_if_cancelled()  # rather than a channel that its nursery's cancellation has closed already
    return channel


async def _live_in(opening: Callable[[], AbstractAsyncContextManager[Channel]], task_status: trio.TaskStatus[Channel]) -> None:
    async with opening() as channel:
        task_status.started(channel)
        await channel.wait_closed()
