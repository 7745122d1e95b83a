"""Callers on one side of a bridge and a realtime model on the other, in one process that drives its sockets by hand: it knows all times.

Each caller is a Twilio media stream: a frame every 20 ms, silence but for a loud one now and then. Each model session follows a script: it
speaks for a while, faster than real time, hears the caller begin to speak in the middle of it, and begins anew. What is between them
is somebody else's process.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import json
import math
import selectors
import socket
import time
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

PTIME = 0.02
LOUD_EVERY = 15
"""Frames."""
PERIOD, SPEAKS, INTERRUPTED_AT, SETTLES = 4.0, 3.0, 2.0, 0.5
"""Seconds: of one turn, of its audio, after which of it the caller begins to speak, and before the first."""
DELTA, SPEED = 0.1, 4.0
"""Seconds of audio in a message, and how much faster than real time they come."""
QUIET = b64encode(b"\xff" * 160).decode()
LOUD = b64encode((b"\x80" * 8 + b"\x00" * 8) * 10).decode()
MARKED = b"\x80"
LOUD_SAMPLE = 9_000
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CHUNK = 262_144


@dataclass
class Measured:
    """What was seen between the two moments at which it was begun and ended, in seconds."""

    in_latencies: list[float] = field(default_factory=list)
    """From a loud frame of a caller's to the moment its model has it."""
    clear_latencies: list[float] = field(default_factory=list)
    """From the model's word that the caller speaks to the clear."""
    out_latencies: list[float] = field(default_factory=list)
    """From the first audio of an answer to the moment its caller has it."""
    late_sends: int = 0
    """Frames that were sent more than 5 ms late: the machine has too much to do."""
    lost: int = 0
    """Loud frames and clears that never came."""


class Line:
    """One websocket, either side of it, driven by hand; nothing on the loopback is ever cut or fragmented."""

    def __init__(self, world: World, sock: socket.socket, on_message: Callable[[str], None], *, client: bool) -> None:
        self._world, self.sock, self._on_message, self._client = world, sock, on_message, client
        self.head: Callable[[bytes], None] | None = None
        """Takes the head of the handshake, until that is over."""
        self._data = b""
        self.open = True
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        world.watch(sock, self.read)

    def read(self) -> None:
        """There is something to read."""
        try:
            data = self.sock.recv(CHUNK)
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self._data += data
        if self.head is not None:
            head, found, rest = self._data.partition(b"\r\n\r\n")
            if not found:
                return
            take, self.head, self._data = self.head, None, rest
            take(head)
        self._take_frames()

    def _take_frames(self) -> None:
        data, at = self._data, 0
        while len(data) >= at + 2:
            length, start = data[at + 1] & 0x7F, at + 2
            if length == 126:
                length, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            elif length == 127:
                length, start = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
            start += 0 if self._client else 4
            if len(data) < start + length:
                break
            payload = data[start : start + length]
            if data[at] == 0x81:
                self._on_message((payload if self._client else _masked(payload, data[start - 4 : start])).decode())
            elif data[at] == 0x88:
                self.close()
            at = start + length
        self._data = data[at:]

    def send(self, text: str) -> None:
        """Send a message."""
        payload = text.encode()
        length, bit = len(payload), 0x80 if self._client else 0
        head = bytes((0x81, bit | length)) if length < 126 else bytes((0x81, bit | 126)) + length.to_bytes(2, "big")
        self.send_bytes(head + (b"\0\0\0\0" if self._client else b"") + payload)

    def send_bytes(self, data: bytes) -> None:
        """Send it as it is; a full socket is the end: the bridge has stopped reading."""
        if not self.open:
            return
        try:
            if self.sock.send(data) < len(data):
                self.close()
        except OSError:
            self.close()

    def close(self) -> None:
        """It is over."""
        if self.open:
            self.open = False
            self._world.forget(self.sock)
            self.sock.close()


def _masked(payload: bytes, key: bytes) -> bytes:
    if key == b"\0\0\0\0":
        return payload
    keys = (key * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(keys, "big")).to_bytes(len(payload), "big")


