"""The emulated OpenAI server: the order of the live service, its errors, its strictness, its end."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire.openai_emulated import Emulated, code, kinds, speech
from wire.test_openai_untrusted import values

from trioaudio.audio import ALAW_8K, MULAW_8K, PCM16_24K, AudioFormat, Frame
from trioaudio.wire.openai_server import OpenAICall, OpenAIQuestion, OpenAIReply, OpenAIServer, OpenAIServerOptions

MANUAL = {"audio": {"input": {"turn_detection": None}}}
TRANSCRIBED = {"audio": {"input": {"transcription": {"model": "gpt-4o-mini-transcribe"}}}}
FUNCTION = {"tools": [{"type": "function", "name": "look_up", "parameters": {"type": "object", "properties": {}}}]}
CALLER = ["input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped"]
COMMITTED = ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"]
BEGUN = ["response.created", "response.output_item.added", "conversation.item.added", "response.content_part.added"]
SAID = ["response.output_audio_transcript.delta", "response.output_audio.delta"]
CLOSED = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
    "rate_limits.updated",
]


def once(kinds: list[str]) -> list[str]:
    return list(dict.fromkeys(kinds))


def long_reply(question: OpenAIQuestion) -> OpenAIReply:
    return OpenAIReply("one two three four", Frame.silence(5 * question.format.rate, question.format))


def of(events: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    [event] = [event for event in events if event["type"] == kind]
    return event


# ---- before anything else


def test_a_session_is_created_with_all_its_defaults() -> None:
    server = OpenAIServer()
    server.open("gpt-realtime-2.1", "key", epoch=1_000.0)
    [created] = [json.loads(message) for message in server.take()]
    assert created["type"] == "session.created"
    assert created["session"]["model"] == "gpt-realtime-2.1"
    assert created["session"]["expires_at"] == 4_600
    assert created["session"]["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 200


@pytest.mark.parametrize(
    ("model", "key", "beta", "code", "close"),
    [
        ("m", None, False, "invalid_api_key", 3000),
        ("m", "wrong", False, "invalid_api_key", 3000),
        (None, "right", False, "missing_model", 4000),
        ("n", "right", False, "invalid_model", 4000),
        ("m", "right", True, "beta_api_shape_disabled", 4000),
    ],
)
def test_whom_it_does_not_want_it_tells_why_and_leaves(model: str | None, key: str | None, beta: bool, code: str, close: int) -> None:
    server = OpenAIServer(options=OpenAIServerOptions(keys=frozenset({"right"}), models=frozenset({"m"})))
    server.open(model, key, beta=beta)
    [error] = [json.loads(message) for message in server.take()]
    assert error["error"]["code"] == code
    assert server.closing == (close, f"invalid_request_error.{code}")


def test_a_session_ends_when_its_time_is_over() -> None:
    emulated = Emulated(lasts=3_600.0).open()
    assert emulated.server.due == 3_600.0
    emulated.wait(3_600.0)
    assert emulated.server.closing == (1001, "Your session hit the maximum duration of 60 minutes.")


# ---- turns


def test_a_whole_turn_comes_in_the_order_of_the_live_service() -> None:
    emulated = Emulated(speed=math.inf).open(**TRANSCRIBED)
    events = [*emulated.hear(speech()), *emulated.wait()]
    words = ["conversation.item.input_audio_transcription.delta", "conversation.item.input_audio_transcription.completed"]
    assert once([event["type"] for event in events]) == once([*CALLER, *COMMITTED, *words, *BEGUN, *SAID, *CLOSED])


def test_the_caller_has_one_item_from_the_start_of_speech_on() -> None:
    events = Emulated().open().hear(speech())
    started = of(events, "input_audio_buffer.speech_started")
    ids = [of(events, kind)["item_id"] for kind in (*CALLER, "input_audio_buffer.committed")]
    assert ids == [started["item_id"]] * 3
    assert events[3]["item"]["id"] == started["item_id"]
    assert started["audio_start_ms"] == pytest.approx(680 - 300, abs=100)


@pytest.mark.parametrize("format", [PCM16_24K, MULAW_8K, ALAW_8K])
def test_what_it_says_is_in_the_format_of_the_session(format: AudioFormat) -> None:
    written = {PCM16_24K: {"type": "audio/pcm", "rate": 24_000}, MULAW_8K: {"type": "audio/pcmu"}, ALAW_8K: {"type": "audio/pcma"}}[format]
    emulated = Emulated(speed=math.inf).open(audio={"input": {"format": written}, "output": {"format": written}})
    events = [*emulated.hear(speech(format)), *emulated.wait()]
    sound = b"".join(base64.b64decode(event["delta"]) for event in events if event["type"] == "response.output_audio.delta")
    assert Frame(sound, format).duration == pytest.approx(2.2, abs=0.3)


@pytest.mark.parametrize(
    ("moment", "after"), [("before", "conversation.item.done"), ("amid", "response.output_audio.delta"), ("after", "rate_limits.updated")]
)
def test_the_callers_words_come_before_amid_or_after_the_answer(moment: str, after: str) -> None:
    emulated = Emulated(transcribed=moment).open(**TRANSCRIBED)
    order = [event["type"] for event in [*emulated.hear(speech()), *emulated.wait()]]
    assert order[order.index("conversation.item.input_audio_transcription.delta") - 1] == after


def test_without_transcription_there_are_no_words_of_the_caller() -> None:
    assert "conversation.item.input_audio_transcription.completed" not in kinds(Emulated().open().hear(speech()))


def test_where_nobody_is_to_answer_nothing_follows_the_utterance() -> None:
    emulated = Emulated().open(audio={"input": {"turn_detection": {"type": "server_vad", "create_response": False}}})
    assert kinds([*emulated.hear(speech()), *emulated.wait()]) == [*CALLER, *COMMITTED]


def test_a_manual_turn_is_committed_and_answered_when_asked_for() -> None:
    emulated = Emulated(speed=math.inf).open(**MANUAL)
    assert emulated.hear(speech()) == []
    assert kinds(emulated.say("input_audio_buffer.commit")) == COMMITTED
    assert kinds([*emulated.say("response.create"), *emulated.wait()])[-1] == "rate_limits.updated"


def test_audio_comes_faster_than_it_is_heard() -> None:
    emulated = Emulated(long_reply, speed=10.0).open()
    emulated.say("response.create")
    early = [event for event in emulated.wait(0.25) if event["type"] == "response.output_audio.delta"]
    assert len(early) * 0.1 == pytest.approx(2.5, abs=0.2)


def test_an_answer_in_text_has_no_sound() -> None:
    emulated = Emulated(speed=math.inf).open(output_modalities=["text"])
    events = [*emulated.say("response.create"), *emulated.wait()]
    assert of(events, "response.output_text.done")["text"] == "Hello."
    assert not any("audio" in event["type"] for event in events)


def test_an_answer_beside_the_conversation_leaves_no_item_in_it() -> None:
    emulated = Emulated(speed=math.inf).open()
    emulated.say(
        "response.create", response={"conversation": "none", "metadata": {"topic": "x"}, "input": [], "output_modalities": ["text"]}
    )
    events = emulated.wait()
    assert not any(event["type"].startswith("conversation.") for event in events)
    assert of(events, "response.done")["response"]["metadata"] == {"topic": "x"}
    assert of(events, "response.done")["response"]["conversation_id"] is None


# ---- interruptions


def test_a_caller_who_speaks_stops_the_answer() -> None:
    emulated = Emulated(long_reply, speed=1.0).open()
    emulated.say("response.create")
    emulated.wait(1.0)
    events = emulated.hear(speech().cut(0, 24_000))
    assert once(kinds(events)) == [CALLER[0], *CLOSED]
    done = of(events, "response.done")["response"]
    assert (done["status"], done["status_details"]["reason"]) == ("cancelled", "turn_detected")
    assert done["output"][0]["status"] == "incomplete"
    assert 0 < len(of(events, "response.output_audio_transcript.done")["transcript"]) < len("one two three four")


def test_a_piece_of_audio_may_slip_out_after_the_caller_has_spoken() -> None:
    emulated = Emulated(long_reply, speed=1.0, slips=True).open()
    emulated.say("response.create")
    emulated.wait(1.0)
    order = kinds(emulated.hear(speech().cut(0, 24_000)))
    assert order.index(CALLER[0]) < order.index("response.output_audio.delta") < order.index("response.output_audio.done")


def test_an_answer_that_is_protected_goes_on() -> None:
    emulated = Emulated(long_reply, speed=1.0).open(
        audio={"input": {"turn_detection": {"type": "server_vad", "interrupt_response": False}}}
    )
    emulated.say("response.create")
    emulated.wait(1.0)
    assert "response.done" not in kinds(emulated.hear(speech().cut(0, 24_000)))


def test_a_cancelled_answer_closes_what_it_has_open() -> None:
    emulated = Emulated(long_reply, speed=1.0).open()
    emulated.say("response.create")
    emulated.wait(1.0)
    events = emulated.say("response.cancel")
    assert kinds(events) == CLOSED
    assert of(events, "response.done")["response"]["status_details"]["reason"] == "client_cancelled"


def test_truncations_are_kept_to_be_compared_with_what_was_heard() -> None:
    emulated = Emulated(long_reply).open()
    item = of(emulated.say("response.create"), "response.created") and emulated.wait()
    item_id = of(item, "response.output_item.done")["item"]["id"]
    events = emulated.say("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=1_234)
    assert kinds(events) == ["conversation.item.truncated"]
    assert emulated.server.conversation.truncations == [(item_id, 0, 1_234)]
    [kept] = emulated.say("conversation.item.retrieve", item_id=item_id)
    assert "transcript" not in kept["item"]["content"][0]


# ---- tools


def calls_first(question: OpenAIQuestion) -> OpenAIReply:
    return OpenAIReply(f"It is {question.results[0]}.") if question.results else OpenAIReply(calls=(OpenAICall("look_up", '{"a":1}'),))


def test_a_tool_is_called_and_its_result_answered() -> None:
    emulated = Emulated(calls_first, speed=math.inf).open(**FUNCTION)
    events = [*emulated.say("response.create"), *emulated.wait()]
    assert once([event["type"] for event in events]) == [
        "response.created", "response.output_item.added", "conversation.item.added", "response.function_call_arguments.delta",
        "response.function_call_arguments.done", "conversation.item.done", "response.output_item.done", "response.done",
        "rate_limits.updated",
    ]  # fmt: skip
    done = of(events, "response.function_call_arguments.done")
    assert (done["name"], done["arguments"]) == ("look_up", '{"a":1}')
    assert of(events, "response.done")["response"]["output"][0]["call_id"] == done["call_id"]
    result = {"type": "function_call_output", "call_id": done["call_id"], "output": "42"}
    assert kinds(emulated.say("conversation.item.create", item=result)) == ["conversation.item.added", "conversation.item.done"]
    answer = [*emulated.say("response.create"), *emulated.wait()]
    assert of(answer, "response.output_audio_transcript.done")["transcript"] == "It is 42."


# ---- misuse


def appended(emulated: Emulated, num_samples: int) -> None:
    emulated.say("input_audio_buffer.append", audio=Frame.silence(num_samples, PCM16_24K).base64)


def with_input(**fields: Any) -> dict[str, Any]:
    return {"session": {"type": "realtime", "audio": {"input": fields}}}


RATE = "session.audio.input.format.rate"
BOTH = {"type": "realtime", "output_modalities": ["text", "audio"]}
MISUSES: list[tuple[str, dict[str, Any], str, str | None]] = [
    ("response.cancel", {}, "response_cancel_not_active", None),
    ("input_audio_buffer.commit", {}, "input_audio_buffer_commit_empty", None),
    ("conversation.item.retrieve", {"item_id": "x"}, "item_retrieve_invalid_item_id", "item_id"),
    ("conversation.item.delete", {"item_id": "x"}, "item_delete_invalid_item_id", "item_id"),
    ("conversation.item.truncate", {"item_id": "x", "content_index": 0, "audio_end_ms": 5}, "item_truncate_invalid_item_id", "item_id"),
    ("conversation.item.truncate", {"item_id": "x", "content_index": 0, "audio_end_ms": -1}, "integer_below_min_value", "audio_end_ms"),
    ("conversation.item.truncate", {"item_id": "x", "content_index": 0, "audio_end_ms": 1.5}, "invalid_value", "audio_end_ms"),
    ("input_audio_buffer.append", {"audio": "A A="}, "invalid_value", "audio"),
    ("input_audio_buffer.append", {}, "missing_required_parameter", "audio"),
    ("output_audio_buffer.clear", {}, "invalid_value", "type"),
    ("session.update", {"session": {}}, "missing_required_parameter", "session.type"),
    ("session.update", {"session": {"type": "realtime", "modalities": ["text"]}}, "unknown_parameter", "session.modalities"),
    ("session.update", {"session": {"type": "realtime", "turn_detection": None}}, "unknown_parameter", "session.turn_detection"),
    ("session.update", with_input(format={"type": "audio/pcm"}), "missing_required_parameter", RATE),
    (
        "session.update",
        with_input(format={"type": "audio/pcm", "rate": 8_000}),
        "integer_below_min_value",
        "session.audio.input.format.rate",
    ),
    ("session.update", with_input(format={"type": "audio/pcmu", "rate": 8_000}), "unknown_parameter", RATE),
    ("session.update", with_input(turn_detection={"type": "none"}), "invalid_value", "session.audio.input.turn_detection.type"),
    (
        "session.update",
        {"session": {"type": "realtime", "output_modalities": ["text", "audio"]}},
        "invalid_value",
        "session.output_modalities",
    ),
    ("response.create", {"response": {"modalities": ["text"]}}, "unknown_parameter", "response.modalities"),
    ("response.create", {"response": {"metadata": {"a": 1}}}, "invalid_value", "response.metadata"),
    (
        "conversation.item.create",
        {"item": {"type": "function_call_output", "call_id": "x", "output": "y"}},
        "invalid_tool_call_id",
        "item.call_id",
    ),
    (
        "conversation.item.create",
        {"item": {"type": "message", "role": "assistant", "content": [{"type": "output_audio", "audio": "AAAA"}]}},
        "invalid_value",
        "item.content[0].type",
    ),
    (
        "conversation.item.create",
        {"item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]}, "previous_item_id": "x"},
        "item_create_invalid_previous_item_id",
        "previous_item_id",
    ),
]


@pytest.mark.parametrize(
    ("kind", "fields", "wrong", "param"), MISUSES, ids=[f"{kind}-{wrong}-{param}" for kind, _, wrong, param in MISUSES]
)
def test_each_misuse_is_answered_with_its_own_error_and_the_session_goes_on(
    kind: str, fields: dict[str, Any], wrong: str, param: str | None
) -> None:
    emulated = Emulated().open()
    [error] = emulated.say(kind, event_id="mine", **fields)
    assert (error["error"]["code"], error["error"]["param"], error["error"]["event_id"]) == (wrong, param, "mine")
    assert emulated.server.closing is None
    assert kinds(emulated.say("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]


@pytest.mark.parametrize(
    ("data", "wrong"), [("{", "invalid_json"), ("nonsense", "invalid_json"), ("[]", "invalid_event"), ("7", "invalid_event"),
                        ('{"type":7}', "invalid_event"), ("{}", "invalid_event"), (b"{}", "invalid_event")]
)  # fmt: skip
def test_what_is_no_event_is_answered_with_an_error_too(data: str | bytes, wrong: str) -> None:
    assert code(Emulated().open().hand(data))[0] == wrong


def test_a_second_answer_at_a_time_is_refused() -> None:
    emulated = Emulated(long_reply).open()
    emulated.say("response.create")
    assert code(emulated.say("response.create"))[0] == "conversation_already_has_active_response"


def test_less_than_a_tenth_of_a_second_is_not_taken() -> None:
    emulated = Emulated().open(**MANUAL)
    appended(emulated, 2_399)
    [error] = emulated.say("input_audio_buffer.commit")
    assert "only has 99.96ms of audio" in error["error"]["message"]


def test_more_than_was_said_cannot_be_cut() -> None:
    emulated = Emulated(long_reply, speed=math.inf).open()
    emulated.say("response.create")
    item_id = of(emulated.wait(), "response.output_item.done")["item"]["id"]
    [error] = emulated.say("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=8_160)
    assert error["error"]["message"] == "Audio content of 5000ms is already shorter than 8160ms"
    assert error["error"]["param"] == "audio_end_ms"


def test_a_message_of_the_caller_cannot_be_cut() -> None:
    emulated = Emulated().open()
    item = {"id": "mine", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]}
    emulated.say("conversation.item.create", item=item)
    assert code(emulated.say("conversation.item.truncate", item_id="mine", content_index=0, audio_end_ms=0)) == ("invalid_value", "item_id")


def test_an_id_is_given_once() -> None:
    emulated = Emulated().open()
    item = {"id": "mine", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]}
    emulated.say("conversation.item.create", item=item)
    assert code(emulated.say("conversation.item.create", item=item)) == ("item_create_duplicate_item_id", "item.id")


def test_a_refused_update_changes_nothing() -> None:
    emulated = Emulated().open()
    emulated.say("session.update", session={"type": "realtime", "instructions": "x", "oops": 1})
    [updated] = emulated.say("session.update", session={"type": "realtime"})
    assert updated["session"]["instructions"] == ""


def test_items_stand_where_they_were_put() -> None:
    emulated = Emulated().open()
    said = []
    for name, previous in (("a", None), ("b", "root"), ("c", "b"), ("d", None)):
        item = {"id": name, "type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]}
        said.append(emulated.say("conversation.item.create", item=item, previous_item_id=previous)[0]["previous_item_id"])
    assert said == [None, None, "b", "a"]


# ---- servers that are behind or ahead


def test_a_server_of_the_beta_uses_its_names() -> None:
    emulated = Emulated(speed=math.inf, beta_names=True).open()
    events = [*emulated.say("response.create"), *emulated.wait()]
    assert "response.audio.delta" in kinds(events)
    assert "response.output_audio.delta" not in kinds(events)


def test_a_server_leaves_out_what_it_never_sends() -> None:
    emulated = Emulated(speed=math.inf, omit=frozenset({"response.content_part.added"})).open()
    assert "response.content_part.added" not in kinds([*emulated.say("response.create"), *emulated.wait()])


# ---- anything


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted({kind for kind, *_ in MISUSES})), st.dictionaries(st.text(max_size=8), values, max_size=3)),
        max_size=5,
    )
)
def test_no_message_of_any_shape_raises_or_closes(said: list[tuple[str, dict[str, Any]]]) -> None:
    emulated = Emulated().open()
    for kind, fields in said:
        for wrong in (fields, {"session": fields}, {"item": fields}, {"response": fields}, {"audio": next(iter(fields.values()), None)}):
            emulated.hand(json.dumps({**wrong, "type": kind}))
    assert emulated.server.closing is None


@pytest.mark.parametrize(
    "hostile", ["[" * 100_000, '{"type":"session.update","session":{"type":"realtime","prompt":' + "[" * 900 + "]" * 900 + "}}"]
)
def test_what_is_nested_for_ever_is_refused(hostile: str) -> None:
    assert code(Emulated().open().hand(hostile))[0] in ("invalid_json", "invalid_value")
