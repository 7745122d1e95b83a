"""A channel: one live two-way audio connection with a far party."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING

import trio

from ._channel_life import Life, closed_error
from ._dispatch import Dispatcher
from ._emitter import Emitter
from ._errors import SubscriberLagged
from ._events import CHANNEL_EVENTS, KEYS, Fault
from ._hearing import Hearing
from ._inbox import InboundAudio
from ._instruments import Instrument, Instruments
from ._limits import Limits, Timeouts
from ._outbound.pause import Pause
from ._outbound.playout import Playout
from ._outbound.settlement import Interruption
from ._outbound.turn import Turn, as_frame
from ._receipts import ChannelStatistics, CloseReason
from ._recording import Recording
from ._virtual_time import time_is_virtual
from .abc import Source
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
        self._dispatch.show(source, CHANNEL_EVENTS)
        self._life = Life(source, timeouts, self._dispatch, self._hearing, self._playout, self.recording)
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

    def turn(self, item_id: str | None = None, *, format: AudioFormat | None = None, live: bool = False) -> Turn:
        """Begin a turn: one utterance to be played out. There is one mouth: the turn before it ends (it still plays out).

        Args:
            item_id: the model's name for it; comes back in events and receipts.
            format: of the audio it will be given; the channel's output format unless told otherwise. It is converted
                when it is handed over, and the turn's ledger counts samples of this format.
            live: for what streams in real time, silence too, for as long as the call lasts: a full-duplex model, another call. It is
                heard as soon as may be, without a lead. No ``send`` waits or is refused: past `Limits.live_audio` silence is dropped,
                then the oldest, so that nothing drifts, whoever's clock is the faster one. An interruption ends it as any turn;
                who has more begins another.

        Raises:
            trio.ClosedResourceError: the channel is closed.
            trio.BrokenResourceError: the far party hung up, or its connection broke.
            FormatError: no conversion exists.
        """
        return self._playout.turn(item_id, format, live=live)

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
        if not self._playout.room.is_left():
            raise trio.WouldBlock
        if frame.num_samples:
            self._playout.implicit_turn().send_nowait(frame)

    @property
    def current_turn(self) -> Turn | None:
        """The turn that is being heard, or will be heard next; None while nothing is being said."""
        return self._playout.lineup.oldest

    def interrupt(self) -> Interruption:
        """Stop speaking, now.

        When it returns, nothing more of any interrupted turn is handed to the far party; producers that wait in ``send``
        wake with `TurnInterruptedError`, and ``with`` blocks of turns end. The far end is made to forget what it has not
        played; the final figure follows as `TurnInterrupted` and as ``await interruption.settled()``. Works the same long
        after generation has finished. Falsy when nothing was unheard, so a repeat is.
        """
        return self._playout.interruptions.interrupt()

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
        return self._playout.pauses.pause(resume_after)

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
        self._playout.backdrop.check()
        read = partial(_looped, sound, self.output_format, gain)
        loop = read() if time_is_virtual() or sound is None else await trio.to_thread.run_sync(read)
        await trio.lowlevel.checkpoint()
        self._playout.backdrop.set(loop)

    async def wait_played(self) -> None:
        """Wait until all audio accepted before this call has been heard or lost.

        Ends on an interruption, a hang-up and a close too, and never waits for a turn to end. Checkpoint: yes.
        """
        await self._playout.positions.wait_played(list(self._playout.lineup))

    async def wait_heard(self) -> None:
        """As `wait_played`, and wait for the far end's own word that it has been heard, if it is one that reports.

        A far end may be further behind than anybody here can reckon. One that never reports is waited for without an end: set a deadline.
        Checkpoint: yes.
        """
        await self.wait_played()
        await self._playout.positions.wait_acknowledged()

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
            raise closed_error(self._reason)

    # ---- the end

    def close(self) -> None:
        """Shut the door now: nothing more is accepted, what is unheard is lost, and the goodbye begins.

        Plain ``def``: the goodbye is said by the channel's own tasks. Does not cancel the body of the block. Closing twice is
        the same as once.
        """
        self._life.close(CloseReason("closed"))

    async def aclose(self) -> None:
        """`close`, and wait until all of it is done; at most `Timeouts.close`. Checkpoint: yes."""
        self.close()
        await self.wait_closed()

    async def hang_up(self) -> CloseReason:
        """Play out what was accepted, until it has been heard; say goodbye and close: the orderly end.

        What has not been heard, or is not known to have been, within `Timeouts.hang_up` is lost. Checkpoint: yes.
        """
        self._playout.pauses.go_on()
        for turn in list(self._playout.lineup):
            turn.end()
        with trio.move_on_after(self._timeouts.hang_up):
            await self.wait_heard()
        self.close()
        return await self.wait_closed()

    async def wait_closed(self) -> CloseReason:
        """Wait until the channel has closed and all its tasks but listeners have ended; return why. Checkpoint: yes."""
        await self._life.done.wait()
        assert self._reason is not None
        return self._reason

    def statistics(self) -> ChannelStatistics:
        """Counters, as of now."""
        return self._life.statistics()

    # ---- inside

    @property
    def _reason(self) -> CloseReason | None:
        return self._life.reason

    def _listener_failed(self, error: Exception, title: str) -> None:
        if isinstance(error, SubscriberLagged):
            self.emit(Fault(error, f"the {title} was too slow and has been removed"))
        else:
            error.add_note(f"raised in the {title}")
            self._life.fail(error)

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

    def __repr__(self) -> str:
        return f"<Channel {type(self._source).__name__} {'open' if self._reason is None else self._reason}>"


def _looped(sound: str | PathLike[str] | Frame | None, format: AudioFormat, gain: float) -> Loop | None:
    if sound is None:
        return None
    from ._audiofiles import read_audio
    from .audio._mix import Loop

    frame = sound if isinstance(sound, Frame) else read_audio(sound, format)
    return Loop(as_frame(frame, format), gain)
