"""Models: what providers' servers send to our clients, and what clients send to the servers we emulate."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Any

from fuzz.targets import Take, Target, Targets, function
from wire import elevenlabs_says, gemini_says, openai_says
from wire.elevenlabs_says import Talk

from trioaudio import Agent, RemoteProtocolError
from trioaudio.audio import PCM16_16K, PCM16_24K, Frame
from trioaudio.wire._elevenlabs.errors import error_untrusted as elevenlabs_error
from trioaudio.wire._gemini.usage import usage_untrusted as gemini_usage
from trioaudio.wire._gemini_server.checks import MisuseError as GeminiMisuse
from trioaudio.wire._gemini_server.checks import client_message_untrusted
from trioaudio.wire._json import object_untrusted, value_untrusted
from trioaudio.wire._openai.errors import error_untrusted as openai_error
from trioaudio.wire._openai.formats import format_untrusted
from trioaudio.wire._openai.gate import tag_untrusted
from trioaudio.wire._openai.secrets import secret_untrusted
from trioaudio.wire._openai.usage import limits_untrusted
from trioaudio.wire._openai.usage import usage_untrusted as openai_usage
from trioaudio.wire._openai_server.checks import MisuseError
from trioaudio.wire._openai_server.secrets import ClientSecrets
from trioaudio.wire.elevenlabs import ElevenLabsWire
from trioaudio.wire.elevenlabs_server import ElevenLabsServer, ElevenLabsServerOptions
from trioaudio.wire.gemini import GeminiWire
from trioaudio.wire.gemini_server import GeminiServer, GeminiServerOptions
from trioaudio.wire.openai import OpenAIWire
from trioaudio.wire.openai_live import OpenAILiveWire
from trioaudio.wire.openai_live_server import OpenAILiveServer, OpenAILiveServerOptions
from trioaudio.wire.openai_server import OpenAIServer, OpenAIServerOptions
from trioaudio.wire.xai import XaiWire

# ---- OpenAI, and who speaks as it does

CALL = {"id": "item_2", "type": "function_call", "call_id": "call_1", "name": "look_up", "arguments": '{"a":1}'}
USAGE = {
    "total_tokens": 30, "input_tokens": 10, "output_tokens": 20, "input_token_details": {"audio_tokens": 5, "cached_tokens": 2},
    "output_token_details": {"audio_tokens": 15},
}  # fmt: skip
LIMITS = [{"name": "requests", "limit": 1_000, "remaining": 999, "reset_seconds": 0.06}]
OPENAI_SAYS = (
    openai_says.session_created(),
    openai_says.session_updated(),
    openai_says.error("response_cancel_not_active", answers="trioaudio_1"),
    openai_says.response_created(),
    openai_says.response_done(output=[CALL], usage=USAGE),
    openai_says.response_done(status="cancelled", reason="turn_detected"),
    openai_says.audio(240),
    openai_says.audio_done(),
    openai_says.speech_started(),
    openai_says.speech_stopped(),
    openai_says.committed(),
    openai_says.event("response.output_audio_transcript.delta", response_id="resp_1", item_id="item_1", content_index=0, delta="Hello"),
    openai_says.event("response.output_item.added", response_id="resp_1", item={"id": "item_1", "type": "message"}),
    openai_says.event("response.output_item.added", response_id="resp_1", item=CALL),
    openai_says.event("response.output_item.done", response_id="resp_1", item=CALL),
    openai_says.event("response.function_call_arguments.delta", item_id="item_2", call_id="call_1", delta='{"a"'),
    openai_says.event("conversation.item.input_audio_transcription.delta", item_id="user_1", content_index=0, delta="Hi"),
    openai_says.event("conversation.item.input_audio_transcription.completed", item_id="user_1", content_index=0, transcript="Hi."),
    openai_says.event("conversation.item.truncated", item_id="item_1", content_index=0, audio_end_ms=100),
    openai_says.event("conversation.item.added", item={"id": "item_3", "type": "message", "role": "user"}),
    openai_says.event("input_audio_buffer.timeout_triggered", item_id="user_1", audio_start_ms=0, audio_end_ms=100),
    openai_says.event("rate_limits.updated", rate_limits=LIMITS),
)


def _openai() -> Take:
    """A client of OpenAI's, and one of xAI's, which differs in what it makes of it."""
    wires = [openai_says.ready(OpenAIWire()), openai_says.ready(XaiWire())]

    def take(data: str | bytes) -> object:
        return [_answered(wire, data) for wire in wires]

    return take


def _answered(wire: OpenAIWire, data: str | bytes) -> object:
    with suppress(RemoteProtocolError):
        wire.receive_untrusted(data)
    return wire.owed(), wire.cancel(), wire.truncate("item_1", 100), wire.counts


def _openai_client() -> tuple[str, ...]:
    wire = openai_says.ready(OpenAIWire())
    said = wire.session_update(Agent(instructions="Be brief."), PCM16_24K, PCM16_24K)
    said += [wire.append(Frame.silence(480, PCM16_24K)), *wire.commit(), *wire.respond("Say hello."), *wire.send_text("Hello")]
    said += [
        *wire.tool_result("call_1", "{}"),
        *wire.send_image(b"\x89PNG\r\n\x1a\n", "image/png"),
        *wire.delete_item("item_1"),
        *wire.clear(),
    ]
    say = [{"type": "response.cancel"}, {"type": "conversation.item.truncate", "item_id": "item_1", "content_index": 0, "audio_end_ms": 9}]
    say += [{"type": "conversation.item.retrieve", "item_id": "item_1"}, {"type": "output_audio_buffer.clear"}]
    return tuple(said + [json.dumps(each) for each in say])


def _openai_server(dialect: str = "ga") -> tuple[OpenAIServer, Any]:
    server, times = OpenAIServer(options=OpenAIServerOptions(dialect=dialect)), count(1)  # type: ignore[arg-type]
    server.open("gpt-realtime-2.1", "key")

    def go_on() -> object:
        server.advance(next(times) * 0.2)
        return server.take(), server.closing

    return server, go_on


def _openai_messages() -> Take:
    """One of each dialect hears it all."""
    servers, times = [_openai_server(dialect) for dialect in ("ga", "beta", "xai")], count(1)

    def take(data: str | bytes) -> object:
        now = next(times) * 0.2
        for server, _ in servers:
            server.receive_untrusted(data, now)
        return [go_on() for _, go_on in servers]

    return take


def _openai_objects() -> Take:
    server, go_on = _openai_server()

    def take(message: dict[str, Any]) -> object:
        server._take_untrusted(message)
        return go_on()

    return take


OPENAI_HEARS = _openai_client()
SECRET = json.dumps({"value": "ek_1", "expires_at": 1_800_000_000, "session": {"type": "realtime", "model": "m"}}).encode()
WANTED = json.dumps({"expires_after": {"anchor": "created_at", "seconds": 600}, "session": {"type": "realtime", "model": "m"}}).encode()
SESSION = openai_says.session()
BETA_SESSION = {"input_audio_format": "g711_ulaw", "output_audio_format": "pcm16"}


def _formats(session: dict[str, Any]) -> object:
    return format_untrusted(session, "input"), format_untrusted(session, "output")


def _secrets() -> Take:
    secrets = ClientSecrets()
    return lambda body: secrets.issue_untrusted(body, "key", 1_000.0)


# ---- GPT-Live

LIVE_SAYS = tuple(
    json.dumps(each)
    for each in (
        {"type": "session.started", "session": {"id": "live_1", "expires_at": 1_800_000_000}},
        {"type": "session.output_audio.delta", "delta": "AAAA" * 160},
        {"type": "session.input_transcript.delta", "delta": "Hi"},
        {"type": "session.output_transcript.delta", "delta": "Hello"},
        {"type": "session.delegation.created", "delegation": {"id": "d1", "target": "client"}},
        {"type": "session.usage.updated", "usage": {"seconds": 3, "context_window": {"usage_ratio": 0.1}}},
        {"type": "error", "error": {"type": "invalid_request_error", "code": "x", "message": "no"}},
        {"type": "session.closed", "reason": "expired"},
    )
)


def _live() -> Take:
    wire = OpenAILiveWire("gpt-live-1")
    wire.start(Agent(), PCM16_24K)
    return lambda data: (wire.receive_untrusted(data), wire.counts)


def _live_client() -> tuple[str, ...]:
    wire = OpenAILiveWire("gpt-live-1")
    said = wire.start(Agent(), PCM16_24K)
    wire.receive_untrusted(LIVE_SAYS[0])
    return (*said, wire.append(Frame.silence(480, PCM16_24K)), *wire.respond("Say hello."), *wire.tool_result("d1", "{}"), *wire.close())


def _live_server() -> Take:
    server, times = OpenAILiveServer(OpenAILiveServerOptions(), 0.0), count(1)
    server.receive_untrusted(LIVE_HEARS[0], 0.0)

    def take(data: str | bytes) -> object:
        now = next(times) * 0.1
        server.receive_untrusted(data, now)
        server.advance(now)
        return server.take()

    return take


LIVE_HEARS = _live_client()

# ---- Gemini

GEMINI_USAGE = {"promptTokenCount": 7, "responseTokenCount": 3, "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 5}]}
GEMINI_SAYS = (
    gemini_says.setup_complete(),
    gemini_says.audio(),
    gemini_says.heard("Hi"),
    gemini_says.spoken("Hello"),
    gemini_says.GENERATED,
    gemini_says.TURN_COMPLETE,
    gemini_says.INTERRUPTED,
    gemini_says.tool_call(("c1", "look_up", {"a": 1}), (None, "look_up", {})),
    gemini_says.message(toolCallCancellation={"ids": ["c1"]}),
    gemini_says.message(goAway={"timeLeft": "9.5s"}),
    gemini_says.message(sessionResumptionUpdate={"newHandle": "h1", "resumable": True}),
    gemini_says.message(usageMetadata=GEMINI_USAGE),
    gemini_says.message(voiceActivity={"voiceActivityType": "ACTIVITY_START", "audioOffset": "1.5s"}),
)


def _gemini() -> Take:
    wire = gemini_says.ready()
    return lambda data: (wire.receive_untrusted(data), wire.owed(), wire.counts)


def _gemini_client() -> tuple[str, ...]:
    wire = GeminiWire("gemini-3.8-live")
    said = wire.setup(Agent(instructions="Be brief."), PCM16_16K, PCM16_24K)
    wire.receive_untrusted(gemini_says.setup_complete())
    said += [*wire.append(Frame.silence(320, PCM16_16K)), *wire.send_text("Hello"), *wire.respond("Say hello.")]
    wire.receive_untrusted(gemini_says.tool_call(("c1", "look_up", {})))
    turns = {"clientContent": {"turns": [{"role": "user", "parts": [{"text": "Hi"}]}], "turnComplete": True}}
    return (*said, *wire.tool_result("c1", "{}"), json.dumps(turns), '{"realtime_input":{"audio_stream_end":true}}')


def _gemini_server(first: str) -> Take:
    server, times = GeminiServer(options=GeminiServerOptions()), count(1)
    server.open("key")
    server.receive_untrusted(first, 0.0)

    def take(data: str | bytes) -> object:
        now = next(times) * 0.2
        server.receive_untrusted(data, now)
        server.advance(now)
        return server.take(), server.closing

    return take


GEMINI_HEARS = _gemini_client()

# ---- ElevenLabs

ELEVENLABS_SAYS = (
    elevenlabs_says.metadata(),
    elevenlabs_says.audio(1, 0.02),
    elevenlabs_says.words("Hello"),
    elevenlabs_says.correction("Hel"),
    elevenlabs_says.interruption(),
    elevenlabs_says.complete(),
    elevenlabs_says.user_words("Hi"),
    elevenlabs_says.guess("H"),
    elevenlabs_says.vad_score(0.9),
    elevenlabs_says.tool_call(a=1),
    elevenlabs_says.ping(),
    elevenlabs_says.error("quota", "no credit"),
    '{"type":"agent_chat_response_part","text_response_part":{"type":"delta","text":"He","event_id":1}}',
)


def _elevenlabs() -> Take:
    talk = Talk()

    def take(data: str | bytes) -> object:
        talk.now += 0.3
        return talk.wire.receive_untrusted(data, talk.now), talk.wire.advance(talk.now), talk.wire.owed(talk.now), talk.wire.counts

    return take


def _elevenlabs_client() -> tuple[str, ...]:
    wire = ElevenLabsWire()
    said = wire.initiate(Agent(instructions="Be brief."), PCM16_16K, PCM16_16K)
    wire.receive_untrusted(elevenlabs_says.metadata(), 0.0)
    wire.receive_untrusted(elevenlabs_says.tool_call(), 0.0)
    said += [*wire.append(Frame.silence(320, PCM16_16K)), *wire.send_text("Hello", 0.0), *wire.tool_result("call_1", "{}")]
    return (*said, *wire.update_context("It rains."), *wire.user_activity(), '{"type":"pong","event_id":1}')


def _elevenlabs_server(first: str) -> Take:
    server, times = ElevenLabsServer(options=ElevenLabsServerOptions(first_message="")), count(1)
    server.open("agent")
    server.receive_untrusted(first, 0.0)

    def take(data: str | bytes) -> object:
        now = next(times) * 0.2
        server.receive_untrusted(data, now)
        server.advance(now)
        return server.take(), server.closing

    return take


ELEVENLABS_HEARS = _elevenlabs_client()


def _objects(messages: Sequence[str]) -> list[dict[str, Any]]:
    return [json.loads(each) for each in messages]


TARGETS: Targets = {
    "wire._json:value_untrusted": function((*OPENAI_SAYS, "7", "null", "[]"), value_untrusted),
    "wire._json:object_untrusted": function(OPENAI_SAYS, object_untrusted),
    "wire.openai:OpenAIWire.receive_untrusted": Target(OPENAI_SAYS, _openai, either=True),
    "wire.openai_server:OpenAIServer.receive_untrusted": Target(OPENAI_HEARS, _openai_messages, (), either=True, remembers=True),
    "wire.openai_server:OpenAIServer._take_untrusted": Target(_objects(OPENAI_HEARS), _openai_objects, (MisuseError,), remembers=True),
    "wire._openai.errors:error_untrusted": function(_objects([OPENAI_SAYS[2]]), openai_error),
    "wire._openai.usage:usage_untrusted": function([{"usage": USAGE}, {}], openai_usage),
    "wire._openai.usage:limits_untrusted": function([{"rate_limits": LIMITS}], limits_untrusted),
    "wire._openai.gate:tag_untrusted": function([{"metadata": {"trioaudio": "trioaudio_1"}}, {"metadata": None}], tag_untrusted),
    "wire._openai.formats:format_untrusted": function([SESSION, BETA_SESSION], _formats),
    "wire._openai.secrets:secret_untrusted": function([SECRET], secret_untrusted),
    "wire._openai_server.secrets:ClientSecrets.issue_untrusted": Target([WANTED, b""], _secrets, (), remembers=True),
    "wire.openai_live:OpenAILiveWire.receive_untrusted": Target(LIVE_SAYS, _live, either=True),
    "wire.openai_live_server:OpenAILiveServer.receive_untrusted": Target(LIVE_HEARS, _live_server, (), either=True, remembers=True),
    "wire.gemini:GeminiWire.receive_untrusted": Target(GEMINI_SAYS, _gemini, either=True),
    "wire._gemini.usage:usage_untrusted": function([GEMINI_USAGE], gemini_usage),
    "wire._gemini_server.checks:client_message_untrusted": function(GEMINI_HEARS, client_message_untrusted, GeminiMisuse),
    "wire.gemini_server:GeminiServer.receive_untrusted": Target(
        GEMINI_HEARS, partial(_gemini_server, GEMINI_HEARS[0]), (), either=True, remembers=True
    ),
    "wire.elevenlabs:ElevenLabsWire.receive_untrusted": Target(ELEVENLABS_SAYS, _elevenlabs, either=True),
    "wire._elevenlabs.errors:error_untrusted": function(_objects([ELEVENLABS_SAYS[11]]), elevenlabs_error, RemoteProtocolError),
    "wire.elevenlabs_server:ElevenLabsServer.receive_untrusted": Target(
        ELEVENLABS_HEARS, partial(_elevenlabs_server, ELEVENLABS_HEARS[0]), (), either=True, remembers=True
    ),
}
