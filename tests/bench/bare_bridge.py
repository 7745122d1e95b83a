"""The same bridge as `phone_bridge`, as a loop on trio-websocket and json: no turns, no positions, no pings, no limits. A yardstick."""

from __future__ import annotations

import argparse
import json
import signal
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, WebSocketRequest, open_websocket, serve_websocket


async def talk(upstream: str, request: WebSocketRequest) -> None:
    """One call, until somebody ends it."""
    caller = await request.accept()
    try:
        start = await _started(caller)
        parts = urlsplit(upstream)
        opening = open_websocket(parts.hostname or "", parts.port or 80, f"{parts.path}/{start['callSid']}", use_ssl=False)
        async with opening as model, trio.open_nursery() as nursery:
            sound = {"type": "audio/pcmu"}
            audio = {"input": {"format": sound}, "output": {"format": sound}}
            await model.send_message(json.dumps({"type": "session.update", "session": {"type": "realtime", "audio": audio}}))
            nursery.start_soon(_say, model, caller, start["streamSid"])
            await _hear(caller, model)
            nursery.cancel_scope.cancel()
    except* ConnectionClosed:
        pass


async def _started(caller: WebSocketConnection) -> dict[str, Any]:
    while True:
        message = json.loads(await caller.get_message())
        if message["event"] == "start":
            return dict(message["start"])


async def _hear(caller: WebSocketConnection, model: WebSocketConnection) -> None:
    while True:
        message = json.loads(await caller.get_message())
        if message["event"] == "media":
            await model.send_message(json.dumps({"type": "input_audio_buffer.append", "audio": message["media"]["payload"]}))
        elif message["event"] == "stop":
            return


async def _say(model: WebSocketConnection, caller: WebSocketConnection, stream: str) -> None:
    while True:
        message = json.loads(await model.get_message())
        if message["type"] == "response.output_audio.delta":
            await caller.send_message(json.dumps({"event": "media", "streamSid": stream, "media": {"payload": message["delta"]}}))
        elif message["type"] == "input_audio_buffer.speech_started":
            await caller.send_message(json.dumps({"event": "clear", "streamSid": stream}))


async def bridge(upstream: str) -> None:
    """Take calls until told to go away."""
    async with trio.open_nursery() as nursery:
        server = await nursery.start(partial(serve_websocket, partial(talk, upstream), "127.0.0.1", 0, None))
        with trio.open_signal_receiver(signal.SIGTERM) as told:
            print("READY", server.port, flush=True)
            await anext(aiter(told))
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--upstream", required=True)
    trio.run(bridge, parser.parse_args().upstream)
