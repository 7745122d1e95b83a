"""A session couples a channel to a model: audio both ways, barge-in told truly and once, and an end that hurts neither."""

from __future__ import annotations

import math

import pytest
import trio

from trioaudio import (
    Agent,
    Audio,
    AudioDelta,
    AudioDropped,
    CapabilityError,
    Commit,
    Dtmf,
    Event,
    Fault,
    FormatError,
    Interrupt,
    Limits,
    ModelEvent,
    OutputTranscript,
    Reconnect,
    ResponseCreated,
    ResponseDone,
    Session,
    SessionEnd,
    SpeechStarted,
    SpeechStopped,
    Status,
    Timeouts,
    TranscriptLine,
    TurnInterrupted,
    TurnPlayed,
    converse,
    open_channel,
    open_session,
)
from trioaudio.abc import Buffering, Model, Paced
from trioaudio.audio import MULAW_8K, PCM16_8K, PCM16_24K, PTIME, AudioFormat, Converter, Frame
from trioaudio.testing import STAMPED, Script, ScriptedFarEnd, Utterance, complains, ends, open_call, say

pytestmark = pytest.mark.usefixtures("virtual_clock")


ONCE = Agent(reconnect=Reconnect(attempts=0))
"""A model that is lost is not had back."""


def items(told: list[tuple[str, int]]) -> list[str]:
    return [item for item, _ in told]


class OddModel(Model):
    """A model with a bug."""

    name = "odd"
    input_formats = output_formats = (STAMPED,)

    async def start(self, agent: Agent, input_format: AudioFormat, output_format: AudioFormat) -> None:
        await trio.lowlevel.checkpoint()

    async def receive(self) -> ModelEvent:
        await trio.sleep(1)
        raise KeyError("a bug of the plugin")

    async def append(self, frame: Frame) -> None:
        await trio.lowlevel.checkpoint()


# ---- audio, both ways


async def test_the_caller_reaches_the_model_whole_and_in_order() -> None:
    script = Script(pause=None)
    async with open_call(script) as (caller, _):
        caller.speak(say(0.5, "caller"))
        await trio.sleep(1)
    assert b"".join(frame.data for frame in script.appended) == b"".join(frame.data for frame in say(0.5, "caller"))


async def test_the_model_reaches_the_caller_whole_and_in_order() -> None:
    async with open_call(Script(say(2.0, "a"))) as (caller, _):
        await caller.wait_hears("a", 16_000)
        assert caller.heard_indices("a") == list(range(16_000))


async def test_one_answer_is_one_turn_under_the_name_of_its_item() -> None:
    async with open_call(Script([say(1.0, "a"), say(1.0, "b")])) as (_, session):
        played = [(await session.wait_event(TurnPlayed)).receipt for _ in range(2)]
        assert [(receipt.item_id, receipt.heard, receipt.lost) for receipt in played] == [("a", 8000, 0), ("b", 8000, 0)]
        assert session.channel.statistics().turns == 2


async def test_audio_in_a_common_format_passes_through_undecoded_both_ways() -> None:
    received: list[Frame] = []
    answer = say(0.3, "a")
    script = Script(answer, pause=None)
    async with open_call(script) as (caller, session):
        session.channel.on(Audio, lambda event: received.append(event.frame))
        caller.speak(say(0.3, "caller"))
        await trio.sleep(1)
        handed = [frame for _, frame in caller.ear.handed]
    assert received
    assert all(ours is theirs for ours, theirs in zip(received, script.appended, strict=True))
    assert all(ours is theirs for ours, theirs in zip(answer, handed, strict=True))


async def test_audio_is_converted_where_formats_differ() -> None:
    script = Script(Utterance("a", [Frame(b"\1\0" * 24_000, PCM16_24K)]), formats=[PCM16_24K], pause=None)
    far = ScriptedFarEnd(format=PCM16_8K)
    async with open_call(script, caller=far) as (caller, session):
        caller.speak(Frame(b"\1\0" * 8_000, PCM16_8K))
        played = await session.wait_event(TurnPlayed)
        await trio.sleep(1)
        assert played.receipt.heard == 24_000  # in the model's own samples
        assert 0 <= caller.ear.heard_samples() - 8_000 <= 16  # a resampler's 2 ms
    assert {frame.format for frame in script.appended} == {PCM16_24K}
    assert sum(frame.num_samples for frame in script.appended) == pytest.approx(24_000, abs=60)


