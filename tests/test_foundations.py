"""What the house will stand on works in the versions that are promised: oldest with oldest, newest with newest."""

from __future__ import annotations

from functools import partial

import anyio.abc
import anyio.to_thread
import trio
from trio_websocket import ConnectionClosed, WebSocketRequest, connect_websocket, serve_websocket


async def echo(request: WebSocketRequest) -> None:
    websocket = await request.accept()
    try:
        while True:
            await websocket.send_message(await websocket.get_message())
    except ConnectionClosed:
        pass


async def test_a_websocket_carries_text_and_bytes() -> None:
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            server = await nursery.start(partial(serve_websocket, echo, "127.0.0.1", 0, ssl_context=None, handler_nursery=nursery))
            websocket = await connect_websocket(nursery, "127.0.0.1", server.port, "/", use_ssl=False)
            for message in ("text", b"\x00bytes"):
                await websocket.send_message(message)
                assert await websocket.get_message() == message
            await websocket.aclose()
            nursery.cancel_scope.cancel()


async def test_code_written_for_anyio_runs_beside_ours() -> None:
    send, receive = anyio.create_memory_object_stream[int](1)
    async with send, receive, anyio.create_task_group() as tasks:
        tasks.start_soon(send.send, 7)
        assert await receive.receive() == 7
    assert await anyio.to_thread.run_sync(sum, (1, 2)) == 3
