"""What must hold in every call with OpenAI's models: nobody waits for playback, tools hold up nothing, and what is told was heard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from wire.openai_emulated import speech

from trioaudio import Agent, AudioDelta, ResponseDone, ToolReturned, TurnInterrupted, tool
from trioaudio.audio import MULAW_8K, PCM16_24K, PTIME, AudioFormat, Frame
from trioaudio.models.openai import open_openai_over
from trioaudio.testing import (
    MemoryWebSocket,
    OpenAICall,
    OpenAIEmulator,
    OpenAIQuestion,
    OpenAIReply,
    OpenAIServerOptions,
    ScriptedFarEnd,
    memory_websockets,
    open_call,
    run_virtual,
)

virtual = pytest.mark.usefixtures("virtual_clock")


def talks(seconds: float) -> OpenAIEmulator:
    return OpenAIEmulator(lambda question: OpenAIReply("a story", loud(seconds, question.format)))


def loud(seconds: float, format: AudioFormat) -> Frame:
    """Something that is heard, to tell it from silence."""
    return Frame(b"\x11" * round(seconds * format.rate) * format.sample_bytes, format)


# ---- nobody waits for playback


class Attended(MemoryWebSocket):
    """Notes for how long nobody received: pings are answered while somebody does."""

    def __init__(self) -> None:
        super().__init__()
        self.longest = 0.0
        self._left: float | None = None

    async def receive(self) -> str | bytes:
        if self._left is not None:
            self.longest = max(self.longest, trio.current_time() - self._left)
        message = await super().receive()
        self._left = trio.current_time()
        return message


@virtual
async def test_a_far_end_that_takes_nothing_for_a_minute_keeps_nobody_from_receiving_and_interrupting() -> None:
    ours, theirs = memory_websockets(Attended)
    assert isinstance(ours, Attended)
    emulator, caller = talks(50.0), ScriptedFarEnd(format=PCM16_24K, line_open=True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(emulator.serve, theirs, model="emulated", key=None))  # noqa: ASYNC113 - it may be late
        async with open_call(lambda: open_openai_over(ours), caller=caller) as (_, session):
            with session.subscribe(TurnInterrupted, "speech.started") as events:
                await session.respond()
                await trio.sleep(1.0)
                caller.stall(60.0)
                await trio.sleep(1.0)
                caller.speak(speech())
                started = interrupted = 0.0
                async for event in events:
                    if isinstance(event, TurnInterrupted):
                        interrupted = event.decided_at
                        break
                    started = trio.current_time()
        nursery.cancel_scope.cancel()
    assert 0 <= interrupted - started <= PTIME
    assert trio.current_time() < 62.0
    assert ours.longest <= PTIME


# ---- tools


def calls_once(question: OpenAIQuestion) -> OpenAIReply:
    if question.results:
        return OpenAIReply(f"It is {question.results[0]}.")
    return OpenAIReply("Yes?") if question.heard is not None else OpenAIReply(calls=(OpenAICall("work"),))


def raises() -> str:
    """Fail."""
    raise LookupError("no such thing")


def no_json() -> object:
    """Return what has no JSON."""
    return object()


async def slow() -> str:
    """Take a while."""
    await trio.sleep(20.0)
    return "done"


@virtual
@pytest.mark.parametrize(("work", "said"), [(raises, "no such thing"), (no_json, "no text and no JSON"), (slow, "done")])
async def test_a_tool_that_fails_or_outlives_its_answer_is_answered_for(work: Callable[[], object], said: str) -> None:
    emulator = OpenAIEmulator(calls_once)
    async with open_call(emulator.model, Agent(tools=[tool(name="work")(work)])) as (_, session):
        await session.respond()
        await trio.sleep(25.0)
    assert said in session.transcript[-1].text
    assert emulator.sessions[-1].errors == []


@virtual
async def test_a_caller_who_speaks_while_a_tool_runs_is_answered_and_so_is_the_tool_once() -> None:
    emulator, caller = OpenAIEmulator(calls_once), ScriptedFarEnd(format=PCM16_24K, line_open=True)
    async with open_call(emulator.model, Agent(tools=[tool(name="work")(slow)]), caller=caller) as (_, session):
        with session.subscribe(ResponseDone, ToolReturned) as events:
            await session.respond()
            await trio.sleep(2.0)
            caller.speak(speech())
            await trio.sleep(25.0)
        order = [type(event).__name__ async for event in events]
    assert order == ["ResponseDone", "ResponseDone", "ToolReturned", "ResponseDone"]
    assert [line.text for line in session.transcript if line.speaker == "agent"] == ["Yes?", "It is done."]
    assert emulator.sessions[-1].errors == []


# ---- truncation

EARS: dict[str, dict[str, float]] = {
    "ear": {},
    "reports": {"report_every": 0.1},
    "late reports": {"report_every": 0.1, "report_delay": 0.05},
}


@settings(max_examples=8, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 2), st.floats(0.0, 2.5)), min_size=1, max_size=3),
    st.sampled_from([PCM16_24K, MULAW_8K]),
    st.sampled_from(sorted(EARS)),
    st.sampled_from([1.0, 3.0, 50.0]),
)
def test_whatever_is_interrupted_the_server_is_told_what_the_far_end_heard(
    history: list[tuple[int, float]], format: AudioFormat, ear: str, speed: float
) -> None:
    """A history is how many answers were asked for at once, and when they were interrupted, in seconds."""

    async def call() -> None:
        emulator = OpenAIEmulator(lambda question: OpenAIReply("x", loud(0.9, question.format)), OpenAIServerOptions(speed=speed))
        caller = ScriptedFarEnd(format=format, **EARS[ear])
        async with open_call(emulator.model, caller=caller) as (_, session):
            received: Counter[str] = Counter()
            session.on(AudioDelta, lambda event: received.update({event.item_id: event.frame.num_samples}))
            for answers, seconds in history:
                for _ in range(answers):
                    await session.respond()
                await trio.sleep(seconds)
                session.interrupt()
                await trio.sleep(4.0)
            truncations = emulator.sessions[-1].conversation.truncations
        told = {item: ms * format.rate // 1000 for item, _, ms in truncations}
        assert len(told) == len(truncations)  # of each item once
        assert all(told[item] <= received[item] for item in told)
        expected = sum(told.get(item, received[item]) for item in received)
        assert heard(caller) == pytest.approx(expected, abs=max(1, len(told)) * PTIME * format.rate)
        assert emulator.sessions[-1].errors == []

    run_virtual(call)


def heard(caller: ScriptedFarEnd) -> int:
    """Samples of something loud that the far end has heard."""
    pcm = np.frombuffer(b"".join(frame.pcm for frame in caller.ear.heard_frames()), np.int16)
    return int(np.count_nonzero(np.abs(pcm.astype(int)) > 200))