async def test_the_cheapest_format_is_chosen_for_each_direction() -> None:
    script = Script(formats=[PCM16_24K, PCM16_8K, MULAW_8K])
    async with open_call(script, caller=ScriptedFarEnd(format=MULAW_8K)) as (_, session):
        assert session.input_format == session.output_format == MULAW_8K


async def test_formats_that_cannot_be_converted_are_refused_by_name() -> None:
    odd = AudioFormat("pcm16", 7_919)
    with pytest.raises(
        FormatError, match="the model 'script' speaks pcm16/7919; none of it can be converted from the channel's pcm16/8000/2"
    ):
        async with open_call(Script(formats=[odd])):
            pass


async def test_output_that_cannot_be_converted_is_refused_by_name_too() -> None:
    class Whistle(OddModel):
        input_formats = (STAMPED,)
        output_formats = (AudioFormat("pcm16", 7_919),)

    with pytest.raises(FormatError, match="speaks pcm16/7919; none of it can be converted to the channel's pcm16/8000/2"):
        async with open_channel(ScriptedFarEnd().source) as channel, open_session(channel, Whistle()):
            pass


async def test_a_model_that_is_slow_to_take_audio_gets_all_of_it() -> None:
    script = Script(pause=None)
    async with open_call(script) as (caller, _):
        script.stall(0.5)
        caller.speak(say(0.5, "caller"))
        await trio.sleep(2)
    assert b"".join(frame.data for frame in script.appended) == b"".join(frame.data for frame in say(0.5, "caller"))


class ScantModel(OddModel):
    """Has no room now and then, for the one who asks twice too, and takes longer over that frame than until the next one comes."""

    def __init__(self, heard: AudioFormat) -> None:
        self.input_formats, self.taken, self.tasks, self.asked = (heard,), list[Frame](), set[str](), 0

    async def receive(self) -> ModelEvent:
        await trio.sleep_forever()
        raise AssertionError

    def append_nowait(self, frame: Frame) -> None:
        self.asked += 1
        if self.asked % 4 in (2, 3):
            raise trio.WouldBlock
        self.tasks.add(trio.lowlevel.current_task().name)
        self.taken.append(frame)

    async def append(self, frame: Frame) -> None:
        await trio.sleep(0.05)
        self.taken.append(frame)


@pytest.mark.parametrize("heard", [PCM16_8K, PCM16_24K], ids=["as it is", "converted"])
async def test_a_model_that_has_room_now_and_then_gets_each_frame_once_and_in_order(heard: AudioFormat) -> None:
    model, said = ScantModel(heard), Frame(bytes(range(256)) * 125, PCM16_8K)
    far = ScriptedFarEnd(format=PCM16_8K)
    async with open_call(model, caller=far) as (caller, _):
        caller.speak(said)
        await trio.sleep(6)
    got, wanted = b"".join(frame.data for frame in model.taken), Converter(PCM16_8K, heard).convert(said).data
    assert len(wanted) > 30_000
    assert got.startswith(wanted)


async def test_a_model_that_has_room_hears_a_frame_in_the_step_in_which_it_comes() -> None:
    model, listening = ScantModel(STAMPED), set[str]()
    async with open_call(model) as (caller, session):
        session.channel.on(Audio, lambda _: listening.add(trio.lowlevel.current_task().name))
        caller.speak(say(0.04, "caller"))
        await trio.sleep(0.1)
    assert model.tasks == listening


# ---- commit and text


async def test_a_commit_of_the_far_party_reaches_the_model() -> None:
    script = Script(say(0.2, "a"), greets=False, pause=None)
    async with open_call(script) as (caller, _):
        caller.signal(Commit())
        await caller.wait_hears("a")
    assert len(script.commits) == 1


async def test_the_app_may_commit() -> None:
    script = Script(say(0.2, "a"), greets=False, pause=None)
    async with open_call(script) as (caller, session):
        session.commit()
        await caller.wait_hears("a")
    assert len(script.commits) == 1


async def test_a_text_gets_an_answer() -> None:
    script = Script(say(0.2, "a"), greets=False)
    async with open_call(script, Agent("You are kind.")) as (caller, session):
        await session.send_message("Hello?")
        await caller.wait_hears("a")
    assert script.texts == ["Hello?"]
    assert script.agent.instructions == "You are kind."


async def test_a_text_to_a_model_that_takes_none_is_refused_to_who_sent_it() -> None:
    async with open_call(Script(capabilities=frozenset())) as (_, session):
        with pytest.raises(CapabilityError, match="cannot text"):
            await session.send_message("Hello?")
        await trio.sleep(1)
        session.emit(Commit())  # the session goes on


