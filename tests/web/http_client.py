"""An HTTP client written by hand: it shares no code with what it tests."""

from __future__ import annotations

import trio

from trioaudio.abc import Headers


class Client:
    """Somebody who writes HTTP by hand."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream, self._buffer = stream, b""

    async def say(self, *lines: str, body: bytes = b"") -> None:
        await self.stream.send_all("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    async def answer(self, *, head: bool = False) -> tuple[int, Headers, bytes]:
        while b"\r\n\r\n" not in self._buffer:
            await self._more()
        top, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *lines = top.decode("latin-1").split("\r\n")
        headers = Headers((name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines))
        length = 0 if head else int(headers.get("content-length", 0))
        while len(self._buffer) < length:
            await self._more()
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return int(first.split()[1]), headers, body

    async def get(self, path: str, *lines: str, host: str = "localhost") -> tuple[int, Headers, bytes]:
        await self.say(f"GET {path} HTTP/1.1", f"Host: {host}", *lines)
        return await self.answer()

    async def post(self, path: str, body: bytes, *lines: str) -> tuple[int, Headers, bytes]:
        await self.say(f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *lines, body=body)
        return await self.answer()

    async def left(self) -> bool:
        """Whether the door has closed the connection."""
        return self._buffer == b"" and await self.stream.receive_some(1) == b""

    async def _more(self) -> None:
        data = await self.stream.receive_some(65536)
        if not data:
            raise trio.EndOfChannel
        self._buffer += data
