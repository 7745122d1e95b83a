"""A carrier that plays as Twilio does and speaks as one of its sisters does."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import trio
from testing.phone_pairs import LineVerbs
from wire.carriers_say import Spoken, media

from trioaudio.abc import PhoneSource, Source
from trioaudio.sources import carriers
from trioaudio.testing import CarrierLine, memory_websockets
from trioaudio.wire.phone import PhoneWire
from trioaudio.wire.twilio_carrier import TwilioCarrier

OPENERS = {
    "signalwire": carriers.open_signalwire,
    "telnyx": carriers.open_telnyx,
    "plivo": carriers.open_plivo,
    "exotel": carriers.open_exotel,
    "vonage": carriers.open_vonage,
}


class SpokenCarrier(TwilioCarrier):
    """One stream; what it is told must be exactly what its pages say."""

    def __init__(self, spoken: Spoken, now: float) -> None:
        super().__init__("MZ1", "CA1", "AC1", now, format=spoken.format)
        self.spoken, self.wrong, self._said, self._chunk = spoken, list[str | bytes](), list[str](), 0

    def greeting(self) -> list[str]:
        return [self.spoken.start]

    def media(self, audio: bytes, timestamp_ms: int, track: str = "inbound") -> str:
        said: Any = media(self.spoken, audio)
        self._chunk += 1
        if isinstance(said, str):
            said = re.sub(r'("chunk":"?)\d+', rf"\g<1>{self._chunk}", said)
            said = re.sub(r'("timestamp":"?)\d+', rf"\g<1>{timestamp_ms}", said)
        return said  # type: ignore[no-any-return]  # Vonage's is binary

    def dtmf(self, digit: str) -> str:
        return self.spoken.key.replace('"5"', f'"{digit}"')

    def stop(self) -> str:
        return self.spoken.stop or '{"event":"websocket:disconnected"}'

    def receive_untrusted(self, data: str | bytes, now: float) -> None:
        message = data if isinstance(data, bytes) else json.loads(data)
        if message == self.spoken.forget:
            self._clear_all(now)
        elif (audio := self._audio(message)) is not None:
            self.do({"event": "media", "media": {"payload": audio}}, now)
        elif (name := re.search(r"g\d+:\d+", str(data))) and message == json.loads(json.dumps(self.spoken.ask).replace("g0:0", name[0])):
            self.do({"event": "mark", "mark": {"name": name[0]}}, now)
        else:
            self.wrong.append(data)

    def _audio(self, message: Any) -> str | None:
        """The audio of a message that is exactly of the carrier's shape."""
        if isinstance(self.spoken.play, bytes):
            return None if not isinstance(message, bytes) or len(message) != len(self.spoken.play) else b64encode(message).decode()
        text = str(message.get("media", {}).get("payload", ""))
        shape = {**self.spoken.play, "media": {**self.spoken.play["media"], "payload": text}}
        whole = not self.spoken.dialect.packet or not len(b64decode(text)) % (160 * self.format.sample_bytes)
        return text if text and message == shape and whole else None

    def do(self, message: dict[str, Any], now: float) -> None:
        """As Twilio would."""
        super().receive_untrusted(json.dumps({**message, "streamSid": "MZ1"}), now)

    def _clear_all(self, now: float) -> None:
        self._said += self.take(now)
        self.do({"event": "clear"}, now)
        if self.spoken.cleared is not None:
            self.take(now)  # marks that are out do not come back
            self._said.append(self.spoken.cleared)

    @property
    def due(self) -> float:
        return -float("inf") if self._said else super().due

    def take(self, now: float) -> list[str]:
        said, self._said = self._said, []
        return [*said, *(self.spoken.mark % json.loads(each)["mark"]["name"] for each in super().take(now))]


@asynccontextmanager
async def spoken_source(spoken: Spoken) -> AsyncGenerator[tuple[Source, object], None]:
    """A source that a stream of this carrier's has been started for."""
    ours, theirs = memory_websockets()
    carrier = SpokenCarrier(spoken, trio.current_time())
    line = CarrierLine(theirs, carrier)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(line.run)
        wire = PhoneWire(spoken.dialect)
        while wire.phase == "connecting":
            wire.receive_untrusted(await ours.receive(), trio.current_time())
        yield PhoneSource(ours, wire), LineVerbs(line)
        assert not carrier.wrong
        assert not carrier.errors
        nursery.cancel_scope.cancel()