async def test_a_commit_to_a_model_that_cannot_is_a_fault_and_the_session_goes_on() -> None:
    faults: list[Fault] = []
    script = Script(say(0.2, "a"), greets=False, capabilities=frozenset({"text"}))
    async with open_call(script, on={Fault: faults.append}) as (caller, session):
        session.commit()
        await session.send_message("Hello?")
        await caller.wait_hears("a")
    assert [type(fault.error) for fault in faults] == [CapabilityError]


async def test_a_text_after_the_end_is_refused() -> None:
    async with open_call(Script()) as (_, session):
        session.close()
        await session.wait_closed()
        with pytest.raises(trio.ClosedResourceError):
            await session.send_message("Hello?")


async def test_a_text_that_the_model_breaks_on_says_so_to_who_sent_it() -> None:
    script = Script()
    async with open_call(script, ONCE) as (_, session), trio.open_nursery() as nursery:

        @nursery.start_soon
        async def send() -> None:
            with pytest.raises(trio.BrokenResourceError):
                await session.send_message("Hello?")

        script.stall()
        await trio.sleep(1)
        script.fail()


# ---- interruption


async def test_barge_in_silences_the_agent_and_tells_the_model_what_was_heard() -> None:
    script = Script(say(5.0, "a"))
    async with open_call(script) as (caller, session):
        await caller.wait_hears("a", 9_600)
        caller.speak(say(1.0, "caller"))
        event = await session.wait_event(TurnInterrupted)
        assert event.heard == caller.heard("a")
        await trio.sleep(3)
        assert caller.hears_nothing_after(event.decided_at)
    assert script.truncations == [("a", event.heard)]


async def test_a_wish_to_interrupt_does_the_same() -> None:
    script = Script(say(5.0, "a"), speed=1.0)
    async with open_call(script) as (caller, _):
        await caller.wait_hears("a", 4_000)
        caller.wish_interrupt()
        await trio.sleep(1)
        assert script.truncations == [("a", caller.heard("a"))]
    assert len(script.cancels) == 1


async def test_the_app_may_interrupt_and_the_answer_is_cancelled_at_once() -> None:
    script = Script(say(5.0, "a"), speed=1.0)
    async with open_call(script) as (caller, session):
        await caller.wait_hears("a", 4_000)
        interruption = session.interrupt()
        assert interruption.turns[0].heard == 4_000
        await trio.sleep(1)
        assert caller.hears_nothing_after(interruption.decided_at)
    assert script.cancels == [interruption.decided_at]
    assert script.truncations == [("a", 4_000)]


async def test_a_wish_to_interrupt_an_answer_before_its_first_audio_cancels_it() -> None:
    script = Script()
    async with open_call(script) as (caller, _):
        script.emit(ResponseCreated("thinking"))
        await trio.sleep(1)
        caller.wish_interrupt()
        await trio.sleep(1)
        script.emit(AudioDelta("a", say(0.1, "a")[0], "thinking"))
        await trio.sleep(1)
        assert caller.heard("a") == 0
    assert len(script.cancels) == 1


async def test_an_app_that_interrupts_the_channel_tells_the_model_too() -> None:
    script = Script(say(5.0, "a"), speed=1.0)
    async with open_call(script) as (caller, session):
        await caller.wait_hears("a", 4_000)
        session.channel.interrupt()
        await trio.sleep(1)
    assert script.truncations == [("a", 4_000)]
    assert len(script.cancels) == 1


async def test_the_model_is_told_of_one_interruption_once_however_many_ask_for_it() -> None:
    script = Script(say(5.0, "a"), speed=1.0)
    async with open_call(script) as (caller, session):
        await caller.wait_hears("a", 4_000)
        caller.speak(say(0.5, "caller"))
        caller.wish_interrupt()
        session.interrupt()
        session.channel.interrupt()
        await trio.sleep(0.1)
        session.interrupt()
        await trio.sleep(3)
    assert items(script.truncations) == ["a"]
    assert len(script.cancels) == 1


async def test_the_settled_figure_is_told_not_the_estimate() -> None:
    script = Script(say(5.0, "a"))
    far = ScriptedFarEnd(report_every=0.1, report_delay=0.1)
    async with open_call(script, caller=far) as (caller, session):
        await caller.wait_hears("a")
        caller.lose(2)  # the reckoning does not know of it
        await trio.sleep(3)
        session.interrupt()
        event = await session.wait_event(TurnInterrupted)
        assert event.receipt.evidence == "exact"
        assert event.heard == caller.heard("a")
        await trio.sleep(1)
    assert script.truncations == [("a", event.heard)]


