"""A Starlette app with a voice, under Hypercorn, which runs on Trio: the call is a block in the endpoint of its websocket."""

from contextlib import suppress
from typing import Any

import hypercorn
import trio
from hypercorn.trio import serve
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from trioaudio import Agent, RemoteProtocolError, converse, open_channel
from trioaudio.sources import browser


async def home(request: object) -> PlainTextResponse:
    return PlainTextResponse("an app like any other")


async def talk(websocket: WebSocket) -> None:
    with suppress(RemoteProtocolError):  # who may not call has been told so
        async with browser.open_asgi(websocket.scope, websocket.receive, websocket.send) as source, open_channel(source) as channel:
            await converse(channel, "parrot", Agent("You are kind."))


app: Any = Starlette(routes=[Route("/", home), WebSocketRoute("/ws", talk)])

if __name__ == "__main__":
    config = hypercorn.Config()
    config.bind = ["127.0.0.1:8000"]
    trio.run(serve, app, config)
