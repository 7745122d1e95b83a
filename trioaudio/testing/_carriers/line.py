"""One media stream from a carrier's end: a telephone that speaks, hears in its own time, and misbehaves when it is told to."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import trio

from ...abc import WebSocket
from ...audio import AudioFormat, Frame
from ...wire.phone_carrier import PhoneCarrier
from .._memory_socket import MemoryWebSocket

PHASE = 1e-6
"""This carrier's own moment among the timers of a call, in seconds: on a virtual clock no two kinds are due at once."""


@dataclass(frozen=True, slots=True)
class CarrierFault:
    """What goes wrong on a line, so many seconds after it has begun.

    ``fail``: the websocket breaks. ``hang_up``: an orderly end. ``stall``: nothing is read or sent for ``seconds``. ``skip``: so much of
    the caller's audio is left out. ``swap``: two pieces of audio change places. ``garbage``: text that means nothing. ``binary``: 7 bytes
    where they make no sense. ``start_again``, ``stop_again``: what is said once is said twice.
    """

    after: float
    do: Literal["fail", "hang_up", "stall", "skip", "swap", "garbage", "binary", "start_again", "stop_again"]
    seconds: float = 0.5


class CarrierLine:
    """A stream on a websocket.

    Args:
        websocket: open.
        carrier: the protocol, which has not greeted yet.
        line_open: silence is sent while nobody speaks, as telephones do.
        faults: what goes wrong.
    """

    def __init__(self, websocket: WebSocket, carrier: PhoneCarrier, *, line_open: bool = True, faults: Iterable[CarrierFault] = ()) -> None:
        self.carrier: PhoneCarrier = carrier
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
        self._faults = deque(sorted(faults, key=lambda fault: fault.after))
        self._samples = round(carrier.ptime * carrier.format.rate)
        self._silence = carrier.format.silence(self._samples)
        self._said: dict[str, deque[bytes]] = {track: deque() for track in carrier.tracks}
        self._keys = ""
        self._raw: deque[str | bytes] = deque()
        self._wake = trio.lowlevel.ParkingLot()
        self._ended = trio.lowlevel.ParkingLot()
        self._heard_more = trio.lowlevel.ParkingLot()
        self._stalled_until = -float("inf")
        self._next_frame: float | None = None
        self._skip = 0.0
        self._stopping = self._breaking = self._swapping = False
        self._held: list[str | bytes] = []

    # ---- what it is told to do

    def speak(self, audio: Frame | bytes | Iterable[Frame], track: str | None = None) -> None:
        """Say audio (in ``format``), on time, in frames of the length that the carrier sends, after what is being said already.

        Args:
            audio: what is said.
            track: who says it, where the stream has several: ``inbound``, the first one, is the caller.
        """
        blocks = [audio] if isinstance(audio, Frame | bytes) else list(audio)
        data = b"".join(block if isinstance(block, bytes) else block.data for block in blocks)
        size = self._samples * self.format.sample_bytes
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
        self._keys += digits
        self._wake.unpark_all()

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
        self._stalled_until = -float("inf")
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

    async def wait_over(self) -> None:
        """Wait until the websocket has ended. Checkpoint: yes."""
        await trio.lowlevel.checkpoint()
        while not self.over:
            await self._ended.park()

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
            self._ended.unpark_all()

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
        self.carrier.say(*self.carrier.greeting())
        self._next_frame = trio.current_time() + PHASE
        while not self._breaking and not self.carrier.finished:
            now = trio.current_time()
            self._do_faults(now)
            if not self._stalled:
                await self._say_due(now)
                if self._stopping:
                    await self._part()
                    return
            await self._rest()
        if isinstance(self.websocket, MemoryWebSocket) and self._breaking:
            self.websocket.fail()
        else:
            await self.websocket.aclose(1011 if self._breaking else 1000)

    async def _part(self) -> None:
        """Say so, and wait for the answer where the carrier does."""
        self.carrier.say(self.carrier.stop())
        with trio.move_on_after(self.carrier.parting or float("inf")) as waiting:
            while True:
                for message in self.carrier.take(trio.current_time()):
                    await self.websocket.send(message)
                if self.carrier.finished or not self.carrier.parting:
                    break
                await self._wake.park()
        if waiting.cancelled_caught:
            self.carrier.unanswered()
        await self.websocket.aclose()

    async def _say_due(self, now: float) -> None:
        while self._raw:
            await self.websocket.send(self._raw.popleft())
        assert self._next_frame is not None
        while self._next_frame <= now:
            self._speak_frame(self._next_frame)
            self._next_frame += self.carrier.ptime
        keys, self._keys = self._keys, ""
        self.carrier.say(*map(self.carrier.dtmf, keys))
        for message in self.carrier.take(now):
            await self.websocket.send(message)

    def _speak_frame(self, at: float) -> None:
        if not self.carrier.ready:
            return
        timestamp = round((at - PHASE - self.carrier.began) * 1000)
        due = [(track, said.popleft() if said else self._silence) for track, said in self._said.items() if said or self._line_open]
        if self.speech_began_at is None and any(audio is not self._silence for _, audio in due):
            self.speech_began_at = at
        if self._skip > 0 or not self.carrier.sends:
            if self._skip > 0:
                self._skip -= self.carrier.ptime
            self.carrier.say(self.carrier.left_out(self.carrier.ptime))
            return
        messages = [self.carrier.media(audio, timestamp, track) for track, audio in due]
        if self._swapping and not self._held:
            self._held = messages
            return
        self.carrier.say(*messages, *self._held)
        self._held, self._swapping = [], False

    def _do_faults(self, now: float) -> None:
        while self._faults and self._faults[0].after <= now - self.carrier.began:
            self._do(self._faults.popleft())

    def _do(self, fault: CarrierFault) -> None:
        match fault.do:
            case "fail":
                self.fail()
            case "hang_up":
                self.hang_up()
            case "stall":
                self.stall(fault.seconds)
            case "skip":
                self.skip(fault.seconds)
            case "swap":
                self._swapping = True
            case "garbage":
                self.send("no JSON {")
            case "binary":
                self.send(b"\x01\x02\x03\x04\x05\x06\x07")
            case "start_again":
                self.carrier.say(*self.carrier.greeting()[-1:])
            case "stop_again":
                self.carrier.say(self.carrier.stop(), self.carrier.stop())

    async def _rest(self) -> None:
        assert self._next_frame is not None
        speaks = self._line_open or self.speaking
        due = self._stalled_until if self._stalled else min(self.carrier.due + PHASE, self._next_frame if speaks else float("inf"))
        due = min(due, self.carrier.began + self._faults[0].after if self._faults else float("inf"))
        if (
            due > trio.current_time()
            and not self._raw
            and not self._keys
            and not self._stopping
            and not self._breaking
            and not self.carrier.finished
        ):
            with trio.CancelScope(deadline=due):
                await self._wake.park()
            if not self._line_open and self._next_frame < trio.current_time() - self.carrier.ptime:
                self._next_frame = trio.current_time() + PHASE
