"""A sweep cancels a program at each of its checkpoints, and says what is wrong with it in words that replay it."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress

import pytest
import trio

from trioaudio import open_channel
from trioaudio.lowlevel import ticker_statistics
from trioaudio.testing import ScriptedFarEnd, cancel_sweep, say


async def sound() -> None:
    async with open_channel(ScriptedFarEnd().source) as channel:
        with channel.turn("a") as turn:
            for frame in say(0.3, "a"):
                await turn.send(frame)
        await channel.wait_played()


async def leaves_a_task() -> None:
    await trio.sleep(1)
    trio.lowlevel.spawn_system_task(trio.sleep, 100)


async def leaves_a_task_when_cancelled() -> None:
    try:
        await trio.sleep(1)
    except trio.Cancelled:
        trio.lowlevel.spawn_system_task(trio.sleep, 100)
        raise


async def leaves_a_ticker_entry() -> None:
    """A channel outlives the scenario, in a nursery that is not its own."""

    async def speak() -> None:
        async with open_channel(ScriptedFarEnd().source) as channel:
            channel.turn("a").send_nowait(say(10.0, "a", chunk=10.0)[0])
            await trio.sleep(8)

    trio.lowlevel.spawn_system_task(speak)
    while not ticker_statistics().parked:  # noqa: ASYNC110 - nobody tells
        await trio.sleep(0.01)


async def leaves_a_file() -> None:
    LEFT_OPEN.append(os.open(os.devnull, os.O_RDONLY))
    await trio.sleep(1)


async def leaves_a_socket() -> None:
    socket = trio.socket.socket()
    await trio.sleep(1)
    socket.close()


async def swallows_the_cancellation() -> None:
    with suppress(trio.Cancelled):
        await trio.sleep(1)


async def closes_slowly() -> None:
    try:
        await trio.sleep(1)
    finally:
        with trio.CancelScope(shield=True):
            await trio.sleep(3)


async def fails_when_cancelled() -> None:
    try:
        await trio.sleep(1)
    except trio.Cancelled:
        raise ValueError("no goodbye") from None  # noqa: ASYNC104 - that is what is wrong with it


async def hangs_when_cancelled() -> None:
    try:
        await trio.sleep(1)
    except trio.Cancelled:  # noqa: ASYNC103 - that is what is wrong with it
        with trio.CancelScope(shield=True):
            await trio.sleep_forever()


async def goes_on_for_ever_when_cancelled() -> None:
    try:
        await trio.sleep(1)
    except trio.Cancelled:  # noqa: ASYNC103 - that is what is wrong with it
        with trio.CancelScope(shield=True):
            while True:  # noqa: ASYNC110 - that is what is wrong with it
                await trio.sleep(1)


async def hangs() -> None:
    await trio.sleep_forever()


async def spins() -> None:
    while True:  # noqa: ASYNC110 - that is what is wrong with it
        await trio.lowlevel.checkpoint()


LEFT_OPEN: list[int] = []

UNSOUND: tuple[tuple[Callable[[], Awaitable[None]], int, str], ...] = (
    (leaves_a_task, 0, r"left the task 'trio.*sleep' running"),
    (leaves_a_task_when_cancelled, 1, r"left the task 'trio.*sleep' running"),
    (leaves_a_ticker_entry, 0, r"left 1 entries in the ticker"),
    (leaves_a_file, 0, r"left the file descriptor .* open"),
    (leaves_a_socket, 1, r"ResourceWarning: unclosed"),
    (swallows_the_cancellation, 1, r"swallowed trio\.Cancelled"),
    (closes_slowly, 1, r"took 3\.000 s to end, the close timeout is 2\.0 s"),
    (fails_when_cancelled, 1, r"raised ValueError\('no goodbye'\)"),
    (hangs_when_cancelled, 1, r"it hangs at 0\.0 s"),
    (goes_on_for_ever_when_cancelled, 1, r"it still goes on at 6\d\.0 s"),
    (hangs, 0, r"it hangs at 0\.0 s"),
    (spins, 0, r"it spins at 0\.0 s"),
)


@pytest.fixture
def _closed_afterwards() -> Iterator[None]:
    yield
    while LEFT_OPEN:
        os.close(LEFT_OPEN.pop())


def test_a_sound_scenario_is_cancelled_at_each_checkpoint_and_once_not_at_all() -> None:
    report = cancel_sweep(sound)
    assert report.checkpoints[0] > 5
    assert report.runs == report.checkpoints[0] + 1


@pytest.mark.usefixtures("_closed_afterwards")
@pytest.mark.parametrize(("scenario", "n", "complaint"), UNSOUND, ids=[scenario.__name__ for scenario, _, _ in UNSOUND])
def test_an_unsound_scenario_is_found_out(scenario: Callable[[], Awaitable[None]], n: int, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint) as caught:
        cancel_sweep(scenario)
    assert f"to replay it: cancel_sweep({scenario.__name__}, seeds=[0], at=[{n}])" in str(caught.value)


@pytest.mark.usefixtures("_closed_afterwards")
def test_a_replay_makes_that_run_again() -> None:
    with pytest.raises(AssertionError, match=r"checkpoint 1 \(seed 0\)"):
        cancel_sweep(closes_slowly, seeds=[0], at=[1])


def test_a_law_is_looked_at_after_every_step() -> None:
    spoken = []

    async def speaks() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(breaks_the_law)
            await trio.sleep(2)

    async def breaks_the_law() -> None:
        await trio.sleep(1)
        spoken.append("a lie")
        await trio.sleep(1)
        spoken.clear()

    def law() -> None:
        if spoken:
            raise ValueError("somebody lied")

    with pytest.raises(AssertionError, match=r"broke a law after 1 steps: ValueError\('somebody lied'\)"):
        cancel_sweep(speaks, laws=[law])


def test_counting_everybodys_steps_finds_more_moments() -> None:
    bodys, everybodys = cancel_sweep(sound), cancel_sweep(sound, steps_of="everybody")
    assert everybodys.runs > bodys.runs


def test_each_seed_is_a_sweep_of_its_own() -> None:
    report = cancel_sweep(sound, seeds=[1, 2])
    assert set(report.checkpoints) == {1, 2}
    assert report.runs == sum(report.checkpoints.values()) + 2


def test_a_limit_spreads_the_runs_over_the_whole_scenario() -> None:
    checkpoints = cancel_sweep(sound, at=[]).checkpoints[0]
    assert cancel_sweep(sound, limit=4).runs <= 5
    assert cancel_sweep(sound, stride=2).runs == (checkpoints + 1) // 2 + 1


def test_a_scenario_with_real_sockets_runs_on_the_real_clock() -> None:
    async def connects() -> None:
        listener, *_ = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listener.socket.getsockname()[1]
        async with listener, await trio.open_tcp_stream("127.0.0.1", port) as stream, await listener.accept() as accepted:
            await stream.send_all(b"hello")
            assert await accepted.receive_some() == b"hello"

    assert cancel_sweep(connects, clock="real").runs > 3
