"""The official SDK agrees: every message of ours to GPT-Live, and of the emulated one, passes its typed models, strictly.

Needs the dependency group ``sdk`` (``nox -s sdk``).
"""

from __future__ import annotations

import json
from typing import Annotated, Any

import numpy as np
import pytest

from trioaudio import Agent
from trioaudio.audio import PCM16_24K, AudioFormat, Converter, Frame
from trioaudio.wire.openai_live import FORMATS, OpenAILiveOptions, OpenAILiveWire
from trioaudio.wire.openai_live_server import OpenAILiveServer, OpenAILiveServerOptions

pydantic = pytest.importorskip("pydantic", minversion="2.12", reason="the dependency group sdk is not installed")
live = pytest.importorskip("openai.types.live", reason="the dependency group sdk is not installed")

SERVER = pydantic.TypeAdapter(Annotated[live.ServerEvent, pydantic.Field(discriminator="type")])
CLIENT = pydantic.TypeAdapter(Annotated[live.ClientEvent, pydantic.Field(discriminator="type")])


def checked(adapter: Any, message: str) -> str:
    adapter.validate_python(json.loads(message), strict=True, extra="forbid")
    return message


def speech(format: AudioFormat) -> list[Frame]:
    samples = np.random.default_rng(0).integers(-8000, 8000, 24_000).astype(np.int16)
    whole = Converter(PCM16_24K, format).convert(Frame.from_samples(samples, PCM16_24K))
    return [*whole.split(format.frame_samples), *[Frame.silence(format.frame_samples, format)] * 150]


@pytest.mark.parametrize("format", FORMATS, ids=str)
def test_a_whole_call_is_valid_on_both_sides(format: AudioFormat) -> None:
    options = OpenAILiveOptions(acknowledgement_ms=400, store=False, safety_identifier="caller-1")
    wire, server, now = OpenAILiveWire("gpt-live-1", options), OpenAILiveServer(OpenAILiveServerOptions(lasts=20.0), 0.0), 0.0
    kinds: set[str] = set()

    def exchange(messages: list[str]) -> None:
        for message in messages:
            server.receive_untrusted(checked(CLIENT, message), now)
        server.advance(now)
        for message in server.take():
            kinds.add(json.loads(checked(SERVER, message))["type"])
            wire.receive_untrusted(message)

    exchange(wire.start(Agent("Be brief.", voice="marin"), format))
    delegation = server.delegate()
    exchange([*wire.tool_result(delegation, "It is sunny. " * 300), *wire.respond("Say hello.")])
    for frame in speech(format) * 3:
        now += 0.02
        exchange([wire.append(frame)])
    server.complain("something_odd")
    exchange(wire.close())
    assert not server.errors
    assert wire.phase == "closed"
    assert kinds == {
        *("session.started", "session.delegation.created", "session.commentary.appended", "session.output_transcript.delta", "error"),
        *("session.output_audio.delta", "session.input_transcript.delta", "session.usage.updated", "session.closed"),
    }


def test_what_the_server_refuses_and_expires_is_valid() -> None:
    server = OpenAILiveServer(OpenAILiveServerOptions(lasts=1.0), 0.0)
    for data in ("?", '{"type":"session.close"}', '{"type":"session.start","session":{"model":"m","x":1}}'):
        server.receive_untrusted(data, 0.0)
    server.receive_untrusted('{"type":"session.start","event_id":"evt_1","session":{"model":"gpt-live-1"}}', 0.0)
    server.receive_untrusted('{"type":"session.commentary.append","content":"x","event_id":"evt_2"}', 0.0)
    server.advance(2.0)
    for message in server.take():
        checked(SERVER, message)
    assert list(server.errors) == ["invalid_value", "invalid_value", "unknown_parameter", "invalid_value"]
