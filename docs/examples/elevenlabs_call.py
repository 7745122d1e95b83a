import os

import trio

from trioaudio import Agent, open_channel, open_session
from trioaudio.testing import ElevenLabsEmulator

# With an agent of yours and a key the call is real; without, a server on this machine plays the agent.
AGENT_ID = os.environ.get("ELEVENLABS_AGENT_ID")
MODEL = f"elevenlabs:{AGENT_ID}" if AGENT_ID else ElevenLabsEmulator().model


async def main() -> None:
    agent = Agent(greeting="Good morning, {name}.", variables={"name": "Ada"})
    async with open_channel("wavfile:caller.wav?hangup_after=5") as channel, open_session(channel, MODEL, agent) as session:
        await session.wait_closed()
    for line in session.transcript:
        print(f"{line.speaker}: {line.text}")


trio.run(main)
