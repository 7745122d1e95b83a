"""How a fake carrier reaches a server: through a front door in memory, or over real sockets."""

from __future__ import annotations

import ssl
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from urllib.parse import urlencode, urlsplit

import h11
import trio

from ... import RemoteProtocolError
from ...abc import WebSocket, open_socket
from .._memory_door import MemoryFrontDoor

WITHIN = 15.0
"""Seconds in which a webhook must be answered, as Twilio has it."""
LONGEST = 65_536
"""Bytes of a document: Twilio's own bound."""
FORM = "application/x-www-form-urlencoded"


class CarrierWeb(ABC):
    """The web as a carrier uses it."""

    @abstractmethod
    async def post(self, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> tuple[int, str]:
        """Post a form; status and text of the answer. Checkpoint: yes.

        Raises:
            trio.BrokenResourceError: nobody answers, or not in time.
        """

    @abstractmethod
    def open_websocket(self, url: str, headers: Mapping[str, str]) -> AbstractAsyncContextManager[WebSocket]:
        """Open a websocket; raises `trio.BrokenResourceError` where it is refused."""


class MemoryWeb(CarrierWeb):
    """Through a front door in memory."""

    def __init__(self, door: MemoryFrontDoor) -> None:
        self._door = door

    async def post(self, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> tuple[int, str]:
        """As `CarrierWeb.post`."""
        response = await self._door.request("POST", url, {**headers, "Content-Type": FORM}, urlencode(form).encode())
        return response.status, response.body if isinstance(response.body, str) else response.body.decode("utf-8", "replace")

    @asynccontextmanager
    async def open_websocket(self, url: str, headers: Mapping[str, str]) -> AsyncGenerator[WebSocket, None]:
        """As `CarrierWeb.open_websocket`."""
        websocket = await self._door.open_websocket(url, headers)
        try:
            yield websocket
        finally:
            await websocket.aclose()  # noqa: ASYNC102 - it does not wait


class SocketWeb(CarrierWeb):
    """Over sockets.

    Args:
        connect: host and port that every URL is found at, unencrypted, whatever the URL says: a server that is not published yet.
        ssl_context: how certificates are checked, without ``connect``.
    """

    def __init__(self, connect: tuple[str, int] | None = None, ssl_context: ssl.SSLContext | None = None) -> None:
        self._connect, self._ssl = connect, ssl_context

    async def post(self, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> tuple[int, str]:
        """As `CarrierWeb.post`."""
        with trio.move_on_after(WITHIN):
            return await self._posted(url, urlencode(form).encode(), headers)
        raise trio.BrokenResourceError(f"the webhook was not answered within {WITHIN:g} s")

    async def _posted(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        head = [
            ("Host", parts.netloc),
            ("Content-Type", FORM),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
            *headers.items(),
        ]
        connection = h11.Connection(h11.CLIENT)
        try:
            async with await self._stream(url) as stream:
                for event in (h11.Request(method="POST", target=target, headers=head), h11.Data(data=body), h11.EndOfMessage()):
                    await stream.send_all(connection.send(event) or b"")
                return await _answer(stream, connection)
        except OSError as exc:
            raise trio.BrokenResourceError(f"the webhook cannot be reached: {exc}") from exc
        except h11.RemoteProtocolError as exc:
            raise RemoteProtocolError(f"what answers the webhook speaks no HTTP: {exc}") from exc

    async def _stream(self, url: str) -> trio.abc.Stream:
        parts = urlsplit(url)
        secure = parts.scheme in ("https", "wss") and self._connect is None
        host, port = self._connect or (parts.hostname or "", parts.port or (443 if secure else 80))
        stream = await trio.open_tcp_stream(host, port)
        if not secure:
            return stream
        return trio.SSLStream(stream, self._ssl or ssl.create_default_context(), server_hostname=host, https_compatible=True)

    @asynccontextmanager
    async def open_websocket(self, url: str, headers: Mapping[str, str]) -> AsyncGenerator[WebSocket, None]:
        """As `CarrierWeb.open_websocket`."""
        async with open_socket(url, headers=dict(headers), connect=self._connect, ssl_context=self._ssl, insecure=True) as websocket:
            yield websocket


async def _answer(stream: trio.abc.Stream, connection: h11.Connection) -> tuple[int, str]:
    status, body = 0, bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(bytes(await stream.receive_some(LONGEST)))
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > LONGEST:
                raise RemoteProtocolError(f"the answer to the webhook is longer than {LONGEST} bytes")
        elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
            return status, body.decode("utf-8", "replace")
