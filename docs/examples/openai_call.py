import os

import trio

from trioaudio import Agent, TurnDetection, open_channel, open_session
from trioaudio.testing import OpenAIEmulator

# With a key the call is real; without one, a server on this machine plays OpenAI, as strictly as OpenAI.
MODEL = "openai:gpt-realtime-2.1" if "OPENAI_API_KEY" in os.environ else OpenAIEmulator().model


async def main() -> None:
    turns = TurnDetection(silence_ms=500)
    agent = Agent("You are the receptionist of a small hotel.", voice="marin", greeting="Good morning.", turn_detection=turns)
    async with open_channel("wavfile:caller.wav?hangup_after=5") as channel, open_session(channel, MODEL, agent) as session:
        await session.wait_closed()
    for line in session.transcript:
        print(f"{line.speaker}: {line.text}")


trio.run(main)
