"""A listener whose callers do what a test says, before a call is answered and after."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Literal, TypeAlias

import trio

from ..abc import Invitation, Listener, Source
from ._far_end import ScriptedFarEnd

Outcome: TypeAlias = Literal["ringing", "answered", "rejected", "redirected", "gone"]


class ScriptedCall(Invitation):
    """A call of a test, and what became of it; made by `ScriptedExchange.dial`.

    Args:
        far_end: who calls.
        answer_takes: seconds until it is connected; ``inf`` for never.
        answer_raises: what connecting it raises.
        reject_raises: what refusing it raises.
    """

    def __init__(
        self,
        far_end: ScriptedFarEnd,
        answer_takes: float = 0.0,
        answer_raises: Exception | None = None,
        reject_raises: Exception | None = None,
    ) -> None:
        self.far_end: ScriptedFarEnd = far_end
        self.outcome: Outcome = "ringing"
        """What became of it."""
        self.told: str | None = None
        """Why it was rejected, or where it was redirected to."""
        self.over: bool = False
        """Whether the call, once answered, has ended."""
        self.verbs: list[str] = []
        """What the server asked for: there must never be two."""
        self._takes, self._answer_raises, self._reject_raises = answer_takes, answer_raises, reject_raises
        self._decided, self._over, self._hung_up = trio.Event(), trio.Event(), trio.Event()

    def hang_up(self) -> None:
        """Put the receiver down, answered or not."""
        self.far_end.hang_up()
        self._hung_up.set()

    async def wait_decided(self) -> Outcome:
        """Wait until it is answered, rejected, redirected or gone. Checkpoint: yes."""
        await self._decided.wait()
        return self.outcome

    async def wait_over(self) -> None:
        """Wait until it has ended, whatever became of it. Checkpoint: yes."""
        await self._over.wait()

    # ---- the server's side

    @asynccontextmanager
    async def answer(self) -> AsyncGenerator[Source, None]:
        """See `Invitation`."""
        self.verbs.append("answer")
        try:
            await self._connect()
            yield self.far_end.source
        finally:
            self._end()

    async def _connect(self) -> None:
        await trio.lowlevel.checkpoint()
        with trio.move_on_after(self._takes):
            await self._hung_up.wait()
        if self._answer_raises is not None:
            raise self._answer_raises
        if self._hung_up.is_set():
            self._decide("gone")
            raise trio.EndOfChannel
        self._decide("answered")

    async def reject(self, reason: str) -> None:
        """See `Invitation`."""
        self.verbs.append("reject")
        await trio.lowlevel.checkpoint()
        self._end()
        if self._reject_raises is not None:
            raise self._reject_raises
        self._decide("rejected", reason)

    async def redirect(self, target: str) -> None:
        """See `Invitation`."""
        self.verbs.append("redirect")
        await trio.lowlevel.checkpoint()
        self._end()
        self._decide("redirected", target)

    def _decide(self, outcome: Outcome, told: str | None = None) -> None:
        self.outcome, self.told = outcome, told
        self._decided.set()

    def _end(self) -> None:
        self.over = True
        self._over.set()


class ScriptedExchange(Listener):
    """The listener of a test: whoever dials on it, calls.

    ```python
    exchange = ScriptedExchange()
    async with open_server(exchange, model=Script(say(1.0, "a"))) as server:
        call = exchange.dial(caller="+4930123456")
        await call.far_end.wait_hears("a")
    ```
    """

    def __init__(self, name: str = "scripted") -> None:
        self.name: str = name
        self._send, self._receive = trio.open_memory_channel[Invitation](math.inf)
        self._failure: BaseException = trio.EndOfChannel()

    async def receive(self) -> Invitation:
        """See `Listener`."""
        try:
            return await self._receive.receive()
        except trio.EndOfChannel:
            raise self._failure from None

    def dial(
        self,
        far_end: ScriptedFarEnd | None = None,
        *,
        caller: str | None = None,
        called: str | None = None,
        parameters: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        account: str | None = None,
        answer_takes: float = 0.0,
        answer_raises: Exception | None = None,
        reject_raises: Exception | None = None,
    ) -> ScriptedCall:
        """Call. Arguments as for `ScriptedCall`, and as `Invitation` has them; a far end that buffers unless told otherwise."""
        call = ScriptedCall(far_end or ScriptedFarEnd(), answer_takes, answer_raises, reject_raises)
        call.caller, call.called, call.account = caller, called, account
        call.parameters, call.headers = dict(parameters or {}), dict(headers or {})
        self._send.send_nowait(call)
        return call

    def close(self) -> None:
        """No more calls come; those that have been dialled do."""
        self._send.close()

    def fail(self, error: BaseException | None = None) -> None:
        """Let the listener break, after the calls that have been dialled."""
        self._failure = error or trio.BrokenResourceError("the listener failed, as the test said")
        self.close()