async def test_an_answer_that_begins_while_the_last_one_settles_is_not_cancelled_for_it() -> None:
    script = Script(say(5.0, "a"), pause=None)
    far = ScriptedFarEnd(report_every=0.1, report_delay=0.1)
    async with open_call(script, caller=far) as (caller, session):
        await caller.wait_hears("a", 4_000)
        session.channel.interrupt()
        script.emit(ResponseCreated("next"))
        await session.wait_event(TurnInterrupted)
        script.emit(AudioDelta("b", say(0.1, "b")[0], "next"))
        with trio.fail_after(10):
            await caller.wait_hears("b", 800)
    assert not script.cancels


async def test_nobody_waits_longer_for_a_figure_than_the_time_to_settle() -> None:
    script = Script(say(5.0, "a"))
    far = ScriptedFarEnd(report_every=0.1)
    async with open_call(script, caller=far) as (caller, session):
        await caller.wait_hears("a", 4_000)
        caller.acknowledge_late(math.inf)
        session.interrupt()
        with trio.fail_after(0.3):
            await session.wait_event(TurnInterrupted)
        await trio.sleep(0.1)
    assert items(script.truncations) == ["a"]


async def test_what_was_heard_is_told_in_the_models_own_samples_and_never_more_than_it_sent() -> None:
    script = Script(Utterance("a", [Frame(b"\1\0" * 12_000, PCM16_24K)]), formats=[PCM16_24K], pause=None)
    async with open_call(script, caller=ScriptedFarEnd(format=PCM16_8K)) as (_, session):
        await trio.sleep(0.25)
        session.interrupt()
        await trio.sleep(1)
    assert script.truncations == [("a", pytest.approx(6_000, abs=6))]


async def test_an_answer_that_nobody_heard_is_truncated_to_nothing() -> None:
    script = Script([say(1.0, "a"), say(1.0, "b")])
    async with open_call(script) as (caller, session):
        await caller.wait_hears("a", 100)
        session.interrupt()
        await trio.sleep(1)
    assert script.truncations == [("a", 100), ("b", 0)]


async def test_an_answer_that_was_heard_to_its_end_is_not_truncated() -> None:
    script = Script(say(1.0, "a"))
    async with open_call(script) as (_, session):
        await session.wait_event(TurnPlayed)
        session.interrupt()
        await trio.sleep(1)
    assert script.truncations == []
    assert script.cancels == []


async def test_an_answer_that_was_generated_long_ago_is_truncated_and_not_cancelled() -> None:
    script = Script(say(5.0, "a"))
    async with open_call(script) as (caller, session):
        await caller.wait_hears("a", 30_000)
        session.interrupt()
        await trio.sleep(1)
    assert script.truncations == [("a", 30_000)]
    assert script.cancels == []


async def test_a_model_is_not_asked_for_what_it_cannot() -> None:
    faults: list[Fault] = []
    script = Script(say(5.0, "a"), speed=1.0, capabilities=frozenset())
    async with open_call(script, on={Fault: faults.append}) as (caller, session):
        await caller.wait_hears("a", 4_000)
        session.interrupt()
        await trio.sleep(1)
        assert caller.heard("a") == 4_000
    assert faults == []
    assert {told.verb for told in script.told} <= {"start", "append"}


async def test_late_audio_of_an_interrupted_answer_is_dropped_and_counted() -> None:
    script = Script(say(5.0, "a"), say(0.5, "b"), speed=1.0, late_deltas=3)
    async with open_call(script) as (caller, session):
        await caller.wait_hears("a", 4_000)
        session.interrupt()
        session.commit()
        await caller.wait_hears("b", 4_000)
        assert caller.heard("a") == 4_000
        assert session.late_audio_ms == pytest.approx(300)


async def test_late_audio_of_a_new_item_of_an_interrupted_response_is_dropped_too() -> None:
    script = Script(say(5.0, "a"), speed=1.0)
    async with open_call(script) as (caller, session):
        await caller.wait_hears("a", 4_000)
        session.interrupt()
        await trio.sleep(1)
        script.emit(AudioDelta("a2", say(0.1, "a2")[0], "response-1"))
        await trio.sleep(1)
        assert caller.heard("a2") == 0


