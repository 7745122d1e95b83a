"""A shop on the telephone: one agent, one tool, and what is left of each call; a Twilio in this very process calls it."""

import trio

from trioaudio import Agent, Call, ToolReturned, TurnInterrupted, open_session, serve
from trioaudio.audio import MULAW_8K
from trioaudio.sources import twilio
from trioaudio.testing import FakeTwilio, Script, calls, open_memory_door, say
from trioaudio.tools import hang_up


async def order_status(number: int) -> str:
    """Where an order is.

    Args:
        number: as the caller says it.
    """
    await trio.sleep(0.3)  # ask the shop
    return f"order {number} comes tomorrow"


AGENT = Agent(
    "You answer the telephone of a book shop. Be brief.",
    greeting="Book shop, good morning.",
    tools=[order_status, hang_up],
)


async def handle_call(call: Call, model: str | Script = "openai:gpt-realtime-2.1") -> None:
    async with call.accept() as channel, open_session(channel, model, AGENT) as session:
        session.on(ToolReturned, lambda event: print(f"{event.tool}: {event.output}"))
        session.on(TurnInterrupted, lambda event: print(f"interrupted, {event.receipt.heard_ms:.0f} ms were heard"))
        end = await session.wait_closed()
    print("the call is over:", end.kind)


async def rehearse() -> None:
    fake = FakeTwilio()
    script = Script(
        say(2.0, "good morning"),
        [calls(("order_status", {"number": 7}))],
        say(8.0, "it comes tomorrow, and by the way"),
        [calls("hang_up", saying=say(1.0, "goodbye"))],
        greets=False,
        formats=(MULAW_8K,),
    )
    async with open_memory_door("https://voice.example.com") as door, trio.open_nursery() as nursery:
        await nursery.start(serve, twilio.listen(door, auth_token=fake.auth_token), lambda call: handle_call(call, script))
        async with fake.dial(door) as call:
            line = await call.wait_connected()
            await line.wait_hears(16_000)
            line.speak(b"\x12" * 8_000)
            await line.wait_hears(40_000)
            line.speak(b"\x12" * 8_000)
            await call.wait_ended()
        nursery.cancel_scope.cancel("that is all")


trio.run(rehearse)
