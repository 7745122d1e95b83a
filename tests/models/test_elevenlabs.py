"""The plugin ``elevenlabs``: how it is opened and refused, and whole calls with the emulated agent."""

from __future__ import annotations

import itertools
import json
from functools import partial

import pytest
import trio
from wire.openai_emulated import speech

from trioaudio import (
    Agent,
    BargeIn,
    Called,
    CapabilityError,
    InsecureConnectionError,
    ModelRefused,
    OptionError,
    OutputTranscript,
    ResponseDone,
    Returned,
    Said,
    Secret,
    SessionError,
    ToolReturned,
    TurnInterrupted,
    TurnPlayed,
    open_channel,
    open_session,
)
from trioaudio.audio import MULAW_8K, PCM16_16K, PCM16_24K, Frame
from trioaudio.models.elevenlabs import ElevenLabsModel, conversation_url, open_elevenlabs, open_elevenlabs_over
from trioaudio.testing import (
    ElevenLabsCall,
    ElevenLabsEmulator,
    ElevenLabsQuestion,
    ElevenLabsReply,
    ElevenLabsServerOptions,
    OpenAIFault,
    ScriptedFarEnd,
    memory_websockets,
    open_call,
)
from trioaudio.testing.fixtures import OpenCall
from trioaudio.wire.elevenlabs import ConversationOptions

KEY, KEY_FILE = "ELEVENLABS_API_KEY", "ELEVENLABS_API_KEY_FILE"


@pytest.fixture
def _keyless(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (KEY, KEY_FILE):
        monkeypatch.delenv(name, raising=False)


def emulated(answer: object = None, *, faults: tuple[OpenAIFault, ...] = (), **options: object) -> ElevenLabsEmulator:
    return ElevenLabsEmulator(answer, ElevenLabsServerOptions(**options), faults=faults)  # type: ignore[arg-type]


def long_reply(question: ElevenLabsQuestion) -> ElevenLabsReply:
    return ElevenLabsReply("one two three four five", Frame.silence(5 * question.format.rate, question.format))


# ---- being opened


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("wss://api.elevenlabs.io", "wss://api.elevenlabs.io/v1/convai/conversation?agent_id=a%26b"),
        ("https://api.eu.residency.elevenlabs.io/", "wss://api.eu.residency.elevenlabs.io/v1/convai/conversation?agent_id=a%26b"),
        ("http://127.0.0.1:8767", "ws://127.0.0.1:8767/v1/convai/conversation?agent_id=a%26b"),
    ],
)
def test_a_conversation_is_found_below_the_base_url(base: str, url: str) -> None:
    assert conversation_url(base, "a&b") == url


@pytest.mark.usefixtures("_keyless")
async def test_without_a_key_it_says_which_variable_to_set_and_that_public_agents_need_none() -> None:
    with pytest.raises(OptionError, match=rf"{KEY}.*public=true"):
        async with open_elevenlabs("agent_1"):
            pass


async def test_a_key_never_travels_unencrypted_to_another_machine() -> None:
    with pytest.raises(InsecureConnectionError, match="example"):
        async with open_elevenlabs("agent_1", base_url="ws://example.org", key=Secret("sk-planted")):
            pass


@pytest.mark.parametrize("options", [{"base_url": "ftp://x"}, {"base_url": "api.elevenlabs.io"}, {"speed": 9.0}, {"input_format": "mulaw"}])
async def test_what_cannot_be_is_refused_before_anything_is_opened(options: dict[str, object]) -> None:
    with pytest.raises(OptionError, match=next(iter(options))):
        async with open_elevenlabs("agent_1", key=Secret("sk-planted"), **options):  # type: ignore[arg-type]
            pass


