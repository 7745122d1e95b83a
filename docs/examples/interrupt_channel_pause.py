"""A pause without a session: the app decides."""

import trio

from trioaudio import open_channel
from trioaudio.testing import ScriptedFarEnd, say


async def main() -> None:
    phone = ScriptedFarEnd()
    async with open_channel(phone.source) as channel:
        with channel.turn("story") as turn:
            for frame in say(10.0, item="story"):
                turn.send_nowait(frame)
        await trio.sleep(2.0)

        pause = channel.pause(resume_after=1.5)  # silent, now
        await trio.sleep(0.5)
        pause.reject()  # it was nothing: go on from the very sample

        await trio.sleep(2.0)
        interruption = channel.pause(resume_after=1.5).confirm()  # it was something: an interruption
        print(f"heard {interruption.turns[0].heard_ms:.0f} ms")


trio.run(main)
