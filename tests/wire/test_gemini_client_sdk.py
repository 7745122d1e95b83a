"""The official SDK talks to the emulated server as it would to the live one.

It needs asyncio, so it runs in a process of its own. Needs the dependency group ``sdk`` (``nox -s sdk``).
"""

from __future__ import annotations

import subprocess
import sys

import pytest
import trio

from trioaudio.testing import GeminiCall, GeminiEmulator, GeminiQuestion, GeminiReply

pytest.importorskip("google.genai", reason="the dependency group sdk is not installed")
pytest.importorskip("websockets", reason="the dependency group sdk is not installed")

CLIENT = """
import asyncio, sys
from google import genai
from google.genai import types

async def main():
    client = genai.Client(api_key="any", http_options=types.HttpOptions(base_url=sys.argv[1].replace("ws:", "http:"), api_version="v1beta"))
    # It speaks TLS with any server; this one is on this machine.
    client._api_client._websocket_base_url = lambda *args: sys.argv[1]
    client._api_client._websocket_ssl_ctx = {}
    tool = types.FunctionDeclaration(name="look_up", description="Look up.")
    config = {
        "response_modalities": ["AUDIO"],
        "system_instruction": "Be kind.",
        "output_audio_transcription": {},
        "tools": [types.Tool(function_declarations=[tool])],
        "session_resumption": {},
    }
    async with client.aio.live.connect(model="gemini-3.8-live", config=config) as session:
        await session.send_realtime_input(audio=types.Blob(data=bytes(640), mime_type="audio/pcm;rate=16000"))
        await session.send_realtime_input(text="Say hello.")
        async for message in session.receive():  # a turn
            if message.tool_call:
                [call] = message.tool_call.function_calls
                print("call", call.name, call.args)
                response = types.FunctionResponse(id=call.id, name=call.name, response={"output": "seven"})
                await session.send_tool_response(function_responses=[response])
            if message.data:
                print("audio", len(message.data) > 0)
            if message.server_content and message.server_content.output_transcription:
                print("words", message.server_content.output_transcription.text)
            if message.server_content and message.server_content.turn_complete:
                print("complete", message.usage_metadata.response_token_count > 0)

asyncio.run(main())
"""


def answer(question: GeminiQuestion) -> GeminiReply:
    return GeminiReply("seven") if question.results else GeminiReply(calls=(GeminiCall("look_up", '{"a": 1}'),))


async def test_the_official_client_has_a_conversation() -> None:
    emulator = GeminiEmulator(answer)
    with trio.fail_after(60):
        async with emulator.listen() as url:
            done = await trio.run_process([sys.executable, "-c", CLIENT, url], capture_stdout=True, stderr=subprocess.STDOUT, check=False)
    told = done.stdout.decode().splitlines()
    assert told[0] == "call look_up {'a': 1}", "\n".join(told)
    assert "words seven " in told
    assert told[-1] == "complete True"
    [session] = emulator.sessions
    assert session.closing is None
    assert list(session.results) == [("call_1_1", "seven")]
