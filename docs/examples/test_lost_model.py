"""A model that is lost in the midst of a call, in a test and in an app."""

# mypy: allow-untyped-defs

import trio

from trioaudio import Agent, Channel, open_session
from trioaudio.testing import Script, breaks, say


async def reception(channel: Channel, agent: Agent) -> None:
    async with open_session(channel, "openai:gpt-realtime-2.1", agent, fallback=["openai:gpt-realtime-2.1-mini", "parrot"]) as session:
        ...
    print(session.transcript)


async def test_the_call_goes_on_with_another_connection(call):
    script = Script([say(1.0, item="welcome"), breaks()], say(1.0, item="again"), start_errors=[None, trio.BrokenResourceError("not yet")])
    async with call(model=script) as (caller, _):
        await caller.wait_hears("welcome")
        await trio.sleep(5.0)
        caller.speak(say(0.5, item="hello?"))
        await caller.wait_hears("again")
    assert caller.heard("welcome") > 0
