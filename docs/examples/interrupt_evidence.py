"""A far end that reports what it has played: the first figure is an estimate, the settled one is exact."""

import trio

from trioaudio import TurnInterrupted, TurnReceipt, open_channel
from trioaudio.testing import ScriptedFarEnd, say


def show(when: str, receipt: TurnReceipt) -> None:
    print(f"{when}: heard {receipt.heard_ms:.0f} ms, lost {receipt.lost_ms:.0f} ms, {receipt.evidence}")


async def main() -> None:
    phone = ScriptedFarEnd(report_every=0.5, report_delay=0.1, send_delay=lambda: 0.07)  # a slow network
    async with open_channel(phone.source) as channel:
        channel.on(TurnInterrupted, lambda event: show("the event", event.receipt))
        with channel.turn("story") as turn:
            for frame in say(10.0, item="story"):
                turn.send_nowait(frame)
        await trio.sleep(0.4)

        interruption = channel.interrupt()
        show("at once  ", interruption.turns[0])
        final = await interruption.settled()
        show("settled  ", final.turns[0])

    assert final.turns[0].heard == phone.heard("story")
    assert final.turns[0].evidence == "exact"


trio.run(main)