@pytest.mark.parametrize("status", ["cancelled", "interrupted"])
async def test_an_answer_that_the_model_itself_stopped_falls_silent(status: str) -> None:
    script = Script(say(5.0, "a"), speed=1.0)
    async with open_call(script) as (caller, _):
        await caller.wait_hears("a", 4_000)
        stopped_at = trio.current_time()
        script.emit(ResponseDone("response-1", status))  # type: ignore[arg-type]  # pytest's parameters have no types
        await trio.sleep(3)
        assert caller.hears_nothing_after(stopped_at)
    assert items(script.truncations) == ["a"]
    assert script.cancels == []


async def test_the_end_of_an_older_answer_does_not_interrupt_the_one_that_is_heard() -> None:
    script = Script(say(2.0, "a"), speed=1.0)
    async with open_call(script) as (caller, _):
        await caller.wait_hears("a", 4_000)
        script.emit(ResponseDone("response-0", "cancelled"))
        await caller.wait_hears("a", 16_000)
    assert script.truncations == []


async def test_the_next_answer_is_heard_after_an_interruption() -> None:
    script = Script(say(5.0, "a"), say(1.0, "b"))
    async with open_call(script) as (caller, _):
        await caller.wait_hears("a", 4_000)
        caller.speak(say(0.5, "caller"))
        await caller.wait_hears("b", 8_000)
        assert caller.heard_indices("b") == list(range(8_000))
    assert items(script.truncations) == ["a"]


@pytest.mark.parametrize("plays", [Buffering(), Paced()])
async def test_nothing_waits_for_playback_that_is_stalled_for_a_minute(plays: Buffering | Paced) -> None:
    patient = Timeouts(write=120, clear=120)
    script = Script(say(60.0, "a"))
    started: list[float] = []
    async with open_call(
        script, caller=ScriptedFarEnd(plays), timeouts=patient, on={SpeechStarted: lambda _: started.append(trio.current_time())}
    ) as (
        caller,
        session,
    ):
        await caller.wait_hears("a", 4_000)
        caller.stall(60)
        await trio.sleep(5)
        spoke_at = trio.current_time()
        caller.speak(say(0.1, "caller"))
        await trio.sleep(PTIME)
        assert session.channel.statistics().interruptions == 1
        event = await session.wait_event(TurnInterrupted)
    assert started == [pytest.approx(spoke_at, abs=PTIME)]
    assert event.decided_at == pytest.approx(spoke_at, abs=PTIME)


# ---- mute


async def test_mute_lets_the_model_hear_silence() -> None:
    script = Script(say(0.2, "a"), greets=False)
    async with open_call(script, caller=ScriptedFarEnd(line_open=True)) as (caller, session):
        session.mute()
        assert session.muted
        caller.speak(say(1.0, "caller"))
        await trio.sleep(2)
        assert script.heard("caller") == 0
        assert sum(frame.duration for frame in script.appended) == pytest.approx(2.0, abs=0.05)
        session.unmute()
        caller.speak(say(0.5, "caller"))
        await caller.wait_hears("a")
    assert script.heard("caller") == 4_000


# ---- events


async def test_transcripts_are_kept_in_the_order_in_which_they_became_known() -> None:
    script = Script(say(0.2, "a", transcript="Hello!"), say(0.2, "b", transcript="Fine."), transcripts=["How are you?"])
    async with open_call(script) as (caller, session):
        caller.speak(say(0.5, "caller"))
        await caller.wait_hears("b")
        assert session.transcript == [
            TranscriptLine("agent", "Hello!", "a"),
            TranscriptLine("caller", "How are you?", "caller-1"),
            TranscriptLine("agent", "Fine.", "b"),
        ]


async def test_the_models_events_come_by_class_by_name_and_by_iterator() -> None:
    by_class: list[OutputTranscript] = []
    by_name: list[Event] = []
    script = Script(say(0.2, "a", transcript="Hello!"), greets=False)
    async with open_call(script, on={OutputTranscript: by_class.append, "response.created": by_name.append}) as (_, session):
        with session.subscribe("audio.output.delta", ResponseDone) as events:
            session.commit()
            assert [type(await events.receive()) for _ in range(3)] == [AudioDelta, AudioDelta, ResponseDone]
    assert [event.text for event in by_class] == ["Hello!"]
    assert by_name == [ResponseCreated("response-1", requested=False)]


async def test_a_model_that_complains_is_heard() -> None:
    seen: list[ModelEvent] = []
    async with open_call(Script(complains("rate_limit", "slow down")), on={"session.error": seen.append}):
        await trio.sleep(1)
    assert [(event.code, event.message) for event in seen] == [("rate_limit", "slow down")]  # type: ignore[attr-defined]  # selected by name


