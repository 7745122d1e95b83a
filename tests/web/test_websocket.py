"""A websocket keeps its contract, whichever driver carries it: the front door's, with and without TLS, our client's, trio-websocket's."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
import trio
from trio.testing import MockClock

from trioaudio import RemoteProtocolError
from trioaudio.abc import WebSocket
from web.conftest import DRIVERS, TIMEOUTS, OpenPair, accepted_by_door
from web.raw_websocket import BINARY, CLOSE, PING, PONG, TEXT, RawPeer

BIG = 60_000


async def fill(websocket: WebSocket) -> None:
    """Send to a far end that reads nothing, until no more fits."""
    with trio.move_on_after(TIMEOUTS.write / 2):
        while True:
            await websocket.send(bytes(BIG))


async def test_messages_arrive_whole_and_in_order(open_pair: OpenPair, autojump_clock: MockClock) -> None:
    async with open_pair() as (websocket, peer):
        await peer.send(TEXT, "grüß dich".encode())
        await peer.send(BINARY, b"\x00\xff")
        await peer.send(BINARY)
        assert [await websocket.receive() for _ in range(3)] == ["grüß dich", b"\x00\xff", b""]


async def test_what_came_with_a_message_can_be_had_without_waiting_but_never_the_end(autojump_clock: MockClock) -> None:
    async with accepted_by_door(tls=False) as (websocket, peer):
        frames = [peer.frame(TEXT, b"one"), peer.frame(TEXT, b"two"), peer.frame(BINARY, b"3"), peer.frame(CLOSE, struct.pack("!H", 1000))]
        await peer.stream.send_all(b"".join(frames))
        assert await websocket.receive() == "one"
        assert websocket.take_received() == ["two", b"3"]
        assert websocket.take_received() == []
        with pytest.raises(trio.EndOfChannel):
            await websocket.receive()


async def test_a_receiver_need_not_ask_for_what_came_with_a_message(open_pair: OpenPair, autojump_clock: MockClock) -> None:
    async with open_pair() as (websocket, peer):
        await peer.stream.send_all(peer.frame(TEXT, b"one") + peer.frame(TEXT, b"two"))
        received = [await websocket.receive(), *websocket.take_received()]
        while len(received) < 2:
            received.append(await websocket.receive())
        assert received == ["one", "two"]


async def test_fragments_are_put_together_also_with_a_ping_between_them(open_pair: OpenPair, autojump_clock: MockClock) -> None:
    async with open_pair() as (websocket, peer):
        euro = "€".encode()
        await peer.send(TEXT, b"a" + euro[:1], fin=False)
        await peer.send(PING, b"?")
        await peer.send(0, euro[1:], fin=False)
        await peer.send(0, b"b")
        assert await websocket.receive() == "a€b"
        assert await peer.receive() == (PONG, b"?")


async def test_bytes_may_arrive_one_by_one(open_pair: OpenPair, autojump_clock: MockClock) -> None:
    async with open_pair() as (websocket, peer):
        for byte in peer.frame(TEXT, b"slowly"):
            await peer.stream.send_all(bytes([byte]))
        assert await websocket.receive() == "slowly"


async def test_what_is_sent_arrives(open_pair: OpenPair, autojump_clock: MockClock) -> None:
    async with open_pair() as (websocket, peer):
        await websocket.send("über")
        await websocket.send(bytes(300))
        assert await peer.receive() == (TEXT, "über".encode())
        assert await peer.receive() == (BINARY, bytes(300))


async def test_a_cancelled_receive_loses_nothing(open_pair: OpenPair, autojump_clock: MockClock) -> None:
    async with open_pair() as (websocket, peer):
        frame = peer.frame(TEXT, b"one") + peer.frame(TEXT, b"two")
        for cut in range(0, len(frame), 3):
            await peer.stream.send_all(frame[cut : cut + 3])
            with trio.move_on_after(0):
                if await websocket.receive() == "two":
                    return
        assert await websocket.receive() in ("one", "two")


async def test_every_call_is_a_checkpoint(open_pair: OpenPair, autojump_clock: MockClock) -> None:
    async with open_pair() as (websocket, peer):
        await peer.send(TEXT, b"x")
        await peer.send(TEXT, b"y")
        await websocket.receive()
        for call in (websocket.receive, lambda: websocket.send("no")):
            with trio.CancelScope() as scope:
                scope.cancel()
                await call()
            assert scope.cancelled_caught
        assert await websocket.receive() == "y"
        await websocket.send("yes")
        assert await peer.receive() == (TEXT, b"yes")


async def test_one_task_receives(open_pair: OpenPair, autojump_clock: MockClock) -> None:
    async with open_pair() as (websocket, _), trio.open_nursery() as nursery:
        nursery.start_soon(websocket.receive)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError, match="another task receives"):
            await websocket.receive()
        nursery.cancel_scope.cancel()


async def test_when_the_far_end_closes_what_it_said_before_is_received_and_it_is_answered(
    open_pair: OpenPair, autojump_clock: MockClock
) -> None:
    async with open_pair() as (websocket, peer):
        await peer.send(TEXT, b"last words")
        await peer.send(CLOSE, struct.pack("!H", 4001) + b"enough")
        assert [message async for message in websocket] == ["last words"]
        assert (websocket.close_code, websocket.close_reason) == (4001, "enough")
        for _ in range(2):
            with pytest.raises(trio.EndOfChannel):
                await websocket.receive()
        with pytest.raises(trio.BrokenResourceError, match="closed this websocket: 4001 enough"):
            await websocket.send("too late")
        assert await peer.receive_close() == 4001


async def test_whoever_receives_is_told_of_a_goodbye_first(open_pair: OpenPair, autojump_clock: MockClock) -> None:
    async with open_pair() as (websocket, peer):
        await peer.stream.send_all(peer.frame(TEXT, b"audio") * 3 + peer.frame(CLOSE, struct.pack("!H", 1000)))
        assert await websocket.receive() == "audio"
        await websocket.send("crosses it")  # a source that sends meanwhile must not take a hang-up for a failure
        assert [message async for message in websocket] == ["audio"] * 2
        with pytest.raises(trio.BrokenResourceError):
            await websocket.send("too late")


async def test_a_far_end_that_is_gone_by_the_time_its_goodbye_is_read_has_hung_up_all_the_same() -> None:
    async with accepted_by_door(tls=False) as (websocket, peer):
        await peer.send(TEXT, b"last words")
        await peer.send(CLOSE, struct.pack("!H", 1000))
        await peer.stream.aclose()
        for _ in range(50):
            await websocket.send(b"who sends is not told before who receives")
        assert await websocket.receive() == "last words"
        with pytest.raises(trio.EndOfChannel):
            await websocket.receive()
        assert websocket.close_code == 1000
        with pytest.raises(trio.BrokenResourceError):
            await websocket.send(b"now it is known")


async def test_closing_says_goodbye_and_waits_for_the_answer(open_pair: OpenPair, autojump_clock: MockClock) -> None:
    async with open_pair() as (websocket, peer), trio.open_nursery() as nursery:
        nursery.start_soon(websocket.aclose, 3000, "bye")
        assert await peer.receive() == (CLOSE, struct.pack("!H", 3000) + b"bye")
        await peer.send(TEXT, b"not heard any more")
        await peer.send(CLOSE, struct.pack("!H", 3000))
        with trio.fail_after(TIMEOUTS.close / 2):
            await websocket.aclose()
        assert websocket.close_code == 3000
        with pytest.raises(trio.ClosedResourceError):
            await websocket.receive()
        with pytest.raises(trio.ClosedResourceError):
            await websocket.send("x")


async def test_a_far_end_that_never_answers_a_goodbye_is_not_waited_for(open_pair: OpenPair, autojump_clock: MockClock) -> None:
    async with open_pair() as (websocket, _):
        with trio.fail_after(TIMEOUTS.close + 0.1):
            await websocket.aclose()
            await websocket.aclose()


async def test_closing_while_cancelled_closes_at_once(open_pair: OpenPair, autojump_clock: MockClock) -> None:
    async with open_pair() as (websocket, _):
        began = trio.current_time()
        with trio.CancelScope() as scope:
            scope.cancel()
            await websocket.aclose()
        assert trio.current_time() - began < 0.1
        with pytest.raises(trio.ClosedResourceError):
            await websocket.receive()


async def test_whoever_receives_is_woken_when_it_is_closed(open_pair: OpenPair, autojump_clock: MockClock) -> None:
    async with open_pair() as (websocket, _), trio.open_nursery() as nursery:

        @nursery.start_soon
        async def receive() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await websocket.receive()

        await trio.testing.wait_all_tasks_blocked()
        await websocket.aclose()


async def test_closing_while_somebody_receives_does_not_keep_the_goodbye_waiting(open_pair: OpenPair, autojump_clock: MockClock) -> None:
    async with open_pair() as (websocket, peer), trio.open_nursery() as nursery:

        @nursery.start_soon
        async def receive() -> None:
            with pytest.raises(trio.ClosedResourceError):
                while True:
                    await websocket.receive()

        @nursery.start_soon
        async def answer() -> None:
            assert await peer.receive_close() == 1000
            for _ in range(3):
                await peer.send(TEXT, b"this was on its way")
                await trio.sleep(0.1)
            await peer.send(CLOSE, struct.pack("!H", 1000))

        await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
        await websocket.aclose()
        assert 0.2 < trio.current_time() - began < TIMEOUTS.close / 2


@pytest.mark.parametrize("payload", [bytes(10_001), bytes(40_000)])
async def test_a_message_that_is_too_long_breaks_it(open_pair: OpenPair, autojump_clock: MockClock, payload: bytes) -> None:
    async with open_pair() as (websocket, peer):
        await peer.send(BINARY, payload)
        with pytest.raises(RemoteProtocolError):
            await websocket.receive()
        assert websocket.close_code == 1009
        with pytest.raises(trio.BrokenResourceError):
            await websocket.send("x")
        assert await peer.receive_close() == 1009


async def test_many_small_fragments_are_one_long_message(open_pair: OpenPair, autojump_clock: MockClock) -> None:
    async with open_pair() as (websocket, peer):
        await peer.send(BINARY, bytes(2_000), fin=False)
        with pytest.raises(RemoteProtocolError):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(flood, peer)
                try:
                    await websocket.receive()
                except RemoteProtocolError as error:
                    nursery.cancel_scope.cancel()
                    caught = error
            raise caught


async def flood(peer: RawPeer) -> None:
    try:
        while True:
            await peer.send(0, bytes(2_000), fin=False)
    except trio.BrokenResourceError:
        pass


@pytest.mark.parametrize(
    ("garbage", "code"),
    [
        (b"\x83\x80\x00\x00\x00\x00", 1002),  # an opcode that is none
        (b"\xf1\x80\x00\x00\x00\x00", 1002),  # bits that are reserved
        (b"GET / HTTP/1.1\r\n\r\n", 1002),
        ("not UTF-8", 1007),
    ],
)
async def test_garbage_is_a_protocol_error_of_theirs(
    open_pair: OpenPair, autojump_clock: MockClock, garbage: bytes | str, code: int
) -> None:
    async with open_pair() as (websocket, peer):
        await peer.stream.send_all(peer.frame(TEXT, b"\xff\xff") if isinstance(garbage, str) else garbage)
        with pytest.raises(RemoteProtocolError, match="breaks the websocket protocol"):
            await websocket.receive()
        assert websocket.close_code == code
        with pytest.raises(trio.BrokenResourceError):
            await websocket.receive()


async def test_a_far_end_that_dies_breaks_it(open_pair: OpenPair, autojump_clock: MockClock) -> None:
    async with open_pair() as (websocket, peer):
        await trio.aclose_forcefully(peer.stream)
        for _ in range(2):
            with pytest.raises(trio.BrokenResourceError):
                await websocket.receive()
        assert websocket.close_code == 1006


async def test_a_far_end_that_reads_nothing_breaks_it_after_the_write_timeout(open_pair: OpenPair, autojump_clock: MockClock) -> None:
    async with open_pair() as (websocket, _):
        with pytest.raises(trio.BrokenResourceError, match="took nothing for 5 s"):
            while True:
                await websocket.send(bytes(BIG))
        assert websocket.close_code == 1006


async def test_a_cancelled_send_leaves_whole_messages_only(open_pair: OpenPair, autojump_clock: MockClock) -> None:
    async with open_pair() as (websocket, peer), trio.open_nursery() as nursery:
        scope = trio.CancelScope()
        nursery.start_soon(send_for_ever, websocket, scope)
        await trio.sleep(0.5)
        scope.cancel()
        nursery.start_soon(websocket.send, "the end")
        while (frame := await peer.receive()) != (TEXT, b"the end"):
            assert frame == (BINARY, bytes(BIG))


async def send_for_ever(websocket: WebSocket, scope: trio.CancelScope) -> None:
    with scope:
        while True:
            await websocket.send(bytes(BIG))


async def test_messages_of_several_tasks_do_not_mix(open_pair: OpenPair, autojump_clock: MockClock) -> None:
    async with open_pair() as (websocket, peer), trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(websocket.send, bytes([number]) * BIG)
        frames = [await peer.receive() for _ in range(20)]
        assert sorted(frames) == [(BINARY, bytes([number]) * BIG) for number in range(20)]


async def test_send_nowait_takes_whole_messages_or_none(open_pair: OpenPair, autojump_clock: MockClock) -> None:
    async with open_pair() as (websocket, peer):
        taken = 0
        try:
            while taken < 1_000:
                websocket.send_nowait(bytes(BIG))
                taken += 1
        except trio.WouldBlock:
            pass
        await peer.send(TEXT, b"still there?")
        assert await websocket.receive() == "still there?"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(websocket.send, "the end")
            assert [await peer.receive() for _ in range(taken)] == [(BINARY, bytes(BIG))] * taken
            assert await peer.receive() == (TEXT, b"the end")


async def test_a_silent_far_end_is_pinged_and_one_that_does_not_answer_is_broken(open_pair: OpenPair, autojump_clock: MockClock) -> None:
    async with open_pair() as (websocket, peer):
        began = trio.current_time()
        with pytest.raises(trio.BrokenResourceError, match="did not answer a ping"):
            await websocket.receive()
        assert trio.current_time() - began == pytest.approx(2 * TIMEOUTS.keepalive, abs=0.5)
        assert (await peer.receive())[0] == PING


async def test_a_silent_far_end_that_answers_pings_stays(open_pair: OpenPair, autojump_clock: MockClock) -> None:
    async with open_pair() as (websocket, peer), trio.open_nursery() as nursery:
        nursery.start_soon(answer_pings, peer)
        with trio.move_on_after(10 * TIMEOUTS.keepalive) as scope:
            await websocket.receive()
        assert scope.cancelled_caught
        assert websocket.close_code is None
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("driver", ["accepted", "opened"])
async def test_a_far_end_that_talks_can_be_pinged_too(driver: str, autojump_clock: MockClock) -> None:
    async with DRIVERS[driver]() as (websocket, peer):
        await peer.send(TEXT, b"I am here")
        assert await websocket.receive() == "I am here"
        websocket.ping()
        assert (await peer.receive())[0] == PING
        await peer.send(PONG)
        await peer.send(TEXT, b"still")
        assert await websocket.receive() == "still"
        await websocket.aclose()
        websocket.ping()


async def answer_pings(peer: RawPeer) -> None:
    while True:
        opcode, payload = await peer.receive()
        assert opcode == PING
        await peer.send(PONG, payload)


async def test_a_flood_of_pings_that_reads_nothing_costs_no_memory(open_pair: OpenPair, autojump_clock: MockClock) -> None:
    async with open_pair() as (websocket, peer):
        await fill(websocket)
        pings = peer.frame(PING, bytes(100)) * 1_000
        with pytest.raises(trio.BrokenResourceError):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(send_quietly, peer, pings)
                try:
                    await websocket.receive()
                except trio.BrokenResourceError as error:
                    nursery.cancel_scope.cancel()
                    caught = error
            raise caught


async def send_quietly(peer: RawPeer, data: bytes) -> None:
    with suppress(trio.BrokenResourceError):
        await peer.stream.send_all(data)
