"""Bridges telephone calls to a realtime server, as a program of a user's would: nothing but public names of trioaudio.

``python phone_bridge.py --upstream ws://host:port/path [--codec pcmu|pcm24]`` listens on a free port of this machine, prints
``READY port``, takes Twilio's media websockets at ``/ws``, connects each call to ``path/CALL``, and ends on SIGTERM. What it costs is
measured from outside.
"""

from __future__ import annotations

import argparse
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import trio

from trioaudio import converse, open_channel, open_front_door
from trioaudio.abc import Model, PhoneExchange, PhoneSource, PhoneStream, Upgrade, open_socket
from trioaudio.audio import MULAW_8K, PCM16_24K
from trioaudio.models.openai import open_openai_over
from trioaudio.wire.twilio import TWILIO

CODECS = {"pcmu": MULAW_8K, "pcm24": PCM16_24K}


@asynccontextmanager
async def connect(upstream: str, call: str, codec: str) -> AsyncGenerator[Model, None]:
    """The model that one call talks to."""
    async with open_socket(f"{upstream}/{call}") as websocket, open_openai_over(websocket) as model:
        model.input_formats = model.output_formats = (CODECS[codec],)
        yield model


async def talk(stream: PhoneStream, upstream: str, codec: str) -> None:
    """One call, until somebody ends it."""
    try:
        async with open_channel(PhoneSource(stream.websocket, stream.wire)) as channel:
            await converse(channel, partial(connect, upstream, stream.start.call, codec))
    finally:
        stream.over.set()


async def bridge(upstream: str, codec: str) -> None:
    """Take calls until told to go away."""
    async with trio.open_nursery() as nursery, open_front_door(port=0) as door:
        exchange = PhoneExchange("bench", TWILIO, "token", unannounced=lambda stream: nursery.start_soon(talk, stream, upstream, codec))

        async def media(upgrade: Upgrade) -> None:
            await exchange.serve(await upgrade.accept())

        door.websocket("/ws", media, auth="none")
        with trio.open_signal_receiver(signal.SIGTERM) as told:
            print("READY", door.addresses[0][1], flush=True)
            await anext(aiter(told))
        nursery.cancel_scope.cancel("told to go away")


def main() -> None:
    """Do what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upstream", required=True, metavar="URL")
    parser.add_argument("--codec", choices=CODECS, default="pcmu")
    options = parser.parse_args()
    trio.run(bridge, options.upstream, options.codec)


if __name__ == "__main__":
    main()
