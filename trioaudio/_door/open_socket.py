"""A websocket to somebody's server."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import trio

from .._errors import OptionError
from .._limits import Limits, Timeouts
from .._secret import Secret, require_private
from .._socket import WebSocket
from .address import Address
from .service_nursery import open_service_nursery


def _address(url: str, insecure: bool) -> Address:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise OptionError(f"a websocket is opened by ws://HOST:PORT/PATH or wss://HOST:PORT/PATH ({exc})") from exc
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise OptionError(f"a websocket is opened by ws://HOST/PATH or wss://HOST/PATH, not by a URL of the scheme {parts.scheme!r}")
    if parts.username is not None:
        raise OptionError("the URL of a websocket must not hold a user name or password; pass an Authorization header")
    require_private(url, insecure=insecure)
    secure = parts.scheme == "wss"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Address(parts.hostname, port or (443 if secure else 80), secure, target)


def _behind_proxy(address: Address, host: str, port: int, *, insecure: bool) -> Address:
    require_private(f"ws://[{host}]:{port}" if ":" in host else f"ws://{host}:{port}", insecure=insecure)
    return Address(host, port, False, address.target, address.authority)


@asynccontextmanager
async def open_socket(
    url: str | Secret,
    *,
    headers: Mapping[str, str | Secret] | None = None,
    subprotocols: Sequence[str] = (),
    ssl_context: ssl.SSLContext | None = None,
    insecure: bool = False,
    connect: tuple[str, int] | None = None,
    limits: Limits | None = None,
    timeouts: Timeouts | None = None,
) -> AsyncGenerator[WebSocket, None]:
    """Open a websocket as a client, and close it when the block ends.

    Connecting, TLS and the handshake take at most `Timeouts.start` together.

    Args:
        url: ``wss://HOST/PATH``, or ``ws://`` on this machine; a `Secret` if its path tells who may come in.
        headers: more headers of the handshake. One with a key is a `Secret`: ``{"Authorization": key.prefixed("Bearer ")}``.
        subprotocols: in order of preference.
        ssl_context: how certificates are checked; as the system does, by default.
        insecure: allow ``ws://`` to other machines.
        connect: host and port at which that server is really found, unencrypted whatever the URL says: one behind a proxy that is not
            there yet. Only with ``insecure``, unless it is on this machine.

    Raises:
        OptionError: the URL is none.
        InsecureConnectionError: it is not encrypted, and not of this machine.
        UpgradeRefusedError: the server does not want to; has its HTTP status. Also a `trio.BrokenResourceError`.
        trio.BrokenResourceError: the server cannot be reached, or takes too long.
        RemoteProtocolError: what answers is no websocket server.
    """
    limits, timeouts = limits or Limits(), timeouts or Timeouts()
    address = _address(url.reveal() if isinstance(url, Secret) else url, insecure)
    if connect is not None:
        address = _behind_proxy(address, *connect, insecure=insecure)
    from .handshake import shaken  # only here: wsproto and h11 are for those who open one
    from .lean_socket import LeanSocket
    from .websocket_codec import WebSocketCodec

    async with open_service_nursery() as nursery:
        with trio.move_on_after(timeouts.start) as scope:
            pipe, subprotocol, first = await shaken(address, dict(headers or {}), subprotocols, ssl_context, limits)
        if scope.cancelled_caught:
            raise trio.BrokenResourceError(f"{address.authority} did not answer within {timeouts.start:g} s")
        codec = WebSocketCodec("client", limits.message)
        websocket = LeanSocket(pipe, codec, nursery.start_soon, timeouts, subprotocol=subprotocol, first=first)
        try:
            yield websocket
        finally:
            await websocket.aclose()  # noqa: ASYNC102 - cancelled, it closes without waiting
