import os

import trio

from trioaudio import Agent, Usage, open_channel, open_session
from trioaudio.testing import OpenAIEmulator

MODEL = "openai:gpt-realtime-2.1" if "OPENAI_API_KEY" in os.environ else OpenAIEmulator().model


def price(usage: Usage) -> float:
    """What it costs, with dollars for a million tokens as your contract has them."""
    heard = usage.input_audio_tokens - usage.cached_audio_tokens
    read = usage.input_tokens - usage.input_audio_tokens - (usage.cached_tokens - usage.cached_audio_tokens)
    written = usage.output_tokens - usage.output_audio_tokens
    spent = 32.0 * heard + 4.0 * read + 0.4 * usage.cached_tokens + 64.0 * usage.output_audio_tokens + 16.0 * written
    return spent / 1e6


async def main() -> None:
    agent = Agent("You are the receptionist of a small hotel.", greeting="Good morning.")
    async with open_channel("wavfile:caller.wav?hangup_after=5") as channel, open_session(channel, MODEL, agent) as session:
        await trio.sleep(4)
        summary = await session.aside("Say in one line what the caller wants.")
        await session.wait_closed()
    print(f"summary: {summary}")
    print(f"{session.usage.input_tokens} tokens in, {session.usage.output_tokens} out: {price(session.usage):.4f} dollars")


trio.run(main)
