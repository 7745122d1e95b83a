import os

import trio

from trioaudio import Agent, open_channel, open_session
from trioaudio.testing import OpenAILiveEmulator

# With a key the call is real; without one, a server on this machine plays GPT-Live: it says again what it hears.
MODEL = "openai-live:gpt-live-1" if "OPENAI_API_KEY" in os.environ else OpenAILiveEmulator().model


async def main() -> None:
    agent = Agent("You are the receptionist of a small hotel.", voice="marin")
    async with open_channel("wavfile:caller.wav?hangup_after=12") as channel, open_session(channel, MODEL, agent) as session:
        await session.wait_closed()
    for line in session.transcript:
        print(f"{line.speaker}: {line.text}")


trio.run(main)
