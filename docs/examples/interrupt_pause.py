"""A cough, and then a word: what a pause makes of both."""

import trio

from trioaudio import Agent, BargeIn, InputSpeechStarted, InputSpeechStopped, TurnInterrupted, TurnPaused, TurnResumed
from trioaudio.testing import Script, open_call, say

agent = Agent(
    "You are kind.",
    barge_in=BargeIn(mode="pause", min_speech_ms=300),
)


async def caller_speaks(model: Script, seconds: float) -> None:
    """The model hears it, for so long."""
    model.emit(InputSpeechStarted())
    await trio.sleep(seconds)
    model.emit(InputSpeechStopped())


def show(event: TurnPaused | TurnResumed | TurnInterrupted) -> None:
    print(f"{trio.current_time():.1f} s: {event.name}, {event.receipt.heard_ms:.0f} ms heard")


async def main() -> None:
    model = Script(say(10.0, item="story"), pause=None)
    async with open_call(model, agent, on={TurnPaused: show, TurnResumed: show, TurnInterrupted: show}) as (caller, _session):
        await trio.sleep(2.0)
        await caller_speaks(model, 0.2)  # a cough
        await trio.sleep(2.0)
        await caller_speaks(model, 1.0)  # "stop"
        await trio.sleep(1.0)
        assert caller.ear.heard_samples() == 4.0 * 8000
    print(f"the model was told of {model.truncations[0][1] / 8:.0f} ms")


trio.run(main)
