"""Calls of browsers: a program that serves them, and a rehearsal of it on the virtual clock."""

import sys

import trio

from trioaudio import Call, TextMessage, TurnInterrupted, open_front_door, open_session, serve
from trioaudio.abc import Request
from trioaudio.audio import PCM16_48K, Frame
from trioaudio.sources import browser
from trioaudio.testing import FakeBrowser, open_memory_door

VISITORS = {"session=17": "anna"}


async def who_is_it(request: Request) -> str | None:
    """Whose call it is, by the cookie that the app has set; None lets nobody in."""
    return VISITORS.get(request.headers.get("cookie", ""))


async def handle_call(call: Call) -> None:
    async with call.accept() as channel, open_session(channel, "parrot?engine=off") as session:
        session.on(TextMessage, lambda message: print(call.caller, "writes:", message.text))
        session.on(TurnInterrupted, lambda stopped: print(f"interrupted after {stopped.receipt.heard_ms:.0f} ms"))
        await session.wait_closed()


async def main() -> None:
    async with open_front_door(port=8080) as door:
        await serve(browser.listen(door, origins=["https://app.example.com"], authorise=who_is_it), handle_call)


async def rehearse() -> None:
    async with open_memory_door() as door, trio.open_nursery() as nursery:
        await nursery.start(serve, browser.listen(door, authorise=who_is_it), handle_call)
        async with FakeBrowser(line_open=False).call(door, headers={"Cookie": "session=17"}) as call:
            await call.wait_for(lambda: "connected" in call.page.states)
            call.press()
            call.speak(Frame(b"\x00\x20" * 48_000, PCM16_48K))
            call.let_go()
            await call.wait_hears(0.5)
            call.stop()
            await call.wait_for(lambda: call.page.receipts and call.page.states[-1] == "listening")
            print("the page shows", *call.page.states, f"and heard {len(call.heard()) / 48:.0f} ms")
            call.write("how late is it?")
            await trio.sleep(1)
        try:
            async with FakeBrowser().call(door):
                pass
        except trio.BrokenResourceError as error:
            print(error)
        nursery.cancel_scope.cancel("that is all")


trio.run(main if "serve" in sys.argv else rehearse)
