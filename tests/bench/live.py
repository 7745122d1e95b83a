"""What it costs that a turn is live, and what GPT-Live's messages cost: in turns with what is no more than necessary."""

from __future__ import annotations

import base64
import json
import time
from functools import partial

import trio
from findings import Effort, Finding, Tell
from paced import Ear
from rounds import Measure, cost_of_call, take_turns

from trioaudio import Agent, open_channel
from trioaudio.audio import PCM16_24K, Frame
from trioaudio.testing import run_virtual
from trioaudio.wire.openai_live import OpenAILiveWire

TITLE = "live: a turn that streams for ever, beside one that is fed as fast; GPT-Live's messages, beside plain json and base64"
DELTA = 0.1


async def stream(seconds: int, *, live: bool) -> float:
    """Seconds of CPU for a second of audio, streamed in real time (of a virtual clock) to a far end that is fed as it comes."""
    ear = Ear()
    delta = Frame.silence(round(DELTA * ear.output_format.rate), ear.output_format)
    async with open_channel(ear) as channel:
        turn = channel.turn(live=live)
        before = time.process_time()
        for number in range(round(seconds / DELTA)):
            await trio.sleep_until(number * DELTA)
            turn.send_nowait(delta)
        return (time.process_time() - before) / seconds


def _wires(times: int) -> dict[str, Measure]:
    wire = OpenAILiveWire("gpt-live-1")
    wire.start(Agent(), PCM16_24K)
    wire.receive_untrusted('{"type":"session.started","session":{"id":"live_1"}}')
    text = Frame.silence(2400, PCM16_24K).base64
    delta = json.dumps({"type": "session.output_audio.delta", "delta": text})
    pcm = Frame.silence(480, PCM16_24K).data
    return {
        "read a delta plainly": lambda: cost_of_call(lambda: base64.b64decode(json.loads(delta)["delta"]), times),
        "read a delta": lambda: cost_of_call(lambda: wire.receive_untrusted(delta), times),
        "write an append plainly": lambda: cost_of_call(
            lambda: json.dumps({"type": "session.input_audio.append", "audio": base64.b64encode(pcm).decode()}), times
        ),
        "write an append": lambda: cost_of_call(lambda: wire.append(Frame(pcm, PCM16_24K)), times),
    }


def measure(effort: Effort, tell: Tell) -> list[Finding]:
    """Both, in turns."""
    seconds, rounds = effort.rounds(60, 20), effort.rounds(9, 3)
    rivals: dict[str, Measure] = {
        name: partial(run_virtual, partial(stream, seconds, live=live)) for name, live in (("a turn", False), ("a live turn", True))
    }
    costs = take_turns({**rivals, **_wires(effort.rounds(3000, 1000))}, rounds, tell)
    return [
        Finding("a turn that is fed in real time: CPU for a second of audio", costs.microseconds("a turn"), "us"),
        Finding("a live turn", costs.microseconds("a live turn"), "us", costs.ratio("a live turn", "a turn"), "a turn"),
        *(
            Finding(f"GPT-Live: {what} of audio", costs.microseconds(what), "us", costs.ratio(what, f"{what} plainly"), "json and base64")
            for what in ("read a delta", "write an append")
        ),
    ]
