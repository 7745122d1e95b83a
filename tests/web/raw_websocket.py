"""The far end of a websocket, written out by hand: it shares no code with what it tests, and can be as rude as it likes."""

from __future__ import annotations

import base64
import hashlib
import os
import struct

import trio

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class RawPeer:
    """Frames over a stream of Trio's."""

    def __init__(self, stream: trio.abc.Stream, *, masks: bool) -> None:
        self.stream, self.masks = stream, masks
        self._buffer = b""

    async def shake_hands_as_client(self, path: str = "/ws", *more: str) -> str:
        """Ask for a websocket; returns the head of the answer."""
        key = base64.b64encode(b"k" * 16).decode()
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {key}"]
        await self.stream.send_all("\r\n".join([*lines, "Sec-WebSocket-Version: 13", *more, "", ""]).encode())
        return await self.read_head()

    async def shake_hands_as_server(self) -> None:
        """Let a client have its websocket."""
        head = await self.read_head()
        (key,) = (line.split(":")[1].strip() for line in head.splitlines() if line.lower().startswith("sec-websocket-key:"))
        token = base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()
        lines = ["HTTP/1.1 101 Yes", "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {token}"]
        await self.stream.send_all("\r\n".join([*lines, "", ""]).encode())

    async def read_head(self) -> str:
        while b"\r\n\r\n" not in self._buffer:
            await self._more()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        return head.decode()

    async def send(self, opcode: int, payload: bytes = b"", *, fin: bool = True) -> None:
        await self.stream.send_all(self.frame(opcode, payload, fin=fin))

    def frame(self, opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
        length = len(payload)
        size = (
            bytes([length])
            if length < 126
            else b"\x7e" + struct.pack("!H", length)
            if length < 65536
            else b"\x7f" + struct.pack("!Q", length)
        )
        head = bytes([opcode | (0x80 if fin else 0)])
        if not self.masks:
            return head + size + payload
        mask = os.urandom(4)
        return head + bytes([size[0] | 0x80]) + size[1:] + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))

    async def receive(self) -> tuple[int, bytes]:
        """The next frame: opcode and payload."""
        head = await self._take(2)
        length = head[1] & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", await self._take(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", await self._take(8))
        mask = await self._take(4) if head[1] & 0x80 else b"\0\0\0\0"
        payload = await self._take(length)
        if any(mask):
            payload = (int.from_bytes(payload, "big") ^ int.from_bytes((mask * (length // 4 + 1))[:length], "big")).to_bytes(length, "big")
        return head[0] & 0x0F, payload

    async def receive_close(self) -> int:
        """Skip everything up to the goodbye; returns its code."""
        while True:
            opcode, payload = await self.receive()
            if opcode == CLOSE:
                return struct.unpack("!H", payload[:2])[0] if payload else 1005

    async def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            await self._more()
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    async def _more(self) -> None:
        data = await self.stream.receive_some(65536)
        if not data:
            raise trio.EndOfChannel
        self._buffer += data
