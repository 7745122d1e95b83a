"""An app on Trio, called by a server on asyncio: what it says and hears, its errors, and that neither side is left alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio

from trioaudio import AsgiThread


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Say back what is heard, on Trio's clock, until there is no more."""
    while (message := await receive())["type"] != "end":
        await trio.sleep(0.001)
        await send({"type": "said", "what": message["what"], "to": scope["who"]})


async def visit(app: Callable[[Any, Any, Any], Awaitable[None]], who: str, *messages: dict[str, Any]) -> list[Any]:
    """Call an app as a server does; what it said."""
    queue, said = asyncio.Queue[dict[str, Any]](), list[Any]()
    for message in messages:
        queue.put_nowait(message)

    async def send(message: Any) -> None:
        await asyncio.sleep(0)
        said.append(message)

    await app({"who": who}, queue.get, send)
    return said


def hear(what: str) -> dict[str, Any]:
    return {"type": "heard", "what": what}


def test_many_visitors_talk_to_the_one_thread() -> None:
    async def main() -> list[list[Any]]:
        async with AsgiThread(echo) as app:
            return await asyncio.gather(*(visit(app, who, hear("a"), hear("b"), {"type": "end"}) for who in "xyz"))

    assert asyncio.run(main()) == [[{"type": "said", "what": what, "to": who} for what in "ab"] for who in "xyz"]
    assert "trioaudio asgi" not in [thread.name for thread in threading.enumerate()]


def test_an_error_comes_out_where_the_server_called_and_costs_nobody_else_anything() -> None:
    async def fragile(scope: Any, receive: Any, send: Any) -> None:
        if scope["who"] == "x":
            await receive()
            raise ZeroDivisionError("x")
        await echo(scope, receive, send)

    async def main() -> list[Any]:
        async with AsgiThread(fragile) as app:
            return await asyncio.gather(visit(app, "x", hear("a")), visit(app, "y", hear("a"), {"type": "end"}), return_exceptions=True)

    failed, answered = asyncio.run(main())
    assert isinstance(failed, ZeroDivisionError)
    assert answered == [{"type": "said", "what": "a", "to": "y"}]


def test_what_a_server_raises_reaches_the_app() -> None:
    reached: list[Exception] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await receive()
        except OSError as exc:
            reached.append(exc)

    async def receive() -> Any:
        raise OSError("the client has gone")

    async def main() -> None:
        async with AsgiThread(app) as thread:
            await thread({}, receive, receive)

    asyncio.run(main())
    assert [str(error) for error in reached] == ["the client has gone"]


@pytest.mark.parametrize("by", ["the server", "the end of the block"])
def test_who_gives_up_waits_until_the_other_side_has_ended(by: str) -> None:
    order: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await receive()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(0.01)
            order.append("the app has ended")

    async def main() -> None:
        async with AsgiThread(app) as thread:
            calling = asyncio.create_task(thread({}, asyncio.Event().wait, asyncio.Event().wait))  # type: ignore[arg-type]
            await asyncio.sleep(0.02)
            if by == "the server":
                calling.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await calling
                order.append("the server knows")
        order.append("the block has ended")

    asyncio.run(main())
    assert order == ["the app has ended", *(["the server knows"] if by == "the server" else []), "the block has ended"]


def test_outside_of_its_block_it_says_so() -> None:
    async def main() -> None:
        thread = AsgiThread(echo)
        with pytest.raises(RuntimeError, match="serve within its block"):
            await visit(thread, "x")
        async with thread:
            pass
        with pytest.raises(RuntimeError, match="has run already"):
            async with thread:
                pass

    asyncio.run(main())
