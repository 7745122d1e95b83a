"""Programs with channels and sessions, cancelled at every one of their checkpoints: nothing is left, and no law is broken."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
from testing.socket_pair import open_socket_pair

from trioaudio import Agent, Channel, Dtmf, Reconnect, Turn, TurnInterrupted, converse, open_channel, open_session, start_channel
from trioaudio.abc import Buffering, Paced
from trioaudio.audio import Frame
from trioaudio.testing import Script, ScriptedFarEnd, SweepReport, breaks, cancel_sweep, ends, open_call, say

Scenario = Callable[[], Awaitable[None]]


class Ledgers:
    """Law 1 of the turns and channels of a scenario; forgets them when the scenario begins anew."""

    def __init__(self) -> None:
        self._turns: list[Turn] = []
        self._channel: Channel | None = None

    def of(self, channel: Channel) -> Channel:
        """Watch this channel."""
        self._turns, self._channel = [], channel
        return channel

    def watch(self, turn: Turn) -> Turn:
        """Watch this turn."""
        self._turns.append(turn)
        return turn

    def __call__(self) -> None:
        for turn in self._turns:
            now = turn.ledger
            assert now.accepted == now.queued + now.sent + now.dropped, turn
            assert now.sent == now.heard + now.unheard, turn
            assert not turn.interrupted or now.sent == now.heard + now.flushed, turn
        if self._channel is not None:
            sums = self._channel.statistics()
            assert abs(sums.accepted_ms - sums.queued_ms - sums.sent_ms - sums.dropped_ms) < 1e-6, sums


ledgers = Ledgers()


async def a_producer_that_is_blocked() -> None:
    async with open_channel(ScriptedFarEnd().source) as channel:
        with ledgers.watch(ledgers.of(channel).turn("a")) as turn:
            for frame in say(4.0, "a", chunk=0.5):
                await turn.send(frame)
        await turn.wait_played()


async def a_slow_far_end() -> None:
    far = ScriptedFarEnd(Paced(), send_delay=lambda: 0.005)
    async with open_channel(far.source) as channel:
        for frame in say(0.2, "a"):
            await ledgers.of(channel).send_audio(frame)
        await channel.hang_up()


async def an_interruption_with_a_slow_clear() -> None:
    far = ScriptedFarEnd(report_every=0.1, report_delay=0.05, clear_delay=lambda: 0.1)
    async with open_channel(far.source) as channel:
        turn = ledgers.watch(ledgers.of(channel).turn("a"))
        turn.send_nowait(say(2.0, "a", chunk=2.0)[0])
        await far.wait_hears("a", 2_000)
        await channel.interrupt().settled()
        ledgers.watch(channel.turn("b")).send_nowait(say(0.1, "b")[0])
        await channel.wait_played()


async def listeners_of_both_kinds() -> None:
    async def slowly(event: Dtmf) -> None:
        await trio.sleep(0.1)

    far = ScriptedFarEnd(line_open=True)
    async with open_channel(far.source, on={Dtmf: slowly, "interrupt": lambda event: None}) as channel:
        ledgers.of(channel)
        far.press("123")
        far.wish_interrupt()
        with channel.subscribe(Dtmf) as events:
            for _ in range(3):
                await events.receive()
        frames = aiter(channel)
        for _ in range(5):
            await anext(frames)
        await channel.aclose()


async def a_channel_in_the_apps_nursery() -> None:
    async with trio.open_nursery() as nursery:
        channel = ledgers.of(await start_channel(nursery, ScriptedFarEnd(Buffering()).source))
        turn = ledgers.watch(channel.turn("a"))
        turn.send_nowait(say(0.3, "a", chunk=0.3)[0])
        await turn.wait_played()
        channel.close()


async def a_far_end_that_fails_while_it_is_spoken_to() -> None:
    far = ScriptedFarEnd()
    async with open_channel(far.source) as channel:
        ledgers.watch(ledgers.of(channel).turn("a")).send_nowait(say(1.0, "a", chunk=1.0)[0])
        await far.wait_hears("a", 100)
        far.fail()
        await channel.wait_closed()


async def a_stalled_far_end() -> None:
    far = ScriptedFarEnd()
    async with open_channel(far.source) as channel:
        turn = ledgers.watch(ledgers.of(channel).turn("a"))
        far.stall()
        turn.send_nowait(say(1.0, "a", chunk=1.0)[0])
        await trio.sleep(0.5)
        channel.close()
        await channel.wait_closed()


async def a_barge_in() -> None:
    script = Script(say(2.0, "a"), say(0.2, "b"), speed=2.0)
    async with open_call(script) as (caller, session):
        ledgers.of(session.channel)
        await caller.wait_hears("a", 2_000)
        caller.speak(say(0.1, "caller"))
        await session.wait_event(TurnInterrupted)
        await caller.wait_hears("b", 1_600)
        await session.send_message("Goodbye")


async def a_model_that_starts_slowly_and_ends() -> None:
    async with open_call(Script([say(0.2, "a"), ends()], starts_after=1.0)) as (_, session):
        ledgers.of(session.channel)
        await session.wait_closed()


async def a_model_that_stalls_with_things_to_be_told() -> None:
    script = Script(say(2.0, "a"), speed=1.0)
    async with open_call(script) as (caller, session):
        ledgers.of(session.channel)
        await caller.wait_hears("a", 1_000)
        script.stall(0.5)
        session.commit()
        session.interrupt()
        await trio.sleep(0.2)


async def one_session_after_another() -> None:
    far = ScriptedFarEnd()
    async with open_channel(far.source) as channel:
        ledgers.of(channel)
        for script in (Script([say(0.1, "a"), breaks()]), Script([say(0.1, "b"), ends()])):
            await converse(channel, script, Agent(reconnect=Reconnect(attempts=0)))
        async with open_session(channel, Script()):
            await trio.sleep(0.1)


SCENARIOS: tuple[Scenario, ...] = (
    a_producer_that_is_blocked,
    a_slow_far_end,
    an_interruption_with_a_slow_clear,
    listeners_of_both_kinds,
    a_channel_in_the_apps_nursery,
    a_far_end_that_fails_while_it_is_spoken_to,
    a_stalled_far_end,
    a_barge_in,
    a_model_that_starts_slowly_and_ends,
    a_model_that_stalls_with_things_to_be_told,
    one_session_after_another,
)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_cancelled_at_every_checkpoint_of_its_body(scenario: Scenario) -> None:
    report: SweepReport = cancel_sweep(scenario, seeds=[0, 1], laws=[ledgers])
    assert min(report.checkpoints.values()) > 3


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_cancelled_between_the_steps_of_all_its_tasks(scenario: Scenario) -> None:
    cancel_sweep(scenario, seeds=[2], steps_of="everybody", limit=40, laws=[ledgers])


def test_a_source_with_sockets_leaves_none_open_wherever_it_is_cancelled() -> None:
    async def call_over_sockets() -> None:
        async with open_socket_pair() as (source, _), open_channel(source) as channel:
            turn = ledgers.watch(ledgers.of(channel).turn("a"))
            turn.send_nowait(Frame.silence(800, source.output_format))
            await trio.sleep(0.01)

    cancel_sweep(call_over_sockets, clock="real", limit=20, laws=[ledgers])
