"""One media stream from a carrier's end: a telephone that speaks, hears in its own time, and misbehaves when it is told to."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import trio

from ...abc import WebSocket
from ...audio import PTIME, AudioFormat, Frame
from ...wire.twilio_carrier import TwilioCarrier
from .._memory_socket import MemoryWebSocket

PHASE = 1e-6
"""This carrier's own moment among the timers of a call, in seconds: on a virtual clock no two kinds are due at once."""


class CarrierLine:
    """A stream on a websocket.

    Args:
        websocket: open.
        carrier: the protocol, which has not greeted yet.
        line_open: silence is sent while nobody speaks, as telephones do.
    """

    def __init__(self, websocket: WebSocket, carrier: TwilioCarrier, *, line_open: bool = True) -> None:
        self.carrier: TwilioCarrier = carrier
        self.websocket: WebSocket = websocket
        self.format: AudioFormat = carrier.format
        """Of its audio, both ways."""
        self.ended_here: bool = False
        """The far party hung up, or it was told to break: not the app."""
        self.over: bool = False
        """Whether the websocket has ended."""
        self.ended_at: float | None = None
        """When it has, in seconds of the Trio clock."""
        self.speech_began_at: float | None = None
        """When the first of what it was told to say was sent, in seconds of the Trio clock."""
        self._line_open = line_open
        self._silence = carrier.format.silence(carrier.format.frame_samples)
        self._said: dict[str, deque[bytes]] = {track: deque() for track in carrier.tracks}
        self._raw: deque[str | bytes] = deque()
        self._wake = trio.lowlevel.ParkingLot()
        self._heard_more = trio.lowlevel.ParkingLot()
        self._stalled_until = -float("inf")
        self._next_frame: float | None = None
        self._skip = 0.0
        self._stopping = self._breaking = False

    # ---- what it is told to do

    def speak(self, audio: Frame | bytes | Iterable[Frame], track: str | None = None) -> None:
        """Say audio (in ``format``), in frames of 20 ms on time, after what is being said already.

        Args:
            audio: what is said.
            track: who says it, where the stream has several: ``inbound``, the first one, is the caller.
        """
        blocks = [audio] if isinstance(audio, Frame | bytes) else list(audio)
        data = b"".join(block if isinstance(block, bytes) else block.data for block in blocks)
        size = self.format.frame_samples * self.format.sample_bytes
        self._said[track or self.carrier.tracks[0]] += [data[i : i + size] for i in range(0, len(data), size)]
        self._wake.unpark_all()

    @property
    def speaking(self) -> bool:
        """Whether it has more to say."""
        return any(self._said.values())

    def send(self, message: str | bytes) -> None:
        """Send this, whatever it is."""
        self._raw.append(message)
        self._wake.unpark_all()

    def press(self, digits: str) -> None:
        """Press keys."""
        for digit in digits:
            self.send(self.carrier.dtmf(digit))

    def stall(self, seconds: float = float("inf")) -> None:
        """Send and read nothing for a while."""
        self._stalled_until = trio.current_time() + seconds
        self._wake.unpark_all()

    def skip(self, seconds: float) -> None:
        """Leave so much out of what is sent, as a carrier does that is read too slowly: the timestamps show it."""
        self._skip += seconds

    def hang_up(self) -> None:
        """Put the receiver down: a stop, and the end of the websocket."""
        self._stopping = self.ended_here = True
        self._wake.unpark_all()

    def fail(self) -> None:
        """Let the websocket break without a word."""
        self._breaking = self.ended_here = True
        self._wake.unpark_all()

    # ---- what was heard

    def heard(self) -> bytes:
        """All that has been heard by now, without the silence between."""
        return self.carrier.heard(trio.current_time())

    async def wait_hears(self, samples: int) -> None:
        """Wait until that many samples have been heard. Checkpoint: yes."""
        await trio.lowlevel.checkpoint()
        while (missing := samples - len(self.heard()) // self.format.sample_bytes) > 0:
            begun = self.carrier.is_sounding(trio.current_time())
            with trio.CancelScope(deadline=trio.current_time() + (missing / self.format.rate if begun else float("inf")) + PHASE):
                await self._heard_more.park()

    # ---- its tasks

    async def run(self) -> None:
        """From the greeting to the end of the websocket. Checkpoint: yes."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._listen, nursery.cancel_scope)
                try:
                    await self._talk()
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    await trio.lowlevel.checkpoint()
                nursery.cancel_scope.cancel("the stream is over")
        finally:
            self.over, self.ended_at = True, trio.current_time()
            self._heard_more.unpark_all()

    async def _listen(self, run: trio.CancelScope) -> None:
        try:
            while True:
                if self._stalled:
                    await trio.sleep_until(self._stalled_until)
                data = await self.websocket.receive()
                self.carrier.receive_untrusted(data, trio.current_time())
                self._heard_more.unpark_all()
                self._wake.unpark_all()
        except (trio.EndOfChannel, trio.BrokenResourceError, trio.ClosedResourceError):
            await trio.lowlevel.checkpoint()
        run.cancel("the app closed the websocket")

    @property
    def _stalled(self) -> bool:
        return self._stalled_until > trio.current_time()

    async def _talk(self) -> None:
        for message in self.carrier.greeting():
            await self.websocket.send(message)
        self._next_frame = trio.current_time() + PHASE
        while not self._breaking:
            now = trio.current_time()
            if not self._stalled:
                await self._say_due(now)
                if self._stopping:
                    await self.websocket.send(self.carrier.stop())
                    await self.websocket.aclose()
                    return
            await self._rest()
        if isinstance(self.websocket, MemoryWebSocket):
            self.websocket.fail()
        else:
            await self.websocket.aclose(1011)

    async def _say_due(self, now: float) -> None:
        while self._raw:
            await self.websocket.send(self._raw.popleft())
        for message in self.carrier.take(now):
            await self.websocket.send(message)
        assert self._next_frame is not None
        while self._next_frame <= now:
            timestamp = round((self._next_frame - PHASE - self.carrier.began) * 1000)
            due = [(track, said.popleft() if said else self._silence) for track, said in self._said.items() if said or self._line_open]
            if self.speech_began_at is None and any(audio is not self._silence for _, audio in due):
                self.speech_began_at = self._next_frame
            self._next_frame += PTIME
            if self._skip > 0:
                self._skip -= PTIME
            else:
                for track, audio in due:
                    await self.websocket.send(self.carrier.media(audio, timestamp, track))

    async def _rest(self) -> None:
        assert self._next_frame is not None
        speaks = self._line_open or self.speaking
        due = self._stalled_until if self._stalled else min(self.carrier.due + PHASE, self._next_frame if speaks else float("inf"))
        if due > trio.current_time() and not self._raw and not self._stopping and not self._breaking:
            with trio.CancelScope(deadline=due):
                await self._wake.park()
            if not self._line_open and self._next_frame < trio.current_time() - PTIME:
                self._next_frame = trio.current_time() + PHASE
