"""The handshake of a websocket: how a client asks for one, and what either side makes of the key."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import ssl
from collections.abc import Sequence
from typing import TypeAlias

import h11
import trio

from .._errors import RemoteProtocolError, UpgradeRefusedError
from .._limits import Limits
from .._secret import Secret
from .address import Address
from .pipe import Pipe, SocketPipe, StreamPipe

_Header: TypeAlias = tuple[str, str | Secret]
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def accept_token(key: str) -> str:
    """What a server answers to the key of a client, to say that it speaks of websockets (RFC 6455, 4.2.2)."""
    return base64.b64encode(hashlib.sha1((key + GUID).encode("latin-1"), usedforsecurity=False).digest()).decode("ascii")


def _request(address: Address, headers: dict[str, str | Secret], subprotocols: Sequence[str]) -> list[_Header]:
    key = base64.b64encode(os.urandom(16)).decode("ascii")
    asked: list[_Header] = [("Host", address.authority), ("Upgrade", "websocket"), ("Connection", "Upgrade")]
    asked += [("Sec-WebSocket-Key", key), ("Sec-WebSocket-Version", "13")]
    if subprotocols:
        asked.append(("Sec-WebSocket-Protocol", ", ".join(subprotocols)))
    return [*asked, *headers.items()]


def _revealed(header: _Header) -> tuple[str, str]:
    """A header as it is sent; a secret is a secret until then."""
    name, value = header
    return name, value.reveal() if isinstance(value, Secret) else value


async def shaken(
    address: Address, headers: dict[str, str | Secret], subprotocols: Sequence[str], ssl_context: ssl.SSLContext | None, limits: Limits
) -> tuple[Pipe, str | None, bytes]:
    """Connect and shake hands: the open pipe, the subprotocol agreed on, and what was read behind the handshake.

    Raises:
        trio.BrokenResourceError, RemoteProtocolError: as `open_socket`.
    """
    asked = _request(address, headers, subprotocols)
    pipe = await _connected(address, ssl_context)
    try:
        return (pipe, *await _shake_hands(pipe, address, asked, limits))
    except BaseException:
        pipe.close()
        raise


async def _connected(address: Address, ssl_context: ssl.SSLContext | None) -> Pipe:
    try:
        stream = await trio.open_tcp_stream(address.host, address.port)
    except OSError as exc:
        raise trio.BrokenResourceError(f"{address.authority} cannot be reached: {exc}") from exc
    if not address.secure:
        return SocketPipe(socket.socket(fileno=stream.socket.detach()))
    secured = trio.SSLStream(stream, ssl_context or ssl.create_default_context(), server_hostname=address.host, https_compatible=True)
    pipe = StreamPipe(secured, stream.socket.close)
    try:
        await secured.do_handshake()
    except trio.BrokenResourceError as exc:
        pipe.close()
        raise trio.BrokenResourceError(f"{address.authority} and we agree on no TLS: {exc.__cause__ or exc}") from exc
    except BaseException:
        pipe.close()
        raise
    return pipe


async def _shake_hands(pipe: Pipe, address: Address, asked: list[_Header], limits: Limits) -> tuple[str | None, bytes]:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=limits.http_header)
    await pipe.write(connection.send(h11.Request(method="GET", target=address.target, headers=list(map(_revealed, asked)))) or b"")
    await pipe.write(connection.send(h11.EndOfMessage()) or b"")
    answer = await _answer(pipe, connection, address)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in answer.headers}
    key = str(dict(asked)["Sec-WebSocket-Key"])
    if headers.get("sec-websocket-accept") != accept_token(key):
        raise RemoteProtocolError(f"{address.authority} did not confirm the handshake of the websocket")
    return headers.get("sec-websocket-protocol"), connection.trailing_data[0]


async def _answer(pipe: Pipe, connection: h11.Connection, address: Address) -> h11.InformationalResponse:
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as exc:
            raise RemoteProtocolError(f"{address.authority} does not speak HTTP: {exc}") from exc
        if event is h11.NEED_DATA:
            connection.receive_data(await pipe.read())
        elif isinstance(event, h11.InformationalResponse) and event.status_code == 101:
            return event
        elif isinstance(event, h11.Response):
            said = f"{address.authority} does not open a websocket: {event.status_code} {event.reason.decode('latin-1')}"
            raise UpgradeRefusedError(said, event.status_code)
        elif not isinstance(event, h11.InformationalResponse):
            raise trio.BrokenResourceError(f"{address.authority} ended the connection in the middle of the handshake")
