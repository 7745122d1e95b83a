import os

import trio

from trioaudio import Agent, TurnDetection, open_channel, open_session
from trioaudio.testing import GeminiEmulator

# With a key the call is real; without one, a server on this machine plays Gemini, as strictly as Gemini.
MODEL = "gemini:gemini-3.8-live?compress=yes" if "GEMINI_API_KEY" in os.environ else GeminiEmulator().model


async def main() -> None:
    turns = TurnDetection(silence_ms=500)
    agent = Agent("You are the receptionist of a small hotel.", voice="Kore", greeting="Good morning.", turn_detection=turns)
    async with open_channel("wavfile:caller.wav?hangup_after=5") as channel, open_session(channel, MODEL, agent) as session:
        await session.wait_closed()
    for line in session.transcript:
        print(f"{line.speaker}: {line.text}")


trio.run(main)
