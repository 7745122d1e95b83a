"""Twilio as far as a server sees it: callers who dial, talk, interrupt and hang up. Driven by hand: a fake in Trio costs ten times as much.

Each call does the whole dance: a signed webhook, its TwiML, a signed media websocket with the token, a telephone that plays what it is
sent in real time and returns marks. What it speaks is a sentence every few seconds, whoever else speaks.
"""

from __future__ import annotations

import json
import math
import re
import socket
import time
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, TypeAlias
from urllib.parse import urlencode, urlsplit
from xml.sax.saxutils import unescape

from telephone_world import Line, World

from trioaudio.wire.twilio_signature import signature

PTIME = 0.02
EVERY = (8.0, 3.5)
"""Seconds from one sentence to the next, in turns: the model's answer falls in between, or is interrupted."""
NAMED = b"\x01\x02\x01\x02"
"""Samples before the number of a call."""
IN_ONE_GO = 0.3
"""Seconds without audio in the middle of an answer that still belong to it."""
State: TypeAlias = Literal["ringing", "opening", "talking", "over", "lost"]


@dataclass
class Heard:
    """What all callers have to tell, in seconds."""

    answers: list[float] = field(default_factory=list)
    """From the end of a sentence to the first sound of what is said then."""
    silenced: list[float] = field(default_factory=list)
    """From the beginning of a sentence to the clear, where the agent spoke."""
    carried: list[float] = field(default_factory=list)
    """From the first loud frame of a sentence to the moment its model has it, where that is known."""
    brought: list[float] = field(default_factory=list)
    """From the first sound of an answer at the model to the moment its caller has it, where that is known."""
    starved: list[float] = field(default_factory=list)
    """Of each answer: how long the telephone had nothing to play in the middle of it."""
    late: list[float] = field(default_factory=list)
    """Of each frame of a caller's: how late this process sent it; what is late here is nobody else's fault."""