async def test_the_channels_events_come_through_the_session_too_but_audio() -> None:
    keys: list[str] = []
    async with open_call(Script(), on={Dtmf: lambda event: keys.append(event.digit)}) as (caller, session):
        caller.press("42")
        await trio.sleep(1)
        with pytest.raises(ValueError, match="no event is called 'audio'"):
            session.on("audio", print)
    assert keys == ["4", "2"]


async def test_speech_that_the_model_hears_becomes_the_channels_event() -> None:
    seen: list[type[Event]] = []
    async with open_call(Script()) as (caller, session):
        session.channel.on(SpeechStarted, lambda event: seen.append(type(event)))
        session.channel.on(SpeechStopped, lambda event: seen.append(type(event)))
        caller.speak(say(0.5, "caller"))
        await trio.sleep(2)
    assert seen == [SpeechStarted, SpeechStopped]


async def test_connected_means_that_the_provider_said_so() -> None:
    seen: list[tuple[float, str, str]] = []

    def note(event: Status) -> None:
        seen.append((round(trio.current_time(), 3), event.status, event.detail))

    async with open_call(Script(starts_after=2.0), on={Status: note}):
        await trio.sleep(1)
    assert seen == [(0.0, "connecting", "script"), (2.0, "connected", "script"), (3.0, "closed", "closed")]


async def test_what_the_caller_says_while_the_model_connects_reaches_it_whole() -> None:
    caller, script = ScriptedFarEnd(), Script(starts_after=3.0)
    caller.speak(say(2.9, "caller"))
    async with open_channel(caller.source) as channel, open_session(channel, script):
        script.stall(1.0)
        caller.speak(say(1.0, "caller"))
        await trio.sleep(2)
        assert channel.statistics().inbound_dropped_ms == 0
    assert script.heard("caller") == 31_200
    assert [frame.media_time for frame in script.appended][:2] == [0, 160]


async def test_what_is_kept_while_the_model_connects_is_bounded_and_told() -> None:
    told: list[AudioDropped] = []
    caller, script = ScriptedFarEnd(), Script(starts_after=4.0)
    caller.speak(say(3.0, "caller"))
    limits = Limits(start_audio=1.0)
    async with open_channel(caller.source, on={AudioDropped: told.append}) as channel, open_session(channel, script, limits=limits):
        await trio.sleep(1)
        assert channel.statistics().inbound_dropped_ms == pytest.approx(2_000)
    assert script.heard("caller") == 8_000
    assert [event.reason for event in told] == ["its reader is 1 s behind (Limits.start_audio)"]


async def test_a_model_that_has_caught_up_finds_the_bound_of_readers() -> None:
    caller, script = ScriptedFarEnd(), Script(starts_after=3.0, pause=None)
    caller.speak(say(3.0, "caller"))
    async with open_channel(caller.source) as channel, open_session(channel, script):
        await trio.sleep(1)
        script.stall(5.0)
        caller.speak(say(4.0, "caller"))
        await trio.sleep(6)
        assert channel.statistics().inbound_dropped_ms == pytest.approx(2_000, abs=50)


async def test_a_second_model_hears_what_was_said_while_the_first_did_not_start() -> None:
    caller, script = ScriptedFarEnd(), Script()
    caller.speak(say(4.9, "caller"))
    async with open_channel(caller.source) as channel:
        try:
            async with open_session(channel, Script(starts_after=math.inf)):
                pass
        except trio.BrokenResourceError:
            async with open_session(channel, script):
                await trio.sleep(1)
    assert script.heard("caller") == 39_200


async def test_the_caller_can_be_read_by_the_app_once_the_session_has_ended() -> None:
    async with open_call(Script()) as (caller, session):
        session.close()
        await session.wait_closed()
        caller.speak(say(0.1, "caller"))
        frames = aiter(session.channel)
        assert (await anext(frames)).num_samples == 160
        frames.close()


# ---- the end


async def test_a_hang_up_ends_the_session_as_the_channels_doing() -> None:
    async with open_call(Script(say(5.0, "a"))) as (caller, session):
        await caller.wait_hears("a")
        caller.hang_up()
        assert await session.wait_closed() == SessionEnd("channel")


async def test_a_call_that_breaks_ends_the_session_with_the_cause() -> None:
    cause = trio.BrokenResourceError("the cable")
    async with open_call(Script(say(5.0, "a"))) as (caller, session):
        await caller.wait_hears("a")
        caller.fail(cause)
        assert await session.wait_closed() == SessionEnd("channel", cause)


