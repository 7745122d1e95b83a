"""The shared timekeeper: a role, not a task. One sleeper for all channels, handed on when its keeper leaves."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

import pytest
import trio
from speech import push, utter
from trio.testing import MockClock
from witness import Witness

from trioaudio import Channel, TurnStarted, open_channel
from trioaudio.abc import Buffering, Paced
from trioaudio.audio import Frame
from trioaudio.lowlevel import ticker_statistics
from trioaudio.testing import LATE, ScriptedFarEnd, run_virtual, say, stamp

SLOT = 0.005
EDGE = 1e-5


def paced(lead: float = 0.02, **options: object) -> ScriptedFarEnd:
    return ScriptedFarEnd(Paced(lead=lead, can_clear=True, ear=not options), **options)


async def speak(far: ScriptedFarEnd, seconds: float, *, after: float = 0.0) -> None:
    await trio.sleep(after)
    async with open_channel(far.source) as channel:
        with channel.turn("a") as turn:
            await utter(turn, say(seconds, "a"))
        await channel.wait_played()


class WakeUps(trio.abc.Instrument):
    """Counts the instants at which anybody wakes."""

    def __init__(self) -> None:
        self.instants: set[float] = set()

    def after_io_wait(self, timeout: float) -> None:
        self.instants.add(trio.current_time())


def test_a_hundred_channels_wake_no_more_often_than_the_slots():
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(100):
                nursery.start_soon(call, number)

    async def call(number: int) -> None:
        async with open_channel(paced().source) as channel:
            channel.turn("a").send_nowait(stamp("a", 0, 8000))
            await trio.sleep(2)

    wake_ups = WakeUps()
    run_virtual(main, instruments=[wake_ups])
    assert len(wake_ups.instants) <= 1.0 / SLOT


def test_its_statistics_tell_who_is_parked_and_how_many_steps_were_made():
    async def main() -> None:
        assert ticker_statistics().parked == 0
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(speak, paced(), 1.0)
            await trio.sleep(0.5)
            assert ticker_statistics().parked == 5
        assert ticker_statistics().parked == 0
        assert 5 * 40 <= ticker_statistics().steps <= 5 * 60

    run_virtual(main)


def test_nobody_is_parked_while_nobody_speaks():
    async def main() -> None:
        async with open_channel(paced().source) as channel:
            await trio.sleep(1)
            assert ticker_statistics().parked == 0
            push(channel.turn("a"), say(0.5, "a")).end()
            await channel.wait_played()
            await trio.sleep(0.1)
            assert ticker_statistics().parked == 0

    run_virtual(main)


def test_when_the_keeper_ends_another_keeps_the_time():
    async def main() -> None:
        fars = [paced() for _ in range(5)]
        with trio.fail_after(1.1):
            async with trio.open_nursery() as nursery:
                for number, far in enumerate(fars):
                    nursery.start_soon(lambda far=far, n=number: speak(far, 0.2 * (n + 1), after=n * 0.002))
        assert all(far.ear.end == pytest.approx(0.2 * (n + 1) + n * 0.002) for n, far in enumerate(fars))

    run_virtual(main)


@pytest.mark.parametrize("how", ["cancel", "interrupt", "close", "error"])
def test_when_the_keeper_is_taken_away_another_keeps_the_time(how: str):
    class Breaks(Witness):
        def send_nowait(self, frame: Frame) -> None:
            if how == "error" and trio.current_time() > 0.3:
                raise OSError("cable cut")
            super().send_nowait(frame)

    async def keeper() -> None:
        with trio.move_on_after(0.301 if how == "cancel" else 100):
            async with open_channel(Breaks(paced().source)) as channel:
                push(channel.turn("a"), say(2.0, "a"))
                await trio.sleep(0.301)
                if how == "interrupt":
                    channel.interrupt()
                if how == "close":
                    channel.close()
                await trio.sleep(2)

    async def main() -> None:
        fars = [paced() for _ in range(4)]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keeper)
            for number, far in enumerate(fars):
                nursery.start_soon(lambda far=far, n=number: speak(far, 1.0, after=0.002 * (n + 1)))
        for number, far in enumerate(fars):
            assert far.ear.end == pytest.approx(1.0 + 0.002 * (number + 1))

    for seed in range(5):
        run_virtual(main, seed=seed)


def test_an_error_in_a_step_is_raised_in_its_own_channel():
    class Breaks(Witness):
        def send_nowait(self, frame: Frame) -> None:
            if len(self.handed) == 10:
                raise ZeroDivisionError
            super().send_nowait(frame)

    async def bad() -> None:
        with pytest.RaisesGroup(ZeroDivisionError):
            async with open_channel(Breaks(paced().source)) as channel:
                push(channel.turn("a"), say(1.0, "a"))
                await trio.sleep_forever()
        assert trio.current_time() == pytest.approx(0.18, abs=SLOT)

    async def main() -> None:
        fars = [paced(), paced()]
        with trio.fail_after(3):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(speak, fars[0], 1.0)
                nursery.start_soon(bad)
                nursery.start_soon(speak, fars[1], 1.0)
        assert [far.heard("a") for far in fars] == [8000, 8000]

    for seed in range(10):
        run_virtual(main, seed=seed)


@pytest.mark.parametrize("stop", [Channel.interrupt, Channel.close], ids=["interrupt", "close"])
def test_a_step_may_stop_the_keepers_channel_before_its_step_of_the_same_tick(stop: Callable[[Channel], object]):
    """The keeper is running and cannot be unparked: its step is made, and finds the door shut."""

    async def main() -> None:
        keeper, other = Witness(paced().source), paced()
        async with open_channel(keeper) as kept:
            push(kept.turn("a"), say(3.0, "a"))
            await trio.sleep(0.0181)  # whoever parks now is ahead of the keeper in the slot that both are due in
            async with open_channel(other.source) as channel:
                push(channel.turn("first"), say(0.2, "first"))
                push(channel.turn("second"), say(0.2, "second"))
                await trio.sleep(0.1)
                channel.on(TurnStarted, lambda _: (stop(kept), handed.append(len(keeper.handed))))
                await channel.wait_played()
            assert len(keeper.handed) == handed[0]
            assert (await kept.aclose(), (await kept.wait_closed()).kind) == (None, "closed")

    handed: list[int] = []
    run_virtual(main)
    assert handed


@pytest.mark.parametrize("stop", [Channel.interrupt, Channel.close], ids=["interrupt", "close"])
def test_a_step_may_stop_every_other_channel(stop: Callable[[Channel], object]):
    """Among them the keeper's, whose step may be due in the same tick."""

    async def main() -> None:
        channels: list[Channel] = []

        def stop_the_others(_: TurnStarted) -> None:
            for other in channels:
                if other is not channels[2]:
                    stop(other)

        async def call(number: int) -> None:
            far = paced()
            async with open_channel(far.source) as channel:
                channels.append(channel)
                push(channel.turn("first"), say(0.2, "first"))
                push(channel.turn("second"), say(0.5, "second"))
                await trio.sleep(0.1)
                if channel is channels[2]:
                    channel.on(TurnStarted, stop_the_others)
                await trio.sleep(1)
                assert (await channel.aclose(), channel.statistics().late_reports) == (None, 0)
                assert far.heard("second") == (4000 if channel is channels[2] else 0)
                assert (await channel.wait_closed()).kind == "closed"

        with trio.fail_after(3):
            async with trio.open_nursery() as nursery:
                for number in range(6):
                    nursery.start_soon(call, number)

    for seed in range(20):
        run_virtual(main, seed=seed)


