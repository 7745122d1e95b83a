"""TCP connections that others open: each has a task of its own, and harms nobody else."""

from __future__ import annotations

import logging

import pytest
import trio
from trio.testing import MockClock

from trioaudio import FrontDoorError
from trioaudio.abc import Pipe, connect_tcp, open_tcp
from trioaudio.testing import memory_pipes


async def echo(pipe: Pipe, peer: str) -> None:
    """Say it again, until they say "bug"."""
    while data := await pipe.read():
        if data == b"bug":
            raise LookupError("a bug of the handler")
        await pipe.write(data)


async def test_each_connection_is_served_and_closed() -> None:
    async with open_tcp("127.0.0.1", 0, echo) as [(host, port)]:
        async with connect_tcp(host, port) as one, connect_tcp(host, port) as other:
            for pipe in (other, one):
                await pipe.write(b"hello")
                assert await pipe.read() == b"hello"
            one.end_writing()
            assert await one.read() == b""
        async with connect_tcp(host, port) as last:
            await last.write(b"still here")
            assert await last.read() == b"still here"


async def test_a_bug_costs_one_connection_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with open_tcp("127.0.0.1", 0, echo) as [(host, port)], connect_tcp(host, port) as one, connect_tcp(host, port) as other:
        await one.write(b"bug")
        assert await one.read() == b""
        await other.write(b"hello")
        assert await other.read() == b"hello"
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


async def test_so_many_and_no_more() -> None:
    async with open_tcp("127.0.0.1", 0, echo, connections=1) as [(host, port)], connect_tcp(host, port) as one:
        await one.write(b"hello")
        assert await one.read() == b"hello"
        async with connect_tcp(host, port) as other:
            assert await other.read() == b""


async def test_the_end_of_the_block_ends_all_connections() -> None:
    async with open_tcp("127.0.0.1", 0, echo) as [(host, port)]:
        stream = await trio.open_tcp_stream(host, port)
        await stream.send_all(b"hello")
        assert await stream.receive_some() == b"hello"
    async with stream:
        assert await stream.receive_some() == b""


async def test_a_port_in_use_is_named_with_its_option() -> None:
    async with open_tcp("127.0.0.1", 0, echo) as [(host, port)]:
        with pytest.raises(FrontDoorError, match=rf"port {port} of 127\.0\.0\.1 is in use.*--ear"):
            async with open_tcp(host, port, echo, port_option="--ear"):
                pass
    with pytest.raises(trio.BrokenResourceError, match="cannot be reached"):
        async with connect_tcp(host, port):
            pass


async def test_a_pipe_in_memory_is_like_one(autojump_clock: MockClock) -> None:
    ours, theirs = memory_pipes()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(echo, theirs, "memory")
        assert ours.write_nowait(b"hello") == 5
        assert await ours.read() == b"hello"
        ours.end_writing()
    theirs.stall()
    assert ours.write_nowait(b"more") == 0
    with trio.move_on_after(1) as waiting:
        await ours.wait_room()
    assert waiting.cancelled_caught
    ours.fail()
    with pytest.raises(trio.BrokenResourceError):
        await theirs.read()
    ours.close()
    for use in (ours.read, ours.wait_room):
        with pytest.raises(trio.ClosedResourceError):
            await use()
