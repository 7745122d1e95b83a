import trio

from trioaudio import Agent, Reconnect, Status, open_channel, open_session
from trioaudio.testing import OpenAIEmulator, OpenAIFault

# A server on this machine plays OpenAI, and breaks when it begins to answer the caller; another one takes its place.
FIRST = OpenAIEmulator(faults=[OpenAIFault("event:response.created#2", "break")])
SECOND = OpenAIEmulator()


async def main() -> None:
    agent = Agent("You are the receptionist of a small hotel.", greeting="Good morning.", reconnect=Reconnect(fallback_after=1))
    calling = open_channel("wavfile:caller.wav?hangup_after=5")
    async with calling as channel, open_session(channel, FIRST.model, agent, fallback=SECOND.model) as session:
        session.on(Status, lambda event: print(f"the model is {event.status}"))
        await session.wait_closed()
    for line in session.transcript:
        print(f"{line.speaker}: {line.text}")


trio.run(main)