async def test_a_model_that_ends_leaves_the_call_open() -> None:
    async with open_call(Script([say(1.0, "a"), ends()])) as (caller, session):
        assert await session.wait_closed() == SessionEnd("model")
        await caller.wait_hears("a", 8_000)
        session.channel.turn("sorry").send_nowait(say(0.1, "sorry")[0])
        await caller.wait_hears("sorry", 800)


async def test_a_model_that_breaks_leaves_the_call_open_and_says_why() -> None:
    cause = trio.BrokenResourceError("the cable")
    script = Script()
    async with open_call(script, ONCE) as (caller, session):
        script.fail(cause)
        assert await session.wait_closed() == SessionEnd("model", cause)
        session.channel.turn("sorry").send_nowait(say(0.1, "sorry")[0])
        await caller.wait_hears("sorry", 800)


async def test_a_session_that_is_closed_leaves_the_channel_open_for_the_next_one() -> None:
    caller = ScriptedFarEnd()
    first, second = Script(say(0.2, "a"), pause=None), Script(say(0.2, "b"), pause=None)
    async with open_channel(caller.source) as channel:
        for script, item in ((first, "a"), (second, "b")):
            async with open_session(channel, script) as session:
                caller.speak(say(0.5, "caller"))
                await caller.wait_hears(item, 1_600)
                await trio.sleep(1)
            assert await session.wait_closed() == SessionEnd("closed")
            assert not channel.emit(Commit()), "nobody listens any more"
    assert first.heard("caller") == second.heard("caller") == 4_000


async def test_who_listens_to_a_session_is_told_that_it_is_over() -> None:
    async with open_call(Script()) as (_, session):
        with session.subscribe(Dtmf, Status) as events:
            session.close()
            assert [event async for event in events] == [Status("closed", "closed")]
        with pytest.raises(trio.ClosedResourceError):
            await session.wait_event(Dtmf)


async def test_two_sessions_at_once_are_refused() -> None:
    async with open_call(Script()) as (_, session):
        await trio.sleep(1)
        with pytest.raises(trio.BusyResourceError):
            async with open_session(session.channel, Script()):
                pass


@pytest.mark.parametrize("script", [Script(say(1.0, "a")), Script()], ids=["talkative", "silent"])
async def test_a_session_on_a_channel_that_is_closed_is_over_at_once(script: Script) -> None:
    caller = ScriptedFarEnd()
    async with open_channel(caller.source) as channel:
        caller.hang_up()
        await channel.wait_closed()
        async with open_session(channel, script) as session:
            with trio.fail_after(1):
                assert (await session.wait_closed()).kind == "channel"


async def test_converse_is_over_when_the_caller_hangs_up() -> None:
    caller = ScriptedFarEnd()
    async with open_channel(caller.source) as channel, trio.open_nursery() as nursery:

        @nursery.start_soon
        async def call() -> None:
            await caller.wait_hears("a", 800)
            caller.hang_up()

        assert await converse(channel, Script(say(1.0, "a")), Agent("You are kind.")) == SessionEnd("channel")


async def test_a_model_that_does_not_start_in_time_is_broken() -> None:
    with pytest.raises(trio.BrokenResourceError, match=r"the model 'script' did not start within 5\.0 s"):
        async with open_call(Script(starts_after=math.inf)):
            pass
    assert trio.current_time() == 5.0


async def test_an_answer_that_is_heard_when_the_session_ends_is_heard_to_its_end() -> None:
    played: list[TurnPlayed] = []
    caller = ScriptedFarEnd()
    async with open_channel(caller.source, on={TurnPlayed: played.append}) as channel:
        async with open_session(channel, Script(say(5.0, "a"), speed=1.0)):
            await caller.wait_hears("a", 4_000)
        await trio.sleep(3)
    assert [event.receipt.item_id for event in played] == ["a"]
    assert 4_000 <= played[0].receipt.heard <= 5_000


async def test_what_the_model_has_still_to_be_told_when_the_block_ends_it_is_told() -> None:
    script = Script(say(5.0, "a"), speed=1.0)
    async with open_call(script, caller=ScriptedFarEnd(clear_delay=lambda: 0.2)) as (caller, session):
        await caller.wait_hears("a", 4_000)
        script.stall(0.5)
        session.commit()
        session.interrupt()
    assert [told.verb for told in script.told if told.verb != "append"] == ["start", "commit", "cancel", "truncate"]
    assert script.truncations == [("a", 4_000)]