@pytest.mark.parametrize("late", [0.0, LATE], ids=["on time", "late"])
def test_many_channels_that_come_and_go_are_all_served_in_time(late: float):
    async def call(dice: random.Random) -> None:
        await trio.sleep(dice.random() * 0.3)
        slow = dice.choice([0.0, 0.0, 0.001])
        far = paced(send_delay=lambda: slow * (dice.random() < 0.5))
        async with open_channel(far.source) as channel:
            for number in range(dice.randrange(1, 4)):
                before = len(far.ear.handed)
                with trio.move_on_after(dice.random() * 0.5), channel.turn(f"{number}") as turn:
                    await utter(turn, say(dice.random(), "a"))
                    await channel.wait_played()
                if dice.random() < 0.5:
                    channel.interrupt()
                times = [when for when, _ in far.ear.handed[before:]]
                gaps = [b - a for a, b in itertools.pairwise(times)]
                assert all(gap <= 0.02 + SLOT + 0.001 + 2 * late + EDGE for gap in gaps), max(gaps)

    async def main(seed: int) -> None:
        dice = random.Random(seed)
        async with trio.open_nursery() as nursery:
            for _ in range(8):
                nursery.start_soon(call, dice)
        assert ticker_statistics().parked == 0

    for seed in range(20):
        run_virtual(main, seed, seed=seed, late=late)


def test_each_run_has_its_own():
    async def main() -> int:
        await speak(paced(), 0.5)
        return ticker_statistics().steps

    assert run_virtual(main) == run_virtual(main) > 0


def test_a_frame_that_is_due_earlier_than_all_others_is_not_kept_waiting():
    """Who parks with an earlier due time moves the keeper's alarm."""

    async def main() -> None:
        keeper, near = ScriptedFarEnd(Buffering(lead=0.5)), paced()
        async with open_channel(keeper.source) as channel, trio.open_nursery() as nursery:
            push(channel.turn("long"), say(10.0, "long", chunk=0.4))
            await trio.sleep(0.0011)
            nursery.start_soon(speak, near, 1.0)
        assert near.ear.end == pytest.approx(1.0011)

    run_virtual(main)


async def test_it_tells_how_late_steps_were(autojump_clock: MockClock) -> None:
    async with open_channel(paced().source) as channel:
        channel.turn("a").send_nowait(stamp("a", 0, 8000))
        await trio.sleep(0.2)
        autojump_clock.jump(0.03)
        await trio.sleep(0.5)
        told = ticker_statistics()
        assert sum(told.late.values()) == told.steps
        assert [bound for bound, steps in told.late.items() if steps] == [0.001, 0.05]
