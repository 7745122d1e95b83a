"""A browser's call from an ASGI server that runs on Trio, such as Hypercorn: for apps of Starlette, FastAPI or Quart."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from .._errors import RemoteProtocolError
from .._limits import Limits, Timeouts
from .._secret import Secret
from ..abc import Headers, WebSocket
from ..wire._browser.origin import is_allowed, is_ours
from ..wire.browser import RATE, SUBPROTOCOL, BrowserWire, Hello
from ._asgi_socket import open_asgi_socket
from ._browser_call import LEAD, BrowserSource, Refusal, greeted, turned_away

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
AsgiReceive: TypeAlias = Callable[[], Awaitable[Message]]
"""An ASGI server's ``receive``."""
AsgiSend: TypeAlias = Callable[[Message], Awaitable[None]]
"""An ASGI server's ``send``."""

POLICY_VIOLATION = 1008


@asynccontextmanager
async def open_asgi(
    scope: Scope,
    receive: AsgiReceive,
    send: AsgiSend,
    *,
    origins: Sequence[str] = (),
    token: Secret | None = None,
    rate: int = RATE,
    lead: float = LEAD,
    limits: Limits | None = None,
    timeouts: Timeouts | None = None,
) -> AsyncGenerator[BrowserSource, None]:
    """Take a browser's call out of an ASGI app: ``async with open_asgi(scope, receive, send) as source, open_channel(source) ...``.

    The websocket must not have been accepted yet: whose page asks is looked at before. Who the visitor is (cookies, sessions) is the
    app's affair. The server must run on Trio; for one that runs on asyncio, `AsgiThread` is between.

    Args:
        scope, receive, send: what the server calls an app with.
        origins: whose pages may call beside those of the server itself, such as ``https://app.example.com``: also that which visitors
            see, where a proxy stands before the server.
        token: what a page must show. A client that names no origin, which is no browser, must show one.
        rate: samples a second at which the page is sent audio.
        lead: how far ahead of real time it is fed, in seconds.
        limits: ``message`` counts.
        timeouts: ``write`` and ``close`` count.

    Checkpoint: yes; returns when the page has said hello, within 5 s.

    Raises:
        RemoteProtocolError: who asked was turned away, and told why: the app has nothing more to do.
        trio.EndOfChannel, trio.BrokenResourceError: they went away.
        ValueError: this is no websocket of ASGI, or it was accepted before.
    """
    if scope.get("type") != "websocket":
        raise ValueError(f"a scope of type {scope.get('type')!r} is no websocket; route only websockets here")
    if (first := await receive())["type"] != "websocket.connect":
        raise ValueError(f"the websocket begins with {first['type']!r}: hand it over before it is accepted")
    offered = list(scope.get("subprotocols") or ())
    if (complaint := _complaint(scope, offered, origins, token)) is not None:
        await _deny(scope, send, complaint)
        raise RemoteProtocolError(complaint)
    async with open_asgi_socket(receive, send, SUBPROTOCOL, limits=limits, timeouts=timeouts) as websocket:
        hello = await _greeted(websocket, token, offered)
        if isinstance(hello, Refusal):
            await turned_away(websocket, hello)
            raise RemoteProtocolError(hello.words)
        yield BrowserSource(websocket, BrowserWire(hello, secrets.token_hex(8), rate=rate), lead)


async def _greeted(websocket: WebSocket, token: Secret | None, offered: Sequence[str]) -> Hello | Refusal:
    try:
        return await greeted(websocket, token, offered)
    except Refusal as refusal:
        return refusal


def _complaint(scope: Scope, offered: Sequence[str], origins: Sequence[str], token: Secret | None) -> str | None:
    """Why no websocket is opened, in words that say what to do."""
    headers = Headers((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope.get("headers") or ())
    host, server = headers.get("host", ""), scope.get("server")
    if not is_ours(host, server[0] if server else None, origins):
        return f"this server is not called {host[:100]!r}; if it is, name its origin among those that may call"
    own = f"{'https' if scope.get('scheme') in ('wss', 'https') else 'http'}://{host}"
    if any(not is_allowed(origin, own, origins) for origin in headers.all("origin")):
        return "pages of this origin may not call here; if they may, name it among those that may call"
    if not headers.all("origin") and token is None:
        return "no origin: a program that is no browser needs a token, and none is taken here"
    return None if SUBPROTOCOL in offered else f"the subprotocol {SUBPROTOCOL} is spoken here"


async def _deny(scope: Scope, send: AsgiSend, words: str) -> None:
    """Refuse the handshake: with words, where the server can (ASGI's extension Websocket Denial Response), else it is a plain 403."""
    extensions: Mapping[str, object] = scope.get("extensions") or {}
    if "websocket.http.response" not in extensions:
        await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": ""})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "websocket.http.response.start", "status": 403, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": f"403: {words}\n".encode()})
