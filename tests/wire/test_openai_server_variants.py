"""The emulated OpenAI server where it is not the live one of today: the beta, servers that leave half of it out, noise, and failures."""

from __future__ import annotations

import base64
import math
from typing import Any

import pytest
from wire.openai_emulated import Emulated, code, kinds, speech
from wire.test_openai_server import of, once

from trioaudio.audio import MULAW_8K, PCM16_24K, AudioFormat, Frame
from trioaudio.testing import tone
from trioaudio.wire.openai_server import OpenAICall, OpenAIQuestion, OpenAIReply

FUNCTION = {"type": "function", "name": "look_up", "parameters": {"type": "object", "properties": {}}}


def asked(questions: list[OpenAIQuestion]) -> Any:
    def answer(question: OpenAIQuestion) -> OpenAIReply:
        questions.append(question)
        return OpenAIReply("Well.", Frame.silence(2 * question.format.rate, question.format))

    return answer


def user(*content: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": list(content)}


# ---- the beta


def test_a_client_of_the_beta_is_welcome_where_the_beta_is_spoken() -> None:
    emulated = Emulated(dialect="beta")
    emulated.server.open("m", None, beta=True)
    created, conversation = emulated.taken()
    assert (created["type"], conversation["type"]) == ("session.created", "conversation.created")
    assert created["session"]["modalities"] == ["audio", "text"]
    assert created["session"]["input_audio_format"] == "pcm16"
    assert "audio" not in created["session"]


def beta(**session: Any) -> Emulated:
    emulated = Emulated(dialect="beta", speed=math.inf)
    emulated.server.open("m", None, beta=True)
    emulated.taken()
    [updated] = emulated.say("session.update", session=session)
    assert updated["type"] == "session.updated", updated
    assert {name: updated["session"][name] for name in session} == session
    return emulated


def test_a_flat_session_decides_what_is_heard_and_said() -> None:
    emulated = beta(input_audio_format="g711_ulaw", output_audio_format="g711_alaw", voice="sage", input_audio_transcription={"model": "w"})
    events = [*emulated.hear(speech(MULAW_8K)), *emulated.wait()]
    names = once([event["type"] for event in events])
    assert names[-3:] == ["response.output_item.done", "response.done", "rate_limits.updated"]
    assert "conversation.item.done" not in names
    assert [name for name in names if name.startswith("response.audio")] == [
        "response.audio_transcript.delta", "response.audio.delta", "response.audio.done", "response.audio_transcript.done",
    ]  # fmt: skip
    done = of(events, "response.done")["response"]
    assert (done["output_audio_format"], done["modalities"]) == ("g711_alaw", ["audio", "text"])
    assert done["output"][0]["content"][0]["type"] == "audio"


@pytest.mark.parametrize(
    ("session", "wrong"),
    [
        ({"type": "realtime"}, ("unknown_parameter", "session.type")),
        ({"modalities": ["audio"]}, ("invalid_value", "session.modalities")),
        ({"input_audio_format": "mp3"}, ("invalid_value", "session.input_audio_format")),
    ],
)
def test_the_beta_refuses_what_it_does_not_know(session: dict[str, Any], wrong: tuple[str, str]) -> None:
    emulated = Emulated(dialect="beta")
    emulated.server.open("m", None)
    emulated.taken()
    assert code(emulated.say("session.update", session=session)) == wrong


def test_an_answer_of_the_beta_may_be_asked_for_in_text() -> None:
    emulated = beta(modalities=["audio", "text"])
    emulated.say(
        "conversation.item.create", item={"type": "message", "role": "assistant", "content": [{"type": "text", "text": "I said."}]}
    )
    emulated.say("response.create", response={"modalities": ["text"], "max_response_output_tokens": 7})
    done = of(emulated.wait(), "response.done")["response"]
    assert done["output"][0]["content"] == [{"type": "text", "text": "Hello."}]
    assert done["max_output_tokens"] == 7


# ---- servers that are sloppy, or ahead of their time


def test_a_sloppy_server_leaves_out_ids_times_and_acknowledgements() -> None:
    emulated = Emulated(lenient=True, speed=math.inf).open()
    events = [*emulated.hear(speech()), *emulated.wait()]
    item_id = of(events, "response.output_item.done")["item"]["id"]
    events += emulated.say("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=1)
    assert not any("event_id" in event or "response_id" in event or "audio_end_ms" in event for event in events)
    names = kinds(events)
    assert "conversation.item.created" in names
    assert not {"input_audio_buffer.committed", "response.content_part.added", "conversation.item.truncated"} & set(names)


def test_noise_is_said_twice_and_to_the_letter() -> None:
    emulated = Emulated(repeats=frozenset({"response.done"}), speed=math.inf).open()
    emulated.say("response.create")
    one, other = [event for event in emulated.wait() if event["type"] == "response.done"]
    assert one == other


def test_extra_fields_and_events_that_nobody_knows() -> None:
    emulated = Emulated(extras=True, speed=math.inf).open()
    events = [*emulated.say("response.create"), *emulated.wait()]
    assert of(events, "response.afterthought")
    assert all("obfuscation" in event for event in events if event["type"].endswith(".delta"))


# ---- speed


def test_audio_comes_in_bursts_at_the_same_pace() -> None:
    emulated = Emulated(asked([]), speed=1.0, burst_ms=500).open()
    emulated.say("response.create")
    lumps = [len([event for event in emulated.wait(0.1) if event["type"] == "response.output_audio.delta"]) for _ in range(20)]
    assert [lump for lump in lumps if lump] == [5, 5, 5, 5]


# ---- what it is asked


def test_pictures_texts_and_sounds_reach_the_question() -> None:
    questions: list[OpenAIQuestion] = []
    emulated = Emulated(asked(questions)).open()
    sound, picture = Frame.silence(2_400, PCM16_24K), "data:image/png;base64,AAAA"
    text = {"type": "input_text", "text": "What is this?"}
    emulated.say("conversation.item.create", item=user(text, {"type": "input_image", "image_url": picture}))
    emulated.say("conversation.item.create", item=user({"type": "input_audio", "audio": sound.base64}))
    emulated.say("response.create")
    [question] = questions
    assert (question.words, question.images) == ("What is this?", (picture,))
    assert question.heard is not None
    assert question.heard.data == sound.data


def test_an_answer_beside_the_conversation_is_about_what_it_brings_and_leaves_the_rest_to_the_next() -> None:
    questions: list[OpenAIQuestion] = []
    emulated = Emulated(asked(questions), speed=math.inf).open()
    emulated.say("conversation.item.create", item={"id": "mine", **user({"type": "input_text", "text": "In it."})})
    beside = [{"type": "item_reference", "id": "mine"}, user({"type": "input_text", "text": "Beside it."})]
    for input in (beside, []):
        emulated.say("response.create", response={"conversation": "none", "input": input})
    emulated.say("response.create")
    assert [question.words for question in questions] == ["Beside it.", None, "In it."]
    emulated.wait()
    unknown = {"conversation": "none", "input": [{"type": "item_reference", "id": "other"}]}
    assert code(emulated.say("response.create", response=unknown))[0] == "response_input_invalid_item_id"


def test_two_answers_are_made_at_once_if_one_is_beside_the_conversation() -> None:
    emulated = Emulated(asked([]), speed=1.0).open()
    emulated.say("response.create")
    emulated.say("response.create", response={"conversation": "none", "metadata": {"topic": "x"}})
    emulated.wait(0.5)
    ended = [event["response"] for event in emulated.wait() if event["type"] == "response.done"]
    assert [(each["conversation_id"], each["metadata"]) for each in ended] == [("conv_1", None), (None, {"topic": "x"})]


@pytest.mark.parametrize("choice", ["required", {"type": "function", "name": "look_up"}])
def test_a_tool_is_called_when_it_must_be_or_when_that_is_written(choice: object) -> None:
    emulated = Emulated(speed=math.inf).open(tools=[FUNCTION])
    emulated.say("response.create", response={"tool_choice": choice})
    assert of(emulated.wait(), "response.function_call_arguments.done")["name"] == "look_up"
    emulated.say("conversation.item.create", item=user({"type": "input_text", "text": '/call look_up {"a": 1}'}))
    emulated.say("response.create")
    assert of(emulated.wait(), "response.function_call_arguments.done")["arguments"] == '{"a": 1}'


# ---- what it remembers


def test_an_item_is_retrieved_with_its_sound_until_it_is_cut() -> None:
    emulated = Emulated(lambda question: OpenAIReply("Beep.", tone(1.0, question.format)), speed=math.inf).open()
    events = [*emulated.hear(speech()), *emulated.wait()]
    caller = of(events, "input_audio_buffer.committed")["item_id"]
    agent = of(events, "response.output_item.done")["item"]["id"]

    def seconds(item_id: str) -> float:
        [retrieved] = emulated.say("conversation.item.retrieve", item_id=item_id)
        return len(base64.b64decode(retrieved["item"]["content"][0]["audio"])) / 48_000

    assert seconds(caller) == pytest.approx(emulated.server.heard[-1].duration, abs=1e-3)
    assert seconds(agent) == pytest.approx(1.0, abs=1e-3)
    emulated.say("conversation.item.truncate", item_id=agent, content_index=0, audio_end_ms=250)
    assert seconds(agent) == pytest.approx(0.25, abs=1e-3)


def test_it_forgets_old_sounds() -> None:
    emulated = Emulated(keeps=1.0, speed=math.inf).open()
    second = Frame.silence(24_000, PCM16_24K)
    for name in ("old", "new"):
        emulated.say("conversation.item.create", item={"id": name, **user({"type": "input_audio", "audio": second.base64})})
    kept = [emulated.say("conversation.item.retrieve", item_id=name)[0]["item"]["content"][0] for name in ("old", "new")]
    assert ["audio" in part for part in kept] == [False, True]


def test_what_a_client_did_can_be_read_back() -> None:
    emulated = Emulated(lambda question: OpenAIReply(calls=(OpenAICall("look_up"),)), speed=math.inf).open(tools=[FUNCTION])
    events = [*emulated.say("response.create"), *emulated.wait()]
    call_id = of(events, "response.function_call_arguments.done")["call_id"]
    emulated.say("conversation.item.create", item={"type": "function_call_output", "call_id": call_id, "output": "42"})
    assert emulated.server.conversation.results == {call_id: "42"}
    assert emulated.server.received == {"session.update": 1, "response.create": 1, "conversation.item.create": 1}
    assert emulated.server.sent["response.created"] == 1


# ---- silence, and what goes wrong


PATIENT = {"audio": {"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5_000}}}}


def test_long_silence_after_an_answer_was_heard_is_answered() -> None:
    emulated = Emulated(asked([]), speed=10.0).open(**PATIENT)
    emulated.say("response.create")
    assert "input_audio_buffer.timeout_triggered" not in kinds(emulated.wait(6.9))
    emulated.hear(Frame.silence(24_000, PCM16_24K))
    names = kinds(emulated.wait(0.2))
    assert names[:4] == [
        "input_audio_buffer.timeout_triggered", "input_audio_buffer.committed", "conversation.item.added", "conversation.item.done",
    ]  # fmt: skip
    assert "response.created" in names


def test_a_caller_who_speaks_is_waited_for() -> None:
    emulated = Emulated(asked([]), speed=10.0).open(**PATIENT)
    emulated.say("response.create")
    emulated.wait(2.0)
    emulated.hear(speech().cut(0, 24_000 * 2))
    assert emulated.server.due == 3_600.0


def test_the_voice_stays_once_it_has_been_heard() -> None:
    emulated = Emulated(speed=math.inf).open(audio={"output": {"voice": "marin"}})
    emulated.say("response.create")
    emulated.wait()
    update = {"type": "realtime", "audio": {"output": {"voice": "cedar"}}}
    assert code(emulated.say("session.update", session=update)) == ("cannot_update_voice", "session.audio.output.voice")


@pytest.mark.parametrize(
    ("reply", "status", "why"),
    [
        (OpenAIReply("Hm.", fails="rate_limit_exceeded"), "failed", "rate_limit_exceeded"),
        (OpenAIReply("Hm.", incomplete="content_filter"), "incomplete", "content_filter"),
    ],
)
def test_an_answer_fails_or_stays_incomplete(reply: OpenAIReply, status: str, why: str) -> None:
    emulated = Emulated(lambda question: reply, speed=math.inf).open()
    events = [*emulated.say("response.create"), *emulated.wait()]
    done = of(events, "response.done")["response"]
    details = done["status_details"]
    assert (done["status"], details["type"]) == (status, status)
    assert why in (details.get("reason"), details.get("error", {}).get("code"))
    assert done["output"][0]["status"] == "incomplete"


def test_the_callers_words_may_stay_unknown() -> None:
    emulated = Emulated(transcribed="fails", speed=math.inf).open(audio={"input": {"transcription": {"model": "w"}}})
    events = [*emulated.hear(speech()), *emulated.wait()]
    assert of(events, "conversation.item.input_audio_transcription.failed")["error"]["code"] == "transcription_failed"


# ---- a voice


def test_words_wait_for_their_voice() -> None:
    emulated = Emulated(lambda question: OpenAIReply("How do you do?"), speed=math.inf).open()
    emulated.server.speak_aloud()
    emulated.say("response.create")
    assert "response.output_audio.delta" not in kinds(emulated.wait(1.0))
    [unspoken] = emulated.server.take_unspoken()
    assert (unspoken.text, unspoken.format) == ("How do you do?", PCM16_24K)
    emulated.server.voice(unspoken.response_id, tone(1.0, PCM16_24K), emulated.now)
    events = emulated.wait(0.0)
    assert len([event for event in events if event["type"] == "response.output_audio.delta"]) == 10
    assert of(events, "response.done")["response"]["status"] == "completed"


def test_a_voice_that_fails_lets_the_answer_fail() -> None:
    emulated = Emulated(lambda question: OpenAIReply("How do you do?"), speed=math.inf).open()
    emulated.server.speak_aloud()
    emulated.say("response.create")
    [unspoken] = emulated.server.take_unspoken()
    emulated.server.voice(unspoken.response_id, "voice_unavailable", emulated.now)
    assert of(emulated.wait(), "response.done")["response"]["status"] == "failed"


@pytest.mark.parametrize("format", [PCM16_24K, MULAW_8K], ids=str)
def test_who_speaks_after_a_long_silence_is_heard_as_well_as_ever(format: AudioFormat) -> None:
    """A long silence is not listened to, sample by sample."""
    written = {PCM16_24K: {"type": "audio/pcm", "rate": 24_000}, MULAW_8K: {"type": "audio/pcmu"}}[format]
    edges = []
    for silence in (1, 30):
        emulated = Emulated(speed=math.inf).open(audio={"input": {"format": written}})
        emulated.hear(Frame.silence(silence * format.rate, format))
        events = emulated.hear(speech(format))
        times = (
            of(events, "input_audio_buffer.speech_started")["audio_start_ms"],
            of(events, "input_audio_buffer.speech_stopped")["audio_end_ms"],
        )
        edges.append([time - silence * 1000 for time in times])
        assert emulated.server.heard[-1].duration == pytest.approx(2.2, abs=0.2)
    assert edges[0] == edges[1]
