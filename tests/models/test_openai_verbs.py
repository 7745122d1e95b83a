"""What a session can do with one of OpenAI's models beside talking: asides, images, items, other agents; and how it is refused."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import partial

import pytest
import trio
from wire import openai_says as says

from trioaudio import (
    Agent,
    AsideDone,
    Called,
    InputCleared,
    ItemCreated,
    ItemDeleted,
    LocalProtocolError,
    ModelRefused,
    OptionError,
    ResponseDone,
    ResponseFailedError,
    Returned,
    Said,
    SessionExpiring,
    TextDelta,
    TurnPlayed,
    Usage,
)
from trioaudio.abc import Model
from trioaudio.audio import PCM16_24K, Frame
from trioaudio.models.openai import open_openai_over
from trioaudio.testing import (
    MemoryWebSocket,
    OpenAIEmulator,
    OpenAIFault,
    OpenAIQuestion,
    OpenAIReply,
    OpenAIServerOptions,
    ScriptedFarEnd,
    memory_websockets,
    open_call,
)

pytestmark = pytest.mark.usefixtures("virtual_clock")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def answer(question: OpenAIQuestion) -> OpenAIReply:
    """Asides say what they were asked, all else takes five seconds."""
    if question.instructions.startswith("Sum"):
        return OpenAIReply(f"summary: {question.instructions}")
    return OpenAIReply("a long story", Frame.silence(5 * question.format.rate, question.format))


# ---- asides


async def test_an_answer_aside_comes_while_the_agent_speaks_and_is_not_heard() -> None:
    emulator, caller = OpenAIEmulator(answer), ScriptedFarEnd(format=PCM16_24K)
    async with open_call(emulator.model, caller=caller) as (_, session):
        with session.subscribe(TurnPlayed, ResponseDone, TextDelta) as events:
            await session.respond()
            await trio.sleep(0.5)
            assert await session.aside("Sum up the call.") == "summary: Sum up the call."
            assert trio.current_time() < 2.0
            await session.wait_spoken()
        kinds = [type(event).__name__ async for event in events]
    assert sorted(kinds) == ["ResponseDone", "TurnPlayed"]
    assert [line.text for line in session.transcript] == ["a long story"]
    assert emulator.sessions[-1].errors == []


async def test_many_asides_at_once_each_get_their_own_answer() -> None:
    async with open_call(OpenAIEmulator(answer).model) as (_, session):
        got: dict[str, str] = {}

        async def ask(what: str) -> None:
            got[what] = await session.aside(what)

        async with trio.open_nursery() as nursery:
            for number in range(10):
                nursery.start_soon(ask, f"Sum {number}")
    assert got == {f"Sum {number}": f"summary: Sum {number}" for number in range(10)}


async def test_what_answers_cost_is_summed_up_asides_included() -> None:
    async with open_call(OpenAIEmulator(answer).model) as (_, session):
        with session.subscribe(ResponseDone, AsideDone) as events:
            await session.respond()
            await session.aside("Sum up the call.")
            await session.wait_spoken()
            costs = [(await anext(aiter(events))).usage for _ in range(2)]
    assert session.usage == sum((usage for usage in costs if usage), Usage())
    assert session.usage.output_tokens > 0


async def test_an_aside_that_fails_is_an_error_with_the_servers_code() -> None:
    async with open_call(OpenAIEmulator(lambda _: OpenAIReply("x", fails="rate_limit_exceeded")).model) as (_, session):
        with pytest.raises(ResponseFailedError) as caught:
            await session.aside("Sum up.")
    assert caught.value.code == "rate_limit_exceeded"


async def test_an_aside_of_a_connection_that_breaks_is_an_error() -> None:
    emulator = OpenAIEmulator(answer, faults=[OpenAIFault("1s", "stall 60"), OpenAIFault("2s", "break")])
    async with emulator.model() as model:
        await model.start(Agent(), PCM16_24K, PCM16_24K)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive_until_the_end, model)
            await trio.sleep(1.5)
            with pytest.raises(trio.BrokenResourceError):
                await model.aside("Sum up.")


async def receive_until_the_end(model: Model) -> None:
    with suppress(trio.BrokenResourceError):
        while True:
            await model.receive()


async def test_an_aside_of_a_session_that_ends_is_an_error() -> None:
    emulator = OpenAIEmulator(answer, faults=[OpenAIFault("1s", "stall 60")])
    async with open_call(emulator.model) as (_, session):
        await trio.sleep(1.5)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(later, 1.0, session.close))
            with pytest.raises(trio.ClosedResourceError):
                await session.aside("Sum up.")
        with pytest.raises(trio.ClosedResourceError):
            await session.aside("Sum up.")


async def later(seconds: float, act: object) -> None:
    await trio.sleep(seconds)
    assert callable(act)
    act()


async def test_a_server_that_never_answers_aside_is_given_up() -> None:
    ours, theirs = memory_websockets()
    async with open_openai_over(ours) as model:
        theirs.send_nowait(says.session_created())
        theirs.send_nowait(says.session_updated())
        await model.start(Agent(), PCM16_24K, PCM16_24K)
        with pytest.raises(ResponseFailedError, match="did not answer within"):
            await model.aside("Sum up.")


# ---- images, items, other agents


async def test_an_image_is_shown_and_answered_when_that_is_asked_for() -> None:
    emulator = OpenAIEmulator(lambda question: OpenAIReply(f"{len(question.images)} image: {question.words}"))
    async with open_call(emulator.model) as (_, session):
        await session.send_image(PNG, "image/png", "What is this?")
        await trio.sleep(1)
        assert session.transcript == []
        await session.respond()
        await session.wait_spoken()
        with pytest.raises(LocalProtocolError, match="image/gif"):
            await session.send_image(b"GIF89a", "image/gif")
    assert [line.text for line in session.transcript] == ["1 image: What is this?"]


async def test_items_join_and_leave_the_conversation() -> None:
    emulator = OpenAIEmulator(answer)
    async with open_call(emulator.model) as (_, session):
        with session.subscribe(ItemCreated, ItemDeleted) as events:
            for item in (Said("caller", "Hello"), Said("agent", "Good day"), Called("c", "look_up", "{}"), Returned("c", "7")):
                await session.create_item(item)
            await trio.sleep(0.1)
            seen = [await anext(aiter(events)) for _ in range(4)]
            assert isinstance(seen[0], ItemCreated)
            await session.delete_item(seen[0].item_id)
            assert await anext(aiter(events)) == ItemDeleted(seen[0].item_id)
    assert [(event.kind, event.speaker) for event in seen if isinstance(event, ItemCreated)] == [
        ("message", "caller"),
        ("message", "agent"),
        ("function_call", None),
        ("function_call_output", None),
    ]
    assert emulator.sessions[-1].errors == []


async def test_what_was_heard_can_be_forgotten() -> None:
    async with open_call(OpenAIEmulator(answer).model) as (_, session):
        with session.subscribe(InputCleared) as cleared:
            session.clear()
            await anext(aiter(cleared))


def look_up(key: str) -> str:
    """Look something up."""
    return f"found {key}"


async def test_the_model_can_become_another_agent_with_other_tools() -> None:
    asked: list[tuple[str, tuple[str, ...]]] = []

    def note(question: OpenAIQuestion) -> OpenAIReply:
        asked.append((question.instructions, question.tools))
        return answer(question)

    async with open_call(OpenAIEmulator(note).model, Agent("Be kind.", voice="marin")) as (_, session):
        await session.respond()
        await session.wait_spoken()
        await session.update(Agent("Be brief.", voice="marin", tools=[look_up]))
        await session.respond()
        await session.wait_spoken()
        with pytest.raises(OptionError, match="voice"):
            await session.update(Agent("Be loud.", voice="cedar"))
        assert session.agent.instructions == "Be brief."
    assert asked == [("Be kind.", ()), ("Be brief.", ("look_up",))]


# ---- refusals and the end


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (OpenAIServerOptions(keys=frozenset({"right"})), r"invalid_api_key\); check the key in the variable OPENAI_API_KEY"),
        (OpenAIServerOptions(models=frozenset({"other"})), "invalid_model"),
    ],
)
async def test_what_the_server_will_never_take_is_refused_for_good(options: OpenAIServerOptions, why: str) -> None:
    with pytest.raises(ModelRefused, match=why):
        async with OpenAIEmulator(options=options).model() as model:
            await model.start(Agent(), PCM16_24K, PCM16_24K)


async def test_a_quota_that_is_used_up_in_the_midst_of_a_call_is_refused_for_good() -> None:
    faults = [OpenAIFault("1s", "error insufficient_quota You exceeded your quota."), OpenAIFault("1.1s", "close 1008")]
    async with open_call(OpenAIEmulator(faults=faults).model) as (_, session):
        end = await session.wait_closed()
    assert end.error is not None
    assert isinstance(end.error.__cause__, ModelRefused)  # it was not tried again


async def test_a_configuration_that_is_refused_may_be_taken_another_time() -> None:
    ours, theirs = memory_websockets()
    theirs.send_nowait(says.session_created())
    theirs.send_nowait(says.error("server_error", "Try again."))
    with pytest.raises(trio.BrokenResourceError, match="Try again") as caught:
        async with open_openai_over(ours) as model:
            await model.start(Agent(), PCM16_24K, PCM16_24K)
    assert not isinstance(caught.value, ModelRefused)


async def test_the_end_of_a_session_is_known_from_its_beginning() -> None:
    async with open_call(OpenAIEmulator(options=OpenAIServerOptions(lasts=1_800)).model) as (_, session):
        with session.subscribe(SessionExpiring) as expiring:
            event = await anext(aiter(expiring))
    assert event.seconds == pytest.approx(1_800, abs=5)


async def test_every_end_of_a_websocket_is_told_apart() -> None:
    ends: list[str] = []
    for code, reason in ((1000, ""), (3000, "invalid_request_error.invalid_api_key"), (1001, "60 minutes"), (4000, "session_limit")):
        ours, theirs = memory_websockets(MemoryWebSocket)
        async with open_openai_over(ours) as model:
            theirs.send_nowait(says.session_created())
            theirs.send_nowait(says.session_updated())
            await model.start(Agent(), PCM16_24K, PCM16_24K)
            await theirs.aclose(code, reason)
            try:
                while True:
                    await model.receive()
            except Exception as exc:  # noqa: BLE001 - its kind is what is asked for
                ends.append(type(exc).__name__)
    assert ends == ["EndOfChannel", "ModelRefused", "BrokenResourceError", "BrokenResourceError"]


async def test_history_reaches_the_server_before_any_audio() -> None:
    ours, theirs = memory_websockets()
    async with open_openai_over(ours) as model:
        theirs.send_nowait(says.session_created())
        theirs.send_nowait(says.session_updated())
        await model.start(Agent(), PCM16_24K, PCM16_24K)
        await model.seed([Said("caller", "Hello"), Said("agent", "Good day")])
        await model.append(Frame.silence(480, PCM16_24K))
    sent = [json.loads(await theirs.receive())["type"] for _ in range(4)]
    assert sent == ["session.update", "conversation.item.create", "conversation.item.create", "input_audio_buffer.append"]
