"""What the parts cost, each in a loop of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias

import numpy as np
import trio
from findings import Effort, Finding, Tell
from hops import two_hops
from rounds import Measure, cost_of_call, take_turns

from trioaudio import Channel, Dtmf, open_channel
from trioaudio.audio import MULAW_8K, PCM16_8K, PCM16_24K, AudioFormat, Converter, Frame
from trioaudio.sources.memory import memory_pair
from trioaudio.wire.phone import PhoneWire
from trioaudio.wire.twilio import TWILIO
from trioaudio.wire.twilio_carrier import TwilioCarrier

TITLE = "parts"
Part: TypeAlias = Callable[[int], Awaitable[float]]
"""Does something so many times in a run of its own; seconds of CPU for each."""


async def _interrupt_nothing(times: int) -> float:
    source, _ = memory_pair()
    async with open_channel(source) as channel:
        return cost_of_call(channel.interrupt, times)


async def _interrupt_speech(times: int) -> float:
    return await _with_turns(times, lambda _, interrupted: interrupted)


async def _open_turn(times: int) -> float:
    return await _with_turns(times, lambda opened, _: opened)


async def _with_turns(times: int, which: Callable[[float, float], float]) -> float:
    """Open a turn, speak and interrupt it, again and again; the seconds of CPU that `Channel.turn` or that `interrupt` took."""
    source, _ = memory_pair()
    frame = Frame.silence(PCM16_24K.rate, PCM16_24K)
    opened = interrupted = 0.0
    async with open_channel(source) as channel:
        for _ in range(times):
            begin = time.process_time()
            turn = channel.turn("item")
            opened += time.process_time() - begin
            turn.send_nowait(frame)
            await trio.lowlevel.checkpoint()
            begin = time.process_time()
            channel.interrupt()
            interrupted += time.process_time() - begin
            await trio.lowlevel.checkpoint()
    return which(opened, interrupted) / times


async def _emit(times: int, listen: Callable[[Channel], object]) -> float:
    source, _ = memory_pair()
    event = Dtmf("1")
    async with open_channel(source) as channel:
        listen(channel)
        return cost_of_call(partial(channel.emit, event), times)


async def _say_a_delta(times: int) -> float:
    source, _ = memory_pair()
    delta = Frame.silence(PCM16_24K.rate // 5, PCM16_24K)
    async with open_channel(source) as channel:
        return cost_of_call(partial(channel.turn("item").send_nowait, delta), min(times, 1000))


async def _plainly(times: int, call: Callable[[], object]) -> float:
    await trio.lowlevel.checkpoint()
    return cost_of_call(call, times)


def _converts(source: AudioFormat, target: AudioFormat) -> Part:
    converter, frame = Converter(source, target), _noise(source)

    def convert() -> Frame:
        return converter.convert(Frame(frame.data, source))  # a new one each time: a frame decodes only once

    return partial(_plainly, call=convert)


def _noise(format: AudioFormat) -> Frame:
    samples = np.random.default_rng(0).integers(-8000, 8000, format.frame_samples).astype(np.int16)
    return Frame.from_samples(samples, format)


def _parts() -> dict[str, Part]:
    pcm, text = _noise(PCM16_24K).data, _noise(MULAW_8K).base64
    return {
        "interrupt() between turns": _interrupt_nothing,
        "interrupt() of speech": _interrupt_speech,
        "turn()": _open_turn,
        "turn.send_nowait() of 200 ms": _say_a_delta,
        "emit() for nobody": partial(_emit, listen=lambda _: None),
        "emit() with one listener": partial(_emit, listen=lambda channel: channel.on(Dtmf, lambda _: None)),
        "Frame of 20 ms from bytes": partial(_plainly, call=lambda: Frame(pcm, PCM16_24K)),
        "Frame of 20 ms from base64, not decoded": partial(_plainly, call=lambda: Frame.from_base64(text, MULAW_8K)),
        "Frame of 20 ms from base64, decoded": partial(_plainly, call=lambda: Frame.from_base64(text, MULAW_8K).data),
        "convert 20 ms mulaw/8000 to pcm16/8000": _converts(MULAW_8K, PCM16_8K),
        "convert 20 ms pcm16/8000 to mulaw/8000": _converts(PCM16_8K, MULAW_8K),
        "convert 20 ms mulaw/8000 to pcm16/24000": _converts(MULAW_8K, PCM16_24K),
        "convert 20 ms pcm16/24000 to mulaw/8000": _converts(PCM16_24K, MULAW_8K),
        **_twilio(),
    }


def _twilio() -> dict[str, Part]:
    """What a call's 20 ms cost at the media websocket, beside what reading and writing JSON costs anybody."""
    carrier = TwilioCarrier("MZ" + "0" * 32, "CA" + "0" * 32, "AC" + "0" * 32, 0.0)
    wire, media, frame = PhoneWire(TWILIO), carrier.media(b"\x12" * 160, 0), Frame(b"\x12" * 160, MULAW_8K)
    for message in carrier.greeting():
        wire.receive_untrusted(message, 0.0)
    said = json.loads(wire.play(frame, 0.0)[0])

    def hear() -> object:
        return wire.receive_untrusted(media, 0.0)

    def say() -> object:
        return wire.play(frame, 0.0)

    return {
        "Twilio: 20 ms heard": partial(_plainly, call=hear),
        "  of which json.loads": partial(_plainly, call=partial(json.loads, media)),
        "Twilio: 20 ms said": partial(_plainly, call=say),
        "  the same by json.dumps": partial(_plainly, call=partial(json.dumps, said)),
    }


def measure(effort: Effort, tell: Tell) -> list[Finding]:
    """All parts, in turns, beside the yardstick."""
    times = effort.rounds(3000, 1000)
    rivals: dict[str, Measure] = {name: partial(trio.run, part, times) for name, part in _parts().items()}
    costs = take_turns({"hops": partial(trio.run, two_hops, times), **rivals}, effort.rounds(9, 3), tell)
    return [Finding(name, costs.microseconds(name), "us", costs.ratio(name, "hops"), "the hops") for name in rivals]
