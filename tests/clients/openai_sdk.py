"""A call with OpenAI's own Python SDK: speak, be answered, interrupt, let a tool be called. Arguments: URL, file of speech."""

import asyncio
import base64
import sys

from openai import AsyncOpenAI

SESSION = {
    "type": "realtime",
    "instructions": "Be brief.",
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": {"model": "gpt-4o-mini-transcribe"},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 500},
        },
        "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin"},
    },
    "tools": [{"type": "function", "name": "look_up", "parameters": {"type": "object", "properties": {"word": {"type": "string"}}}}],
}


async def main(url: str, speech: bytes) -> None:
    client = AsyncOpenAI(api_key="any", websocket_base_url=url)
    async with client.realtime.connect(model="gpt-realtime-2.1") as connection:

        async def until(kind: str):
            async for event in connection:
                print(event.type, flush=True)
                assert event.type != "error", event
                if event.type == kind:
                    return event
            raise EOFError(f"the session ended before {kind}")

        async def speak() -> None:
            for begin in range(0, len(speech), 960):
                await connection.input_audio_buffer.append(audio=base64.b64encode(speech[begin : begin + 960]).decode())

        await connection.session.update(session=SESSION)
        await until("session.updated")
        await speak()
        delta = await until("response.output_audio.delta")
        await speak()
        await until("input_audio_buffer.speech_started")
        await connection.conversation.item.truncate(item_id=delta.item_id, content_index=0, audio_end_ms=80)
        await until("conversation.item.truncated")
        await until("response.output_audio.delta")
        await until("response.done")
        words = {"type": "input_text", "text": '/call look_up {"word": "answer"}'}
        await connection.conversation.item.create(item={"type": "message", "role": "user", "content": [words]})
        await connection.response.create()
        call = await until("response.function_call_arguments.done")
        await until("response.done")
        await connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": call.call_id, "output": f"{call.arguments} is 42"}
        )
        await connection.response.create()
        done = await until("response.output_audio_transcript.done")
        print("said", done.transcript)
        await until("response.done")


with open(sys.argv[2], "rb") as file:
    asyncio.run(main(sys.argv[1], file.read()))