class TestAtAPort:
    """Over real sockets: the key is exchanged for a signed address."""

    async def test_a_private_agent_is_reached_by_its_key(self) -> None:
        pytest.importorskip("httpx2")
        emulator = emulated(keys=frozenset({"right"}))
        with trio.fail_after(20):
            async with (
                emulator.listen() as url,
                open_channel(ScriptedFarEnd().source) as channel,
                open_session(channel, partial(open_elevenlabs, "agent_1", base_url=url, key=Secret("right"))) as session,
            ):
                with session.subscribe(OutputTranscript) as said:
                    assert (await anext(aiter(said))).text == "Hello."
        assert emulator.sessions[-1].errors == []

    @pytest.mark.parametrize(("key", "agent_id", "why"), [("wrong", "agent_1", "401"), ("right", "agent_2", "404.*Agent not found")])
    async def test_who_may_not_is_refused_for_good_and_the_key_is_not_shown(self, key: str, agent_id: str, why: str) -> None:
        pytest.importorskip("httpx2")
        emulator = emulated(keys=frozenset({"right"}), agents=frozenset({"agent_1"}))
        with trio.fail_after(20), pytest.raises(ModelRefused, match=why) as refused:
            async with emulator.listen() as url, open_elevenlabs(agent_id, base_url=url, key=Secret(key)):
                pass
        assert key not in str(refused.value)

    @pytest.mark.usefixtures("_keyless")
    async def test_a_private_agent_closes_the_door_to_who_has_no_key(self) -> None:
        emulator = emulated(keys=frozenset({"right"}))
        with trio.fail_after(20), pytest.raises(ModelRefused, match="requires authorization"):
            async with emulator.listen() as url, open_elevenlabs("agent_1", base_url=url) as model:
                await model.start(Agent(), PCM16_16K, PCM16_16K)


@pytest.mark.usefixtures("virtual_clock")
class TestStarting:
    async def test_formats_other_than_declared_are_refused_for_good_with_the_remedy(self) -> None:
        emulator = emulated(input_format="ulaw_8000", output_format="ulaw_8000")
        with pytest.raises(ModelRefused, match="input_format=ulaw_8000 and output_format=ulaw_8000"):
            async with emulator.model(ConversationOptions()) as model:
                await model.start(Agent(), PCM16_16K, PCM16_16K)

    @pytest.mark.parametrize(
        ("options", "agent", "why"),
        [
            ({"overridable": False}, Agent("Be kind."), r"'prompt' is not allowed.*override_error"),
            ({"variables": frozenset({"name"})}, Agent(), r"dynamic variables: name.*missing_dynamic_variable"),
        ],
    )
    async def test_an_agent_that_does_not_let_itself_be_changed_says_why(self, options: dict[str, object], agent: Agent, why: str) -> None:
        with pytest.raises(ModelRefused, match=why):
            async with emulated(**options).model() as model:
                await model.start(agent, PCM16_16K, PCM16_16K)

    @pytest.mark.parametrize(
        ("do", "why"), [("close 1011 overloaded", r"overloaded \(1011\)"), ("close 1000", "before it began"), ("break", "1006")]
    )
    async def test_an_agent_that_leaves_before_it_began_is_worth_another_try(self, do: str, why: str) -> None:
        with pytest.raises(trio.BrokenResourceError, match=why) as broken:
            async with emulated(faults=(OpenAIFault("0s", do),)).model() as model:
                await model.start(Agent(), PCM16_16K, PCM16_16K)
        assert not isinstance(broken.value, ModelRefused)


# ---- being used


async def test_the_caller_is_answered(call: OpenCall, elevenlabs_emulator: ElevenLabsEmulator) -> None:
    caller = ScriptedFarEnd(format=PCM16_24K)
    async with call(elevenlabs_emulator.model, Agent(greeting="Good morning."), caller=caller) as (_, session):
        await trio.sleep(2.0)
        with session.subscribe(TurnPlayed) as played:
            caller.speak(speech())
            receipt = (await anext(aiter(played))).receipt
    assert receipt.heard / receipt.rate == pytest.approx(2.2, abs=0.3)
    assert [f"{line.speaker}: {line.text}" for line in session.transcript] == [
        "agent: Good morning.",
        "caller: (2.2 s of speech)",
        "agent: (2.2 s of what you said)",
    ]
    server = elevenlabs_emulator.sessions[-1]
    assert (server.errors, server.unanswered_pings) == ([], 0)