class Caller:
    """One call, both ends of it."""

    def __init__(self, world: World, number: int, port: int) -> None:
        self._world, self._number, self.sid = world, number, f"CA{number:032x}"
        self._stream = f"MZ{number:032x}"
        self._frames = 0
        self._due = 0.0
        self._silent_at = 0.0
        self._marks: list[dict[str, Any]] = []
        self.loud_at = math.nan
        self.spoke_at = math.nan
        self.interrupted_at = math.nan
        self.line = Line(world, socket.create_connection(("127.0.0.1", port)), self._received, client=True)
        self.line.head = self._begin
        lines = ("GET /ws HTTP/1.1", "Host: 127.0.0.1", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
        self.line.send_bytes("\r\n".join([*lines, f"Sec-WebSocket-Key: {b64encode(bytes(16)).decode()}", "", ""]).encode())

    def _begin(self, head: bytes) -> None:
        assert head.startswith(b"HTTP/1.1 101"), head
        sound = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
        ids = {"accountSid": "AC" + "0" * 32, "streamSid": self._stream, "callSid": self.sid}
        start = {**ids, "tracks": ["inbound"], "customParameters": {}, "mediaFormat": sound}
        self.line.send('{"event":"connected","protocol":"Call","version":"1.0.0"}')
        self.line.send(json.dumps({"event": "start", "sequenceNumber": "1", "streamSid": self._stream, "start": start}))
        self._due = time.monotonic()
        self._world.at(self._due, self._speak)

    def _speak(self) -> None:
        now, self._frames = time.monotonic(), self._frames + 1
        loud = self._frames % LOUD_EVERY == 0
        self._world.note_sent(now - self._due)
        number, payload = self._frames, LOUD if loud else QUIET
        if loud:
            self._world.note(self._world.measured.in_latencies, self.loud_at, None)
            self.loud_at = now
        self.line.send(
            f'{{"event":"media","sequenceNumber":"{number + 1}","media":{{"track":"inbound","chunk":"{number}",'
            f'"timestamp":"{number * 20}","payload":"{payload}"}},"streamSid":"{self._stream}"}}'
        )
        self._due += PTIME
        if self.line.open:
            self._world.at(self._due, self._speak)

    def _received(self, text: str) -> None:
        now, message = time.monotonic(), json.loads(text)
        match message["event"]:
            case "media":
                self._world.note(self._world.measured.out_latencies, self.spoke_at, now)
                self.spoke_at = math.nan
                self._silent_at = max(self._silent_at, now) + len(message["media"]["payload"]) * 3 // 4 / 8000
            case "mark":
                self._marks.append(message["mark"])
                self._world.at(max(now, self._silent_at), lambda: self._return(message["mark"]))
            case "clear":
                self._world.note(self._world.measured.clear_latencies, self.interrupted_at, now)
                self.interrupted_at, self._silent_at = math.nan, now
                for mark in list(self._marks):
                    self._return(mark)

    def _return(self, mark: dict[str, Any]) -> None:
        """What was sent before it has been played, or forgotten."""
        if mark in self._marks:
            self._marks.remove(mark)
            self.line.send(json.dumps({"event": "mark", "streamSid": self._stream, "mark": mark}))

    def hang_up(self) -> None:
        """The end."""
        self.line.send(json.dumps({"event": "stop", "sequenceNumber": "0", "streamSid": self._stream, "stop": {}}))


class Session:
    """The model's side of a call."""

    def __init__(self, world: World, sock: socket.socket) -> None:
        self._world = world
        self._pcm = True
        self._turn = 0
        self._caller: Caller | None = None
        self._ids = itertools.count(1)
        self.line = Line(world, sock, self._received, client=False)
        self.line.head = self._begin

    def _begin(self, head: bytes) -> None:
        lines = head.decode().split("\r\n")
        self._find_caller(lines[0].split()[1].partition("?")[0])
        key = next(line.partition(":")[2].strip() for line in lines if line.lower().startswith("sec-websocket-key"))
        token = b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()
        answer = ("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {token}", "", "")
        self.line.send_bytes("\r\n".join(answer).encode())
        self._say("session.created", session={"id": "sess_1", "type": "realtime"})

    def _find_caller(self, path: str) -> None:
        self._caller = self._world.callers[path.rpartition("/")[2]]

    def _say(self, kind: str, **fields: Any) -> None:
        self.line.send(json.dumps({"type": kind, "event_id": f"event_{next(self._ids)}", **fields}))

    def _received(self, text: str) -> None:
        message = json.loads(text)
        if message["type"] == "input_audio_buffer.append":
            self._hear(b64decode(message["audio"]))
        elif message["type"] == "session.update":
            session = message["session"]
            self._pcm = session["audio"]["output"]["format"]["type"] == "audio/pcm"
            self._say("session.updated", session=session)
            if not self._turn:
                self._turn = 1
                self._configured()

    def _configured(self) -> None:
        self._world.at(time.monotonic() + SETTLES, self._speak)

    def _hear(self, sound: bytes) -> None:
        assert self._caller is not None
        if self._caller.loud_at == self._caller.loud_at and self._is_loud(sound):
            self._world.note(self._world.measured.in_latencies, self._caller.loud_at, time.monotonic())
            self._caller.loud_at = math.nan

    def _is_loud(self, sound: bytes) -> bool:
        return max(memoryview(sound).cast("h"), default=0) > LOUD_SAMPLE if self._pcm else MARKED in sound

    # ---- the script

    def _speak(self) -> None:
        now, self._turn = time.monotonic(), self._turn + 1
        response, item = f"resp_{self._turn}", f"item_{self._turn}"
        self._say("response.created", response={"id": response, "status": "in_progress", "output": []})
        self._say("response.output_item.added", response_id=response, output_index=0, item={"id": item, "type": "message"})
        for number in range(round(SPEAKS / DELTA)):
            self._world.at(now + number * DELTA / SPEED, partial(self._delta, response, item, first=not number))
        self._world.at(now + INTERRUPTED_AT, lambda: self._interrupt(response))
        self._world.at(now + INTERRUPTED_AT + 0.6, self._listen)
        if self.line.open:
            self._world.at(now + PERIOD, self._speak)

    def _delta(self, response: str, item: str, *, first: bool) -> None:
        if first and self._caller is not None:
            self._caller.spoke_at = time.monotonic()
        ids = {"response_id": response, "item_id": item, "output_index": 0, "content_index": 0}
        self._say("response.output_audio.delta", **ids, delta=SPOKEN_PCM if self._pcm else SPOKEN)

    def _interrupt(self, response: str) -> None:
        assert self._caller is not None
        self._caller.interrupted_at = time.monotonic()
        self._say("input_audio_buffer.speech_started", audio_start_ms=0, item_id=f"user_{self._turn}")
        self._say("response.done", response={"id": response, "status": "cancelled", "output": []})

    def _listen(self) -> None:
        assert self._caller is not None
        self._world.note(self._world.measured.clear_latencies, self._caller.interrupted_at, None)
        self._caller.interrupted_at = math.nan
        self._say("input_audio_buffer.speech_stopped", audio_end_ms=0, item_id=f"user_{self._turn}")
        self._say("input_audio_buffer.committed", item_id=f"user_{self._turn}")


SPOKEN = b64encode((bytes(range(0x20, 0x60)) * 13)[: round(DELTA * 8000)]).decode()
SPOKEN_PCM = b64encode(bytes(round(DELTA * 48_000))).decode()


class World:
    """All callers and all sessions; an event loop of its own, since what it costs must not be what is measured."""

    def __init__(self, session: Callable[[World, socket.socket], Session] = Session) -> None:
        self._session = session
        self.callers: dict[str, Caller] = {}
        self.sessions: list[Session] = []
        self.measured = Measured()
        self.measuring = False
        self._selector = selectors.DefaultSelector()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._server = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._server.setblocking(False)
        self.watch(self._server, self._accept)

    @property
    def upstream(self) -> str:
        """Where the model is."""
        return f"ws://127.0.0.1:{self._server.getsockname()[1]}/v1/realtime"

    def _accept(self) -> None:
        sock, _ = self._server.accept()
        self.sessions.append(self._session(self, sock))

    def call(self, port: int) -> None:
        """One call more."""
        caller = Caller(self, len(self.callers), port)
        self.callers[caller.sid] = caller

    @property
    def open_calls(self) -> int:
        """Whose both ends are there."""
        return min(sum(caller.line.open for caller in self.callers.values()), sum(session.line.open for session in self.sessions))

    def note(self, latencies: list[float], began: float, now: float | None) -> None:
        """Something took until now, or has never come; nothing, if it had not begun."""
        if self.measuring and began == began:
            if now is None:
                self.measured.lost += 1
            else:
                latencies.append(now - began)

    def note_sent(self, late: float) -> None:
        """A frame was sent so late."""
        self.measured.late_sends += self.measuring and late > 0.005

    # ---- the loop

    def at(self, when: float, do: Callable[[], None]) -> None:
        """Do something then."""
        heapq.heappush(self._due, (when, next(self._order), do))

    def watch(self, sock: socket.socket, read: Callable[[], None]) -> None:
        """Read when there is something."""
        self._selector.register(sock, selectors.EVENT_READ, read)

    def forget(self, sock: socket.socket) -> None:
        """Watch it no more."""
        self._selector.unregister(sock)

    def run(self, seconds: float) -> None:
        """Let so much time pass."""
        until = time.monotonic() + seconds
        while (now := time.monotonic()) < until:
            while self._due and self._due[0][0] <= now:
                heapq.heappop(self._due)[2]()
            wait = min(until, self._due[0][0] if self._due else until) - time.monotonic()
            for key, _ in self._selector.select(max(0.0, wait)):
                key.data()

    def close(self) -> None:
        """Hang up, and close everything."""
        for caller in self.callers.values():
            caller.hang_up()
        self.run(0.3)
        for line in [*(caller.line for caller in self.callers.values()), *(session.line for session in self.sessions)]:
            line.close()
        self._server.close()
        self._selector.close()
