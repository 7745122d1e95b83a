"""Virtual time is free, may be late, and can be repeated."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from trioaudio.testing import LATE, LateClock, Standstill, run_virtual, scheduled_by


async def wake_ups() -> list[float]:
    times: list[float] = []
    for number in range(1, 4):
        await trio.sleep_until(number)
        times.append(trio.current_time())
    return times


async def order_of_tasks() -> tuple[int, ...]:
    order: list[int] = []

    async def task(number: int) -> None:
        for _ in range(5):
            await trio.sleep(1)
            order.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(8):
            nursery.start_soon(task, number)
    return tuple(order)


def test_a_day_takes_no_time() -> None:
    assert run_virtual(trio.sleep, 86_400) is None


def test_what_runs_may_return_something_and_take_arguments() -> None:
    async def double(number: int) -> int:
        return 2 * number

    assert run_virtual(double, 21) == 42


def test_a_virtual_clock_wakes_on_time_and_a_late_one_late() -> None:
    assert run_virtual(wake_ups) == [1.0, 2.0, 3.0]
    assert run_virtual(wake_ups, late=LATE) == pytest.approx([1.0003, 2.0003, 3.0003])


def test_a_late_clock_can_be_added_to_any_run_on_a_mock_clock() -> None:
    assert run_virtual(wake_ups, instruments=[LateClock(0.1)]) == pytest.approx([1.1, 2.1, 3.1])


def test_a_late_clock_stands_still_while_tasks_run() -> None:
    async def main() -> float:
        before = trio.current_time()
        for _ in range(10):
            await trio.lowlevel.checkpoint()
        await wait_all_tasks_blocked()
        return trio.current_time() - before

    assert run_virtual(main, late=LATE) == 0


def test_a_seed_repeats_the_order_of_tasks() -> None:
    assert run_virtual(order_of_tasks, seed=1) == run_virtual(order_of_tasks, seed=1)
    assert len({run_virtual(order_of_tasks, seed=seed) for seed in range(5)}) == 5


def test_a_seed_can_be_given_to_any_run() -> None:
    def run() -> tuple[int, ...]:
        with scheduled_by(3):
            return trio.run(order_of_tasks, clock=trio.testing.MockClock(autojump_threshold=0))

    assert run() == run() == run_virtual(order_of_tasks, seed=3)


@pytest.mark.parametrize("shield", [False, True])
def test_what_would_wait_for_ever_ends_and_says_so(shield: bool) -> None:
    async def main() -> None:
        await trio.sleep(3)
        with trio.CancelScope(shield=shield):
            await trio.sleep_forever()

    with pytest.raises(Standstill, match=r"it hangs at 3\.0 s: everybody waits"):
        run_virtual(main)


def test_what_would_be_busy_for_ever_ends_and_says_so() -> None:
    async def main() -> None:
        while True:  # noqa: ASYNC110 - that is what is wrong with it
            await trio.lowlevel.checkpoint()

    with pytest.raises(Standstill, match=r"it spins at 0\.0 s"):
        run_virtual(main)


async def test_the_fixture_virtual_clock_lets_time_fly(virtual_clock: None) -> None:
    await trio.sleep(86_400)
    assert trio.current_time() == 86_400


async def test_the_fixture_late_clock_wakes_late(late_clock: None) -> None:
    await trio.sleep(1)
    assert trio.current_time() == pytest.approx(1 + LATE)
