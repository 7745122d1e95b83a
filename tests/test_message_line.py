"""Messages in line for a websocket: none is lost, doubled or overtaken, whoever is cancelled and however long the socket is full."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from trioaudio.abc import MessageLine
from trioaudio.testing import MemoryWebSocket, memory_websockets


class Narrow(MemoryWebSocket):
    """Takes messages only while it is open wide."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = trio.Event()

    async def send(self, data: str | bytes) -> None:
        await self.wide.wait()
        await super().send(data)

    def send_nowait(self, data: str | bytes) -> None:
        if not self.wide.is_set():
            raise trio.WouldBlock
        super().send_nowait(data)


def narrow() -> tuple[Narrow, MemoryWebSocket, MessageLine]:
    ours, theirs = memory_websockets(Narrow)
    assert isinstance(ours, Narrow)
    return ours, theirs, MessageLine(ours)


async def received(theirs: MemoryWebSocket, number: int) -> list[str | bytes]:
    return [await theirs.receive() for _ in range(number)]


async def test_messages_go_at_once_while_there_is_room() -> None:
    ours, theirs, line = narrow()
    ours.wide.set()
    line.post(["one", b"two"])
    assert line.waiting == 0
    assert await received(theirs, 2) == ["one", b"two"]


async def test_messages_that_find_no_room_go_first_later() -> None:
    ours, theirs, line = narrow()
    line.post(["one", "two"])
    ours.wide.set()
    await line.send(["three"])
    assert await received(theirs, 3) == ["one", "two", "three"]


@pytest.mark.usefixtures("virtual_clock")
async def test_whoever_is_cancelled_takes_nothing_out_of_the_line() -> None:
    ours, theirs, line = narrow()
    with trio.move_on_after(1):
        await line.send(["one", "two"])
    ours.wide.set()
    await line.flush()
    assert await received(theirs, 2) == ["one", "two"]


async def test_messages_of_many_tasks_go_in_the_order_in_which_they_were_put_in_line() -> None:
    ours, theirs, line = narrow()
    async with trio.open_nursery() as nursery:
        for number in range(3):
            nursery.start_soon(line.send, [f"{number}a", f"{number}b"])
            await trio.testing.wait_all_tasks_blocked()
        line.post(["last"])
        ours.wide.set()
    assert await received(theirs, 7) == ["0a", "0b", "1a", "1b", "2a", "2b", "last"]


async def test_what_is_to_go_at_once_goes_whole_or_not_at_all() -> None:
    ours, theirs, line = narrow()
    with pytest.raises(trio.WouldBlock):
        line.send_nowait("audio")
    line.post(["first"])
    ours.wide.set()
    line.send_nowait("more audio")
    assert await received(theirs, 2) == ["first", "more audio"]


async def test_a_far_end_that_takes_nothing_for_ever_is_broken() -> None:
    _, _, line = narrow()
    with pytest.raises(trio.BrokenResourceError, match="took nothing"):
        for number in range(100_000):
            line.post([str(number)])
    with pytest.raises(trio.BrokenResourceError, match="took nothing"):
        await line.receive()


async def test_a_closed_line_takes_nothing() -> None:
    _, _, line = narrow()
    line.close()
    for send in (line.post, line.send_nowait):
        with pytest.raises(trio.ClosedResourceError):
            send("x")
    with pytest.raises(trio.ClosedResourceError):
        await line.flush()


async def test_a_goodbye_is_the_end() -> None:
    _, theirs, line = narrow()
    await theirs.aclose(1000, "bye")
    with pytest.raises(trio.EndOfChannel):
        await line.receive()
    assert line.end == (1000, "bye")


async def test_any_other_close_frame_is_an_error_that_names_it() -> None:
    _, theirs, line = narrow()
    await theirs.aclose(1008, "policy")
    with pytest.raises(trio.BrokenResourceError, match=r"1008 \(policy\)"):
        await line.receive()


async def test_a_connection_that_broke_is_broken() -> None:
    ours, _, line = narrow()
    ours.fail()
    with pytest.raises(trio.BrokenResourceError):
        await line.receive()
