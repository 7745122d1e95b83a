"""The emulated server's dialect of xAI: what is said differently, and what is refused."""

from __future__ import annotations

import pytest
from wire.openai_emulated import Emulated, speech

PCM = {"type": "audio/pcm", "rate": 24_000}


def opened() -> Emulated:
    server = Emulated(dialect="xai")
    server.server.open("grok-voice-latest", "key")
    assert [event["type"] for event in server.taken()] == ["conversation.created", "session.created"]
    return server


def test_a_session_has_its_voice_and_its_turns_at_the_top() -> None:
    session = {
        "voice": "eve",
        "turn_detection": {"type": "server_vad"},
        "audio": {"input": {"format": {"type": "audio/pcm", "rate": 8_000}}},
    }
    [updated] = opened().say("session.update", session=session)
    assert updated["session"]["voice"] == "eve"
    assert updated["session"]["audio"]["input"]["format"]["rate"] == 8_000
    assert "turn_detection" not in updated["session"]["audio"]["input"]


@pytest.mark.parametrize(
    "session",
    [
        {"type": "realtime"},
        {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 12_000}}}},
        {"audio": {"input": {"turn_detection": None}}},
        {"turn_detection": {"type": "semantic_vad"}},
        {"turn_detection": {"type": "server_vad", "threshold": 1.0}},
    ],
)
def test_what_is_no_session_of_its_own_is_refused_in_words_without_a_code(session: dict[str, object]) -> None:
    [error] = opened().say("session.update", session=session)
    assert (error["type"], error["error"]["code"]) == ("error", None)
    assert error["error"]["message"]


def test_words_of_the_caller_come_as_all_that_is_known_and_nobody_says_when_they_spoke() -> None:
    server = opened()
    server.say("session.update", session={"audio": {"input": {"format": PCM, "transcription": {"model": "grok-transcribe"}}}})
    said = [*server.hear(speech())]
    kinds = [event["type"] for event in said]
    assert "conversation.item.input_audio_transcription.updated" in kinds
    assert "conversation.item.input_audio_transcription.delta" not in kinds
    assert "audio_start_ms" not in said[kinds.index("input_audio_buffer.speech_started")]


def test_a_text_is_spoken_word_for_word_unasked() -> None:
    server = opened()
    item = {"type": "force_message", "role": "assistant", "content": [{"type": "output_text", "text": "Exactly this."}]}
    said = [*server.say("conversation.item.create", item=item), *server.wait(5.0)]
    assert said[0]["type"] == "response.created"
    assert "".join(event["delta"] for event in said if event["type"] == "response.output_audio_transcript.delta") == "Exactly this."
    assert all("transcript" not in event for event in said if event["type"] == "response.output_audio_transcript.done")
