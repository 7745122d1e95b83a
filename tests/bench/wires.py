"""What the machines of providers' protocols cost for a piece of audio, beside plain JSON and base64 of the same message."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from findings import Effort, Finding, Tell
from rounds import Measure, cost_of_call, take_turns

from trioaudio import Agent
from trioaudio.audio import PCM16_16K, PCM16_24K, Frame
from trioaudio.wire.elevenlabs import ElevenLabsWire
from trioaudio.wire.gemini import GeminiWire
from trioaudio.wire.openai import OpenAIWire
from trioaudio.wire.xai import XaiWire

TITLE = "wires: a piece of audio, beside json and base64 of the same message"


class Wire(NamedTuple):
    """How a machine reads a piece of the model's audio, and writes a frame of the caller's; and the same by hand."""

    read: Callable[[], object]
    read_by_hand: Callable[[], object]
    write: Callable[[], object]
    write_by_hand: Callable[[], object]


def _gemini() -> Wire:
    wire = GeminiWire("gemini-3.8-live")
    wire.setup(Agent(), PCM16_16K, PCM16_24K)
    wire.receive_untrusted(b'{"setupComplete":{}}')
    blob = {"mimeType": "audio/pcm;rate=24000", "data": b64encode(bytes(4_800)).decode()}
    delta = json.dumps({"serverContent": {"modelTurn": {"role": "model", "parts": [{"inlineData": blob}]}}}).encode()
    sound = bytes(640)

    def read_by_hand() -> bytes:
        return b64decode(json.loads(delta)["serverContent"]["modelTurn"]["parts"][0]["inlineData"]["data"])

    def write_by_hand() -> str:
        audio = {"data": b64encode(sound).decode(), "mimeType": "audio/pcm;rate=16000"}
        return json.dumps({"realtimeInput": {"audio": audio}})

    return Wire(lambda: wire.receive_untrusted(delta), read_by_hand, lambda: wire.append(Frame(sound, PCM16_16K)), write_by_hand)


def _openai() -> Wire:
    wire = OpenAIWire()
    wire.receive_untrusted('{"type":"session.created","session":{"id":"s"}}')
    wire.session_update(Agent(), PCM16_24K, PCM16_24K)
    wire.receive_untrusted('{"type":"session.updated","session":{}}')
    ids = {"event_id": "event_1", "response_id": "resp_1", "item_id": "item_1", "output_index": 0, "content_index": 0}
    delta = json.dumps({"type": "response.output_audio.delta", **ids, "delta": b64encode(bytes(4_800)).decode()})
    sound = bytes(960)

    def read_by_hand() -> bytes:
        return b64decode(json.loads(delta)["delta"])

    def write_by_hand() -> str:
        return json.dumps({"type": "input_audio_buffer.append", "event_id": "trioaudio_1", "audio": b64encode(sound).decode()})

    return Wire(lambda: wire.receive_untrusted(delta), read_by_hand, lambda: wire.append(Frame(sound, PCM16_24K)), write_by_hand)


def _elevenlabs() -> Wire:
    wire = ElevenLabsWire()
    wire.initiate(Agent(), PCM16_16K, PCM16_16K)
    formats = {"agent_output_audio_format": "pcm_16000", "user_input_audio_format": "pcm_16000"}
    about = {"conversation_id": "conv_1", **formats}
    wire.receive_untrusted(json.dumps({"type": "conversation_initiation_metadata", "conversation_initiation_metadata_event": about}), 0.0)
    delta = json.dumps({"type": "audio", "audio_event": {"audio_base_64": b64encode(bytes(3_200)).decode(), "event_id": 1}})
    sound = bytes(640)
    return Wire(
        lambda: wire.receive_untrusted(delta, 0.0),
        lambda: b64decode(json.loads(delta)["audio_event"]["audio_base_64"]),
        lambda: wire.append(Frame(sound, PCM16_16K)),
        lambda: json.dumps({"user_audio_chunk": b64encode(sound).decode()}),
    )


def _xai() -> Wire:
    wire = XaiWire()
    wire.receive_untrusted('{"type":"conversation.created","conversation":{"id":"conv_1"}}')
    wire.session_update(Agent(), PCM16_24K, PCM16_24K)
    wire.receive_untrusted('{"type":"session.updated","session":{}}')
    wire.receive_untrusted('{"type":"response.created","response":{"id":"resp_1"}}')
    about = {"type": "response.output_audio.delta", "event_id": "event_1", "response_id": "resp_1", "item_id": "item_1"}
    delta = json.dumps({**about, "output_index": 0, "content_index": 0, "delta": b64encode(bytes(4_800)).decode()})
    sound = bytes(960)
    return Wire(
        lambda: wire.receive_untrusted(delta),
        lambda: b64decode(json.loads(delta)["delta"]),
        lambda: wire.append(Frame(sound, PCM16_24K)),
        lambda: json.dumps({"type": "input_audio_buffer.append", "event_id": "event_1", "audio": b64encode(sound).decode()}),
    )


WIRES: dict[str, Callable[[], Wire]] = {"gemini": _gemini, "openai": _openai, "elevenlabs": _elevenlabs, "xai": _xai}


def measure(effort: Effort, tell: Tell) -> list[Finding]:
    """All machines, in turns, each beside its own yardstick."""
    times = effort.rounds(20_000, 2_000)
    made = {name: make() for name, make in WIRES.items()}
    rivals: dict[str, Measure] = {
        f"{name} {part}": partial(cost_of_call, getattr(wire, part), times) for name, wire in made.items() for part in wire._fields
    }
    costs = take_turns(rivals, effort.rounds(9, 3), tell)
    return [
        _finding(costs.microseconds(whole), costs.ratio(whole, f"{whole}_by_hand"), whole)
        for name in made
        for whole in (f"{name} read", f"{name} write")
    ]


def _finding(microseconds: float, ratio: float, what: str) -> Finding:
    return Finding(what, microseconds, "us", ratio, "json and base64")
