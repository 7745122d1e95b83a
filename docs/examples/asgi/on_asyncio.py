"""A Starlette app with a voice, under Uvicorn, which runs on asyncio: calls live in a thread of their own, where Trio runs."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from trioaudio import Agent, AsgiThread, RemoteProtocolError, converse, open_channel
from trioaudio.sources import browser


async def talk(scope: Any, receive: Any, send: Any) -> None:
    """All that is in here runs on Trio, and must not touch what is asyncio's."""
    with suppress(RemoteProtocolError):  # who may not call has been told so
        async with browser.open_asgi(scope, receive, send) as source, open_channel(source) as channel:
            await converse(channel, "parrot", Agent("You are kind."))


async def home(request: object) -> PlainTextResponse:
    return PlainTextResponse("an app like any other")


async def voice(websocket: WebSocket) -> None:
    """The endpoint, on asyncio: here the app looks who the visitor is."""
    await websocket.app.state.voice(websocket.scope, websocket.receive, websocket.send)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncGenerator[None, None]:
    async with AsgiThread(talk) as app.state.voice:
        yield


app = Starlette(routes=[Route("/", home), WebSocketRoute("/ws", voice)], lifespan=lifespan)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=8000)
