"""The official SDK talks to the emulated server as it would to the live one.

It needs asyncio, so it runs in a process of its own. Needs the dependency group ``sdk`` (``nox -s sdk``).
"""

from __future__ import annotations

import subprocess
import sys

import pytest
import trio

from trioaudio.testing import OpenAIEmulator

pytest.importorskip("openai", reason="the dependency group sdk is not installed")
pytest.importorskip("websockets", reason="the dependency group sdk is not installed")

CLIENT = """
import asyncio, sys
from openai import AsyncOpenAI

async def main():
    client = AsyncOpenAI(api_key="any", websocket_base_url=sys.argv[1])
    async with client.realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Say hello."}]}
        await connection.conversation.item.create(item=item)
        await connection.response.create()
        async for event in connection:
            print(event.type, getattr(event, "text", ""))
            if event.type == "response.done":
                break

asyncio.run(main())
"""


async def test_the_official_client_has_a_conversation() -> None:
    emulator = OpenAIEmulator()
    with trio.fail_after(60):
        async with emulator.listen() as url:
            done = await trio.run_process([sys.executable, "-c", CLIENT, url], capture_stdout=True, stderr=subprocess.STDOUT)
    told = done.stdout.decode().splitlines()
    assert told[0].split() == ["session.created"]
    assert "response.output_text.done Say hello." in told
    assert told[-1].split() == ["response.done"]
    assert emulator.sessions[-1].errors == []