async def test_an_interruption_of_which_all_has_been_told_holds_up_no_end() -> None:
    async with open_call(Script(say(5.0, "a"))) as (caller, session):
        await caller.wait_hears("a", 4_000)
        session.interrupt()
        await trio.sleep(1)
        closing_since = trio.current_time()
    assert trio.current_time() == closing_since


async def test_what_the_model_has_still_to_be_told_when_the_body_is_cancelled_it_is_told() -> None:
    script = Script(say(5.0, "a"), speed=1.0)
    with trio.CancelScope() as scope:
        async with open_call(script) as (caller, session):
            await caller.wait_hears("a", 4_000)
            script.stall(0.5)
            session.commit()
            session.interrupt()
            scope.cancel()
            await trio.sleep_forever()
    assert [told.verb for told in script.told if told.verb != "append"] == ["start", "commit", "cancel", "truncate"]
    assert trio.current_time() == pytest.approx(1.0, abs=0.1)


async def test_a_model_that_takes_nothing_holds_no_block_open() -> None:
    script = Script(say(5.0, "a"))
    async with open_call(script) as (caller, session):
        await caller.wait_hears("a")
        script.stall()
        session.commit()
        closing_since = trio.current_time()
    assert trio.current_time() - closing_since <= Timeouts().close + 0.01


async def test_a_model_that_broke_is_not_waited_for() -> None:
    script = Script(say(5.0, "a"))
    async with open_call(script, ONCE) as (caller, session):
        await caller.wait_hears("a")
        script.stall()
        for _ in range(3):
            session.commit()
        await trio.sleep(1)
        script.fail()
        with trio.fail_after(0.01):
            assert (await session.wait_closed()).kind == "model"


async def test_a_model_that_is_told_too_much_at_once_is_given_up() -> None:
    script = Script()
    async with open_call(script, limits=Limits(control_events=8)) as (_, session):
        script.stall()
        for _ in range(20):
            session.commit()
        with trio.fail_after(Timeouts().close + 0.01):
            end = await session.wait_closed()
        assert end.kind == "model"
        assert "commands wait for the model" in str(end.error)


# ---- errors


async def test_an_error_of_the_body_comes_out_bare() -> None:
    with pytest.raises(ZeroDivisionError):
        async with open_call(Script()):
            _ = 1 / 0


async def test_a_listeners_error_ends_the_session_and_comes_out_in_a_group() -> None:
    def listener(event: Dtmf) -> None:
        raise ValueError(event.digit)

    with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="7")):
        async with open_call(Script(), on={Dtmf: listener}) as (caller, _):
            caller.press("7")
            await trio.sleep_forever()


async def test_an_async_listeners_error_does_too() -> None:
    async def listener(event: Dtmf) -> None:
        await trio.sleep(1)
        raise ValueError(event.digit)

    with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="7")):
        async with open_call(Script(), on={Dtmf: listener}) as (caller, _):
            caller.press("7")
            await trio.sleep_forever()


async def test_a_bug_of_the_model_comes_out_in_a_group_and_the_session_says_failed() -> None:
    ended: list[Session] = []
    caller = ScriptedFarEnd()
    with pytest.RaisesGroup(pytest.RaisesExc(KeyError)):
        async with open_channel(caller.source) as channel, open_session(channel, OddModel()) as session:
            ended.append(session)
            await trio.sleep_forever()
    assert (await ended[0].wait_closed()).kind == "failed"


async def test_events_of_the_far_party_while_the_session_ends_hurt_nobody() -> None:
    script = Script(say(5.0, "a"))
    async with open_call(script) as (caller, session):
        await caller.wait_hears("a", 4_000)
        session.close()
        caller.wish_interrupt()
        caller.signal(Commit())
        session.channel.emit(Interrupt())
        await session.wait_closed()
        await trio.sleep(1)


async def test_the_next_answer_is_not_cancelled_when_the_figure_of_the_last_one_is_final() -> None:
    script = Script(say(3.0, "a"), say(1.0, "b"), greets=True, speed=2)
    caller = ScriptedFarEnd(report_every=0.1, clear_delay=lambda: 0.2)
    async with open_call(script, caller=caller) as (_, session):
        await caller.wait_hears("a")
        session.interrupt()
        await session.send_message("go on")
        with trio.move_on_after(3):
            await session.wait_event(TurnPlayed)
    assert caller.heard("b") == 8000