def named(sound: bytes, number: int) -> bytes:
    """The sound, which begins with the number of the call that it comes from, in samples that are never silence."""
    name = NAMED + bytes((number // 100, number % 100))
    return name + sound[len(name) :]


def name_in(sound: bytes) -> int | None:
    """The number that it begins with, if it does: of a sentence that was begun before the model listened, there is only the rest."""
    return sound[len(NAMED)] * 100 + sound[len(NAMED) + 1] if sound.startswith(NAMED) else None


class Phone:
    """One call.

    Args:
        world: the loop.
        number: of the call.
        port: of the server.
        public_url: how it is known.
        token: of the account, which signs.
        sentence: what is said, in frames of mu-law, as base64.
        heard: where it tells.
    """

    def __init__(self, world: World, number: int, port: int, public_url: str, token: str, sentence: list[str], heard: Heard) -> None:
        self.state: State = "ringing"
        self.why = ""
        self._world, self._port, self._public_url, self._token = world, port, public_url, token
        self._sentence, self._heard, self.number = [*sentence], heard, number
        self._sentence[0] = b64encode(named(b64decode(sentence[0]), number)).decode()
        self.sid, self._stream, self._account = f"CA{number:032x}", f"MZ{number:032x}", "AC" + "0" * 32
        self._frames = self._saying = self._sentences = 0
        self._due = 0.0
        self._next_sentence = math.inf
        self._began = self._ended = math.nan
        self.spoke_at = math.nan
        """When the model began an answer of which nothing has arrived."""
        self.loud_at = math.nan
        """When a sentence began of which the model has heard nothing."""
        self._silent_at = self._starved = 0.0
        self._marks: list[dict[str, Any]] = []
        self.line: Line | None = None
        self._answer = b""
        self._web = socket.create_connection(("127.0.0.1", port))
        self._post(f"{public_url}/twilio/voice")

    # ---- the webhook

    def _post(self, url: str) -> None:
        form = {"CallSid": self.sid, "AccountSid": self._account, "From": "+15550100", "To": "+15550199", "Direction": "inbound"}
        body = urlencode(form).encode()
        lines = (
            *(f"POST {urlsplit(url).path} HTTP/1.1", f"Host: {urlsplit(url).netloc}", "Content-Type: application/x-www-form-urlencoded"),
            *(f"X-Twilio-Signature: {signature(url, list(form.items()), self._token)}", f"Content-Length: {len(body)}"),
            *("Connection: close", "", ""),
        )
        self._web.setblocking(False)
        self._web.send("\r\n".join(lines).encode() + body)
        self._world.watch(self._web, self._read_answer)

    def _read_answer(self) -> None:
        try:
            data = self._web.recv(65_536)
        except OSError as exc:
            data, self._answer = b"", str(exc).encode()
        self._answer += data
        if data:
            return
        self._world.forget(self._web)
        self._web.close()
        text = self._answer.decode()
        url, token = re.search(r'<Stream url="([^"]+)"', text), re.search(r'<Parameter name="([^"]+)" value="([^"]+)"', text)
        if not text.startswith("HTTP/1.1 200") or url is None or token is None:
            self._lose(f"the webhook answered {text.partition(chr(13))[0]!r}")
            return
        self._open(unescape(url[1]), {token[1]: unescape(token[2])})

    # ---- the media websocket

    def _open(self, url: str, parameters: dict[str, str]) -> None:
        self.state, parts = "opening", urlsplit(url)
        self.line = Line(self._world, socket.create_connection(("127.0.0.1", self._port)), self._received, client=True)
        self.line.head = partial(self._begin, parameters)
        lines = (
            *(f"GET {parts.path} HTTP/1.1", f"Host: {parts.netloc}", "Upgrade: websocket", "Connection: Upgrade"),
            *("Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {b64encode(bytes(16)).decode()}"),
            *(f"X-Twilio-Signature: {signature(url, [], self._token)}", "", ""),
        )
        self.line.send_bytes("\r\n".join(lines).encode())

    def _begin(self, parameters: dict[str, str], head: bytes) -> None:
        assert self.line is not None
        if not head.startswith(b"HTTP/1.1 101"):
            self._lose(f"the media websocket was refused: {head.partition(chr(13).encode())[0]!r}")
            return
        ids = {"accountSid": self._account, "streamSid": self._stream, "callSid": self.sid}
        sound = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
        start = {**ids, "tracks": ["inbound"], "customParameters": parameters, "mediaFormat": sound}
        self.line.send('{"event":"connected","protocol":"Call","version":"1.0.0"}')
        self.line.send(json.dumps({"event": "start", "sequenceNumber": "1", "streamSid": self._stream, "start": start}))
        self.state, self._due = "talking", time.monotonic()
        self._next_sentence = self._due + 1.0 + EVERY[0] * (self.number * 0.618 % 1)
        self._speak()

    def _speak(self) -> None:
        assert self.line is not None
        if not self.line.open:
            self._closed()
            return
        now, self._frames = time.monotonic(), self._frames + 1
        self._heard.late.append(now - self._due)
        if now >= self._next_sentence:
            self._saying, self._ended, self._sentences = len(self._sentence), math.nan, self._sentences + 1
            self._next_sentence += EVERY[self._sentences % len(EVERY)]
            self._began = self.loud_at = now
        payload = self._sentence[-self._saying] if self._saying else SILENCE
        if self._saying == 1:
            self._ended = now
        self._saying -= self._saying > 0
        self.line.send(
            f'{{"event":"media","sequenceNumber":"{self._frames + 1}","media":{{"track":"inbound","chunk":"{self._frames}",'
            f'"timestamp":"{self._frames * 20}","payload":"{payload}"}},"streamSid":"{self._stream}"}}'
        )
        self._due += PTIME
        self._world.at(self._due, self._speak)

    def _received(self, text: str) -> None:
        now, message = time.monotonic(), json.loads(text)
        match message["event"]:
            case "media":
                self._play(len(message["media"]["payload"]) * 3 // 4 / 8000, now)
            case "mark":
                self._marks.append(message["mark"])
                self._world.at(max(now, self._silent_at), lambda: self._return(message["mark"]))
            case "clear":
                if self._silent_at > now and self._began == self._began and self.state == "talking":
                    self._heard.silenced.append(now - self._began)
                self._silent_at = now
                for mark in list(self._marks):
                    self._return(mark)

    def _play(self, seconds: float, now: float) -> None:
        if self._ended == self._ended:
            self._heard.answers.append(now - self._ended)
            self._ended = math.nan
        if self.spoke_at == self.spoke_at:
            self._heard.brought.append(now - self.spoke_at)
            self.spoke_at = math.nan
        dry = now - self._silent_at
        if dry > IN_ONE_GO:
            self._heard.starved.append(self._starved)
            self._starved = 0.0
        elif dry > 0:
            self._starved += dry
        self._silent_at = max(self._silent_at, now) + seconds

    def _return(self, mark: dict[str, Any]) -> None:
        assert self.line is not None
        if mark in self._marks:
            self._marks.remove(mark)
            self.line.send(json.dumps({"event": "mark", "streamSid": self._stream, "mark": mark}))

    # ---- the end

    def understood(self) -> None:
        """The model hears the sentence."""
        if self.loud_at == self.loud_at:
            self._heard.carried.append(time.monotonic() - self.loud_at)
            self.loud_at = math.nan

    def hang_up(self) -> None:
        """Put the receiver down."""
        if self.state == "talking" and self.line is not None:
            self.state = "over"
            ids = {"accountSid": self._account, "callSid": self.sid}
            self.line.send(json.dumps({"event": "stop", "sequenceNumber": "0", "streamSid": self._stream, "stop": ids}))
            self.line.close()

    def expect_end(self) -> None:
        """The server may hang up from now on."""
        if self.state == "talking":
            self.state = "over"

    def _closed(self) -> None:
        if self.state == "talking":
            self._lose("the server closed the media websocket")

    def _lose(self, why: str) -> None:
        self.state, self.why = "lost", why


SILENCE = b64encode(b"\xff" * 160).decode()
