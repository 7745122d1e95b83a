import os

import trio

from trioaudio import Agent, open_channel, open_session
from trioaudio.testing import OpenAIEmulator, OpenAIServerOptions

# With a key the call is real; without one, a server on this machine plays xAI.
MODEL = "xai:grok-voice-latest" if "XAI_API_KEY" in os.environ else OpenAIEmulator(options=OpenAIServerOptions(dialect="xai")).model


async def main() -> None:
    agent = Agent("You are the receptionist of a small hotel.", voice="eve", greeting="Good morning, this is the Hotel Miramar.")
    async with open_channel("wavfile:caller.wav?hangup_after=5") as channel, open_session(channel, MODEL, agent) as session:
        await session.wait_closed()
    for line in session.transcript:
        print(f"{line.speaker}: {line.text}")


trio.run(main)
