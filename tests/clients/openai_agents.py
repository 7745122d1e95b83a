"""A call with OpenAI's agents package for Python: speak, be answered, interrupt, let a tool be called. Arguments: URL, file of speech."""

import asyncio
import sys

from agents import function_tool, set_tracing_disabled
from agents.realtime import RealtimeAgent, RealtimeRunner


@function_tool
def look_up(word: str) -> str:
    """Look up a word.

    Args:
        word: which one.
    """
    print("looked up", word, flush=True)
    return f"{word} is 42"


async def main(url: str, speech: bytes) -> None:
    set_tracing_disabled(True)
    agent = RealtimeAgent(name="receptionist", instructions="Be brief.", tools=[look_up])
    settings = {"model_name": "gpt-realtime-2.1", "turn_detection": {"type": "server_vad", "silence_duration_ms": 500}}
    config = {"api_key": "any", "url": f"{url}/realtime?model=gpt-realtime-2.1", "initial_model_settings": settings}
    async with await RealtimeRunner(agent).run(model_config=config) as session:

        async def until(kind: str):
            async for event in session:
                print(event.type, flush=True)
                assert event.type != "error", event
                if event.type == kind:
                    return event
            raise EOFError(f"the session ended before {kind}")

        async def speak() -> None:
            for begin in range(0, len(speech), 960):
                await session.send_audio(speech[begin : begin + 960])

        await speak()
        await until("audio")
        await asyncio.sleep(0.2)
        await speak()
        await until("audio_interrupted")
        await until("audio_end")
        await until("audio")
        await until("agent_end")
        await session.send_message('/call look_up {"word": "answer"}')
        await until("tool_end")
        await until("audio")
        await until("agent_end")


with open(sys.argv[2], "rb") as file:
    asyncio.run(main(sys.argv[1], file.read()))
