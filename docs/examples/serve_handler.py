"""A handler of one's own: what it does between the ring and the goodbye is up to it."""

import trio

from trioaudio import Call, open_server, open_session
from trioaudio.sources.memory import memory_exchange


async def handle_call(call: Call) -> None:
    """Talk, and account for it."""
    language = call.parameter("language", str, "en")
    if language not in ("en", "de"):
        await call.redirect("+4930999")
        return
    async with call.accept() as channel, open_session(channel, "parrot") as session:
        await session.wait_closed()
    print(f"talked in {language} until the call ended, {len(session.transcript)} lines of transcript")


async def main() -> None:
    exchange = memory_exchange()
    async with open_server(exchange, handle_call, on_summary=lambda summary: print("ended:", summary.reason)):
        caller = exchange.dial(parameters={"language": "de"})
        await trio.sleep(2)
        caller.hang_up()
        stranger = exchange.dial(parameters={"language": "fr"})
        print(await stranger.wait_decided(), "to", stranger.told)
        await trio.sleep(1)


trio.run(main)