@pytest.mark.usefixtures("virtual_clock")
class TestCalls:
    async def test_telephone_audio_passes_through_in_its_own_format(self) -> None:
        emulator = emulated(input_format="ulaw_8000", output_format="ulaw_8000")
        async with open_call(emulator.model, caller=ScriptedFarEnd(format=MULAW_8K)) as (_, session):
            assert (session.input_format, session.output_format) == (MULAW_8K, MULAW_8K)

    @pytest.mark.parametrize("numbers", ["turn", "piece"])
    async def test_who_speaks_into_it_is_heard_at_once_and_what_was_heard_of_it_is_what_it_said(self, numbers: str) -> None:
        emulator = emulated(long_reply, first_message="", numbers=numbers, slips=True, speed=2.0)
        caller = ScriptedFarEnd(format=PCM16_24K)
        async with open_call(emulator.model, caller=caller) as (_, session):
            await session.send_message("Count.")
            with session.subscribe(TurnInterrupted) as interrupted:
                await trio.sleep(1.0)
                caller.speak(speech())
                receipt = (await anext(aiter(interrupted))).receipt
                await trio.sleep(0.5)
        assert receipt.heard / receipt.rate == pytest.approx(1.86, abs=0.3)
        assert [line.text for line in session.transcript] == ["one two..."]
        assert session.late_audio_ms == 0.0

    async def test_what_the_app_interrupts_is_silent_though_the_agent_talks_on(self) -> None:
        emulator = emulated(long_reply, first_message="", speed=1.0)
        caller = ScriptedFarEnd(format=PCM16_24K)
        async with open_call(emulator.model, Agent(barge_in=BargeIn(min_speech_ms=200)), caller=caller) as (_, session):
            await session.send_message("Count.")
            await trio.sleep(1.0)
            with session.subscribe(ResponseDone) as done:
                session.interrupt()
                assert (await anext(aiter(done))).status == "cancelled"
            await trio.sleep(5.0)
            assert session.channel.current_turn is None

    async def test_a_tool_is_called_and_the_agent_goes_on_by_itself(self) -> None:
        def answer(question: ElevenLabsQuestion) -> ElevenLabsReply:
            if question.results:
                return ElevenLabsReply(f"It is {question.results[0]}.")
            return ElevenLabsReply("Let me see.", calls=(ElevenLabsCall("temperature", '{"city":"Rome"}'),))

        async def temperature(city: str) -> str:
            await trio.sleep(27.0)
            return f"warm in {city}"

        emulator = emulated(answer, first_message="")
        async with open_call(emulator.model, Agent(tools=[temperature])) as (_, session):
            with session.subscribe(ToolReturned) as returned:
                await session.send_message("How warm is it?")
                await anext(aiter(returned))
            await session.wait_spoken()
        assert [line.text for line in session.transcript] == ["Let me see.", "It is warm in Rome."]
        assert emulator.sessions[-1].errors == []
        assert emulator.sessions[-1].counts["user_message"] == 1

    async def test_a_tool_that_fails_is_told_as_an_error(self) -> None:
        emulator = emulated(lambda question: None if question.results else ElevenLabsReply(calls=(ElevenLabsCall("nothing_like_it"),)))
        async with open_call(emulator.model) as (_, session):
            await session.send_message("Do it.")
            await trio.sleep(5.0)
        [(output, is_error)] = emulator.sessions[-1].results.values()
        assert is_error
        assert "there is no tool 'nothing_like_it'" in output

    async def test_it_cannot_say_a_text_word_for_word(self) -> None:
        async with open_call(emulated().model) as (_, session):
            with pytest.raises(CapabilityError, match="say"):
                await session.say("Exactly this.")

    async def test_an_error_is_told_and_does_not_end_the_call(self) -> None:
        async with open_call(emulated(faults=(OpenAIFault("1s", "error tts_cascade_error It coughs."),)).model) as (_, session):
            with session.subscribe(SessionError) as errors:
                assert await anext(aiter(errors)) == SessionError("tts_cascade_error", "It coughs.")
            await session.send_message("Still there?")
            await trio.sleep(3.0)
        assert session.transcript[-1].text == "Still there?"

    async def test_a_message_without_an_answer_fails_and_holds_nothing_up(self) -> None:
        async with open_call(emulated(lambda question: None, first_message="").model) as (_, session):
            await session.send_message("Hello?")
            await session.wait_spoken()
        assert trio.current_time() == pytest.approx(22.0, abs=0.5)

    @pytest.mark.parametrize(
        ("do", "why"),
        [
            ("close 1000", None),
            ("close 1002 No user input for 60 seconds", "No user input"),
            ("send nonsense", "is not JSON"),
            ("break", "1006"),
        ],
    )
    async def test_the_end_of_the_conversation_says_why(self, do: str, why: str | None) -> None:
        ours, theirs = memory_websockets()
        emulator = emulated(first_message="", faults=(OpenAIFault("5s", do),))
        async with trio.open_nursery() as nursery, open_elevenlabs_over(ours) as model:
            nursery.start_soon(partial(emulator.serve, theirs, agent_id="a"))
            await model.start(Agent(), PCM16_16K, PCM16_16K)
            with pytest.raises(trio.BrokenResourceError if why else trio.EndOfChannel, match=why):
                while True:
                    await model.receive()
            nursery.cancel_scope.cancel()

    async def test_a_quota_that_is_used_up_is_refused_for_good(self) -> None:
        emulator = emulated(first_message="", faults=(OpenAIFault("1s", "close 1002 This request exceeds your quota limit"),))
        async with emulator.model() as model:
            await model.start(Agent(), PCM16_16K, PCM16_16K)
            with pytest.raises(ModelRefused, match="quota"):
                while True:
                    await model.receive()

    async def test_a_conversation_that_broke_goes_on_without_another_greeting_and_with_what_was_heard(self) -> None:
        emulator = emulated(long_reply, faults=(OpenAIFault("8s", "break"),))
        caller = ScriptedFarEnd(format=PCM16_24K)
        async with open_call(emulator.model, Agent(greeting="Good morning."), caller=caller) as (_, session):
            await trio.sleep(2.0)
            await session.send_message("Count.")
            await trio.sleep(1.0)
            caller.speak(speech())
            await trio.sleep(7.0)
        first, second = list(emulator.sessions)[:2]
        assert first.initiation["conversation_config_override"]["agent"]["first_message"] == "Good morning."
        assert second.initiation["conversation_config_override"]["agent"]["first_message"] == ""
        assert second.context[0].splitlines()[1:4] == ["You: Good morning.", "The caller: Count.", "You: one two..."]

    @pytest.mark.parametrize(
        "at",
        [
            "conversation_initiation_metadata",
            *("ping#2", "agent_response", "audio", "audio#3", "client_tool_call", "interruption", "agent_response_correction"),
            *("tentative_user_transcript", "user_transcript"),
        ],
    )
    async def test_wherever_the_connection_breaks_the_call_goes_on_and_no_result_is_told_twice(self, at: str) -> None:
        def answer(question: ElevenLabsQuestion) -> ElevenLabsReply:
            if question.words == "Look it up.":
                return ElevenLabsReply(calls=(ElevenLabsCall("look_up"),))
            return long_reply(question)

        async def look_up() -> str:
            await trio.sleep(0.5)
            return "found"

        broken, sound = emulated(answer, faults=(OpenAIFault(f"event:{at}", "break"),)), emulated(answer)
        emulators = itertools.chain([broken], itertools.repeat(sound))
        caller = ScriptedFarEnd(format=PCM16_24K)
        agent = Agent(greeting="Good morning.", tools=[look_up])
        async with open_call(lambda: next(emulators).model(), agent, caller=caller) as (_, session):
            await session.send_message("Look it up.")
            await trio.sleep(4.0)
            caller.speak(speech())
            await trio.sleep(12.0)
            await session.send_message("Still there?")
            await trio.sleep(25.0)
            assert session.transcript[-1].text.startswith("one two")
        assert len(broken.sessions) == len(sound.sessions) == 1
        told = [result for server in (*broken.sessions, *sound.sessions) for result in server.results]
        assert len(told) == len(set(told)) <= 2
        assert [server.errors for server in (*broken.sessions, *sound.sessions)] == [[], []]

    async def test_what_went_before_is_told_in_words_and_not_answered(self) -> None:
        emulator = emulated(first_message="")
        async with emulator.model() as model:
            await model.start(Agent(), PCM16_16K, PCM16_16K)
            await model.seed(
                [Said("agent", "Hello."), Said("caller", "How warm?"), Called("c", "look", "{}"), Returned("c", "no", error=True)]
            )
            assert isinstance(model, ElevenLabsModel)
            await model.update_context("The caller looks at page 3.")
            await model.user_activity()
            await trio.sleep(1.0)
        context = emulator.sessions[-1].context
        assert context[0].splitlines()[1:] == ["You: Hello.", "The caller: How warm?", "You called look with {}.", "It failed: no"]
        assert context[1] == "The caller looks at page 3."
        assert emulator.sessions[-1].counts["user_activity"] == 1


async def test_audio_that_is_cancelled_half_way_is_whole_all_the_same() -> None:
    ours, theirs = memory_websockets()
    async with open_elevenlabs_over(ours) as model:
        with trio.CancelScope() as scope:
            scope.cancel()
            await model.append(Frame.silence(480, PCM16_16K))
        await model.append(Frame.silence(320, PCM16_16K))
        await ours.aclose()
    sent = [json.loads(message) async for message in theirs]
    assert [len(Frame.from_base64(each["user_audio_chunk"], PCM16_16K)) for each in sent] in ([480, 320], [320])
