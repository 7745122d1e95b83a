"""An ASGI server without a network: hands a websocket to an app, as `ASGI's specification <https://asgi.readthedocs.io>`_ has it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import trio

from trioaudio.abc import WebSocket


class Visit:
    """One websocket that is offered to an app."""

    def __init__(self, websocket: WebSocket | None, scope: dict[str, Any]) -> None:
        self.scope, self.said = scope, list[dict[str, Any]]()
        self._websocket, self._connected, self._over = websocket, False, False

    async def receive(self) -> dict[str, Any]:
        if not self._connected:
            self._connected = True
            await trio.lowlevel.checkpoint()
            return {"type": "websocket.connect"}
        assert self._websocket is not None
        try:
            data = await self._websocket.receive()
        except (trio.EndOfChannel, trio.BrokenResourceError, trio.ClosedResourceError):
            self._over = True
            await trio.lowlevel.checkpoint()
            return {"type": "websocket.disconnect", "code": self._websocket.close_code, "reason": self._websocket.close_reason}
        key = "text" if isinstance(data, str) else "bytes"
        return {"type": "websocket.receive", key: data}

    async def send(self, message: dict[str, Any]) -> None:
        self.said.append(message)
        await trio.lowlevel.checkpoint()
        if self._over:
            raise RuntimeError("the client has gone")
        if self._websocket is None or message["type"] == "websocket.accept":
            return
        if message["type"] == "websocket.close":
            await self._websocket.aclose(message["code"], message["reason"])
        else:
            await self._websocket.send(message.get("text") or message.get("bytes") or "")


def scope_of(**headers: str) -> dict[str, Any]:
    """What a server on this machine says of a page of its own; headers replace those of the page."""
    named = {"host": "127.0.0.1:8000", "origin": "http://127.0.0.1:8000", **headers}
    return {
        "type": "websocket",
        "scheme": "ws",
        "path": "/ws",
        "raw_path": b"/ws",
        "query_string": b"",
        "root_path": "",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 40_000),
        "headers": [(name.encode(), value.encode()) for name, value in named.items() if value],
        "subprotocols": ["trioaudio.v1"],
        "extensions": {},
        "asgi": {"version": "3.0"},
    }


def serving(app: Callable[..., Awaitable[object]], scope: dict[str, Any] | None = None) -> Callable[[WebSocket], Awaitable[None]]:
    """What a fake browser may call instead of a server."""

    async def serve(websocket: WebSocket) -> None:
        visit = Visit(websocket, scope or scope_of())
        await app(visit.scope, visit.receive, visit.send)

    return serve
