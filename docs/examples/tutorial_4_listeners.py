"""Events as callbacks: plain ones are called in place, async ones run in a task of the channel."""

import trio

from trioaudio import Closed, Dtmf, TurnInterrupted, open_channel
from trioaudio.clips import tone

noted: list[str] = []


def on_interrupted(event: TurnInterrupted) -> None:
    noted.append(f"{event.item_id} was interrupted, {event.receipt.heard_ms:.0f} ms were heard")


async def on_key(event: Dtmf) -> None:
    await trio.sleep(0.5)  # may wait: the next key waits its turn, the call does not
    noted.append(f"key {event.digit} is dealt with")


async def main() -> None:
    async with open_channel("wavfile:caller.wav") as channel:
        channel.on(Dtmf, on_key).on(Dtmf, lambda event: channel.interrupt())  # on, once and off can be chained
        channel.on(TurnInterrupted, on_interrupted)
        channel.once("turn_started", lambda event: noted.append(f"{event.item_id} begins"))  # a name does as well
        channel.on("shop.sold", lambda thing, price: noted.append(f"{thing} for {price}"))  # events of your own have a dot
        channel.once(Closed, lambda event: noted.append(f"closed: {event.reason}"))

        with channel.turn("menu") as turn:
            await turn.send(tone(10.0, channel.output_format))
        await trio.sleep(2.0)
        channel.emit("dtmf", "1")  # the app may emit too; on a telephone the caller presses the key
        await trio.sleep(1.0)
        channel.emit("shop.sold", "a parrot", 12)

        assert channel.emit("commit") is False, "nobody listens to that"
        channel.off(TurnInterrupted, on_interrupted)

    print("\n".join(noted))
    assert noted[0] == "menu begins"
    assert noted[-1] == "closed: closed"


trio.run(main)
