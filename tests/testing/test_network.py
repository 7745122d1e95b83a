"""A network between two ends: late, uneven and in bursts, but in order, whole, and the same each time."""

from __future__ import annotations

from itertools import pairwise

import pytest
import trio

from trioaudio.testing import Network, memory_websockets, through_network


async def arrivals(network: Network, messages: int = 50) -> list[tuple[float, str | bytes]]:
    """When messages that are sent every 20 ms arrive."""
    ours, theirs = memory_websockets()
    came: list[tuple[float, str | bytes]] = []
    async with through_network(ours, network) as distant, trio.open_nursery() as nursery:

        async def send() -> None:
            for i in range(messages):
                await distant.send(f"{i}")
                await trio.sleep(0.02)

        nursery.start_soon(send)
        for _ in range(messages):
            message = await theirs.receive()
            came.append((trio.current_time(), message))
    return came


@pytest.mark.usefixtures("virtual_clock")
class TestOnTheWay:
    async def test_each_message_takes_as_long_as_the_network_and_they_keep_their_order(self) -> None:
        came = await arrivals(Network(delay=0.1))
        assert [message for _, message in came] == [f"{i}" for i in range(50)]
        assert [round(when, 6) for when, _ in came] == [pytest.approx(0.1 + i * 0.02, abs=1e-6) for i in range(50)]

    async def test_what_is_random_is_the_same_for_the_same_seed(self) -> None:
        begun = trio.current_time()
        first = [when - begun for when, _ in await arrivals(Network(delay=0.05, jitter=0.03, loss=0.1, seed=7))]
        begun = trio.current_time()
        again = [when - begun for when, _ in await arrivals(Network(delay=0.05, jitter=0.03, loss=0.1, seed=7))]
        begun = trio.current_time()
        other = [when - begun for when, _ in await arrivals(Network(delay=0.05, jitter=0.03, loss=0.1, seed=8))]
        assert first == pytest.approx(again)
        assert first != pytest.approx(other)

    async def test_a_loss_is_a_stall_and_then_a_burst(self) -> None:
        whens = [when for when, _ in await arrivals(Network(delay=0.01, loss=0.1, seed=1))]
        gaps = [later - earlier for earlier, later in pairwise(whens)]
        assert max(gaps) > 0.15
        assert gaps.count(0) > 5

    async def test_a_slow_network_keeps_messages_waiting(self) -> None:
        came = await arrivals(Network(rate=50.0), 20)  # messages of 1 and 2 bytes
        assert came[-1][0] > 0.5

    async def test_it_works_both_ways_and_tells_of_the_end(self) -> None:
        ours, theirs = memory_websockets()
        async with through_network(ours, Network(delay=0.2)) as distant:
            await theirs.send("hello")
            assert await distant.receive() == "hello"
            assert trio.current_time() == pytest.approx(0.2)
            await theirs.aclose()
            with pytest.raises(trio.EndOfChannel):
                await distant.receive()
            assert distant.close_code == 1000
