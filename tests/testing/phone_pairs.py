"""Phone sources and listeners with their far sides, as their authors would hand them to the conformance kit."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import trio

from trioaudio.abc import Listener, PhoneSource, Source
from trioaudio.audio import Frame
from trioaudio.sources import twilio
from trioaudio.sources.carriers import open_signalwire
from trioaudio.testing import CarrierLine, FakeTwilio, FakeTwilioCall, MemoryFrontDoor, memory_websockets, open_memory_door
from trioaudio.wire.phone import PhoneWire
from trioaudio.wire.twilio import TWILIO
from trioaudio.wire.twilio_carrier import TwilioCarrier


class LineVerbs:
    """A carrier's line with the verbs of the kit."""

    def __init__(self, line: CarrierLine) -> None:
        self.line = line
        self.hang_up, self.fail, self.heard, self.stall = line.hang_up, line.fail, line.heard, line.stall

    def speak(self, frame: Frame) -> None:
        self.line.speak(frame)


@asynccontextmanager
async def twilio_source() -> AsyncGenerator[tuple[Source, object], None]:
    """A source that a stream of Twilio's has been started for."""
    ours, theirs = memory_websockets()
    line = CarrierLine(theirs, TwilioCarrier("MZ1", "CA1", "AC1", trio.current_time()))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(line.run)
        wire = PhoneWire(TWILIO)
        while wire.phase == "connecting":
            wire.receive_untrusted(await ours.receive(), trio.current_time())
        yield PhoneSource(ours, wire), LineVerbs(line)
        assert not line.carrier.errors
        nursery.cancel_scope.cancel()


class Callers:
    """Somebody who can call the listener under test."""

    def __init__(self, door: MemoryFrontDoor, fake: FakeTwilio, stack: AsyncExitStack, carrier: str = "twilio") -> None:
        self._door, self._fake, self._stack = door, fake, stack
        self._url = f"https://voice.example.com/{carrier}/voice"
        self._call: FakeTwilioCall | None = None

    async def dial(self) -> None:
        self._call = await self._stack.enter_async_context(self._fake.dial(self._door, self._url))

    async def outcome(self) -> str:
        assert self._call is not None
        await trio.sleep(0.01)
        return self._call.outcome

    def hang_up(self) -> None:
        assert self._call is not None
        self._call.hang_up()


@asynccontextmanager
async def twilio_listener() -> AsyncGenerator[tuple[Listener, object], None]:
    """A listener, and a Twilio whose numbers tell their status."""
    fake = FakeTwilio(status_url="https://voice.example.com/twilio/status")
    async with (
        open_memory_door() as door,
        twilio.listen(door, auth_token=fake.auth_token)() as listener,
        AsyncExitStack() as stack,
    ):
        yield listener, Callers(door, fake, stack)


@asynccontextmanager
async def signalwire_listener() -> AsyncGenerator[tuple[Listener, object], None]:
    """The same of SignalWire's, which signs forms and speaks as Twilio does."""
    fake = FakeTwilio(status_url="https://voice.example.com/signalwire/status")
    async with (
        open_memory_door() as door,
        open_signalwire(door, signing_key=fake.auth_token) as listener,
        AsyncExitStack() as stack,
    ):
        yield listener, Callers(door, fake, stack, "signalwire")
