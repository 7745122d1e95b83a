"""A session: the caller talks with a model. This one needs no key: it says again what it heard."""

import trio

from trioaudio import Agent, InputTranscript, OutputTranscript, TurnInterrupted, open_channel, open_session


async def main() -> None:
    async with (
        open_channel("wavfile:caller.wav?hangup_after=5") as channel,
        open_session(channel, "parrot", Agent(instructions="You are kind.")) as session,
    ):
        session.on(InputTranscript, lambda event: print("caller:", event.text))
        session.on(OutputTranscript, lambda event: print("agent: ", event.text))
        session.on("item.truncated", lambda event: print(f"the model knows that {event.audio_ms:.0f} ms were heard"))

        interrupted = await session.wait_event(TurnInterrupted)  # the caller barges in
        print(f"        {interrupted.receipt.heard_ms:.0f} ms heard, {interrupted.receipt.lost_ms:.0f} ms lost")

        end = await session.wait_closed()
    print("over:", end.kind)
    assert interrupted.lost > 0
    assert [line.speaker for line in session.transcript] == ["caller", "agent", "caller", "agent"]


trio.run(main)
