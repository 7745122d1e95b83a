"""Runs the tools that a model calls, and tells it what came of them.

Theory of operation. Every call runs in a task of its own, with a deadline. An answer and its calls are a *batch*. A batch is
done when the answer is over, in whatever way, and every one of its calls has been told of: then the model is asked for exactly one
reply. That an answer was interrupted changes nothing: its calls were made, and the caller is to learn what came of them.
"""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict, is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from functools import partial
from pathlib import PurePath
from typing import Protocol, TypeAlias
from uuid import UUID

import trio

from .._events import Event, ToolCalled, ToolReturned
from .._limits import Limits, Timeouts
from .._model_events import ToolCall
from .._spelling import suggest
from .._tool import Supplied, Tool

log = logging.getLogger("trioaudio.session")

REMEMBERED = 1024
"""Ids of calls remembered, so that none is made twice."""

TAKEN_BACK = "the model has taken the call back"
"""What a call returned whose result nobody wants any more."""

Call: TypeAlias = Callable[[], Awaitable[None]]


class Desk(Protocol):
    """What a toolbox needs of its session."""

    def start_call(self, call: Call, title: str) -> None:
        """Run a call in a task."""

    def context_for(self, call_id: str, response_id: str | None) -> Supplied:
        """What a tool is given that wants to know who calls it."""

    def tell_result(self, call_id: str, output: str, failed: bool, conversation: int) -> None:
        """Let the model know of a result (``failed``: it is an error)."""

    def ask_reply(self, response_id: str | None, told: bool) -> None:
        """Let the model go on after an answer's calls, if it was ``told`` of any result."""

    def emit(self, event: Event) -> None:
        """Tell those who listen."""


class _Batch:
    """An answer, its calls that are under way, whether it is over, and whether the model was told of any result."""

    def __init__(self, response_id: str | None, conversation: int, *, over: bool) -> None:
        self.response_id, self.conversation, self.over = response_id, conversation, over
        self.running: dict[str, tuple[ToolCall, float]] = {}  # with the time of each
        self.told = False


class Toolbox:
    """The tools of one session.

    Args:
        tools: what the model may call.
        desk: the session.
        limits, timeouts: `Limits.tool_calls`, `Limits.tool_threads` and `Timeouts.tool` count here.
        inline: run a ``def`` in place instead of in a thread: a virtual clock does not wait for threads.
    """

    def __init__(self, tools: Iterable[Tool], desk: Desk, limits: Limits, timeouts: Timeouts, *, inline: bool) -> None:
        self.equip(tools)
        self._desk, self._limits, self._timeouts, self._inline = desk, limits, timeouts, inline
        self._batches: dict[str, _Batch] = {}
        self._known: dict[str, None] = {}  # ids of calls, the newest last
        self._running: dict[str, trio.CancelScope] = {}
        self._lost: list[trio.CancelScope] = []  # of calls that a connection made which is no more
        self.conversation: int = 1
        """With which of the link's conversations the model goes on: results belong into the one in which they were asked for."""
        self._stopped = False

    def equip(self, tools: Iterable[Tool]) -> None:
        """These are the tools from now on; calls that are under way go on."""
        self._tools = {tool.name: tool for tool in tools}

    @property
    def idle(self) -> bool:
        """Whether no call is under way, and no answer that called is still being made."""
        return not self._batches

    # ---- what the model does

    def take(self, call: ToolCall, current: str | None) -> None:
        """Run what the model calls, once, whatever it is; ``current`` is the answer that is being made."""
        if self._stopped or call.call_id in self._known:
            return
        self._remember(call.call_id)
        batch = self._batch_of(call, current)
        batch.running[call.call_id] = call, trio.current_time()
        self._desk.start_call(partial(self._run, call, batch), f"tool {call.tool}")

    def _batch_of(self, call: ToolCall, current: str | None) -> _Batch:
        response_id = call.response_id or current
        key = f"call {call.call_id}" if response_id is None else response_id
        if key not in self._batches:
            self._batches[key] = _Batch(response_id, self.conversation, over=response_id is None or response_id != current)
        return self._batches[key]

    def _remember(self, call_id: str) -> None:
        self._known[call_id] = None
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]

    def answer_begun(self, response_id: str) -> None:
        """An answer has begun: those before it are over, whether the model has said so or not."""
        for batch in [batch for batch in self._batches.values() if batch.response_id != response_id]:
            self._answer_over(batch)

    def answer_over(self, response_id: str) -> None:
        """An answer is over: it calls no more."""
        if batch := self._batches.get(response_id):
            self._answer_over(batch)

    def _answer_over(self, batch: _Batch) -> None:
        batch.over = True
        self._settle(batch)

    def _settle(self, batch: _Batch) -> None:
        if batch.over and not batch.running:
            self._batches = {key: other for key, other in self._batches.items() if other is not batch}
            self._desk.ask_reply(batch.response_id, batch.told)

    def has_calls(self, response_id: str | None) -> bool:
        """Whether this answer has called tools, and waits for them."""
        return response_id in self._batches

    def lost(self) -> None:
        """The connection is gone: its answers call no more, what they called goes on, and names mean something else from now on."""
        for batch in list(self._batches.values()):
            self._answer_over(batch)
        self._batches = {f"{key} of conversation {self.conversation}": batch for key, batch in self._batches.items()}
        self._lost = [scope for scope in (*self._lost, *self._running.values()) if not scope.cancel_called]
        self._running = {}

    def go_on(self, conversation: int) -> None:
        """There is another connection; in another conversation, calls have other names."""
        if conversation != self.conversation:
            self.conversation = conversation
            self._known.clear()

    def take_back(self, call_id: str) -> None:
        """The model wants a call's result no more: what it runs is cancelled, and the model is told nothing."""
        batch = next((batch for batch in self._batches.values() if call_id in batch.running), None)
        if batch is None:
            return
        call, since = batch.running.pop(call_id)
        if call_id in self._running:
            self._running[call_id].cancel(TAKEN_BACK)
            self._desk.emit(ToolReturned(call_id, call.tool, TAKEN_BACK, True, trio.current_time() - since))
        self._settle(batch)

    # ---- one call

    async def _run(self, call: ToolCall, batch: _Batch) -> None:
        if call.call_id not in batch.running:
            await trio.lowlevel.checkpoint()
            return
        with trio.CancelScope() as scope:
            if self._stopped:
                scope.cancel("the session has ended")
            self._running[call.call_id] = scope
            try:
                await self._carry_out(call, batch)
            finally:
                if self._running.get(call.call_id) is scope:
                    del self._running[call.call_id]

    async def _carry_out(self, call: ToolCall, batch: _Batch) -> None:
        began = trio.current_time()
        output, failed = await self._outcome(call, batch.response_id)
        if self._stopped or call.call_id not in batch.running:
            return
        batch.told = True
        self._desk.tell_result(call.call_id, output, failed, batch.conversation)
        self._desk.emit(ToolReturned(call.call_id, call.tool, output, failed, trio.current_time() - began))
        del batch.running[call.call_id]
        self._settle(batch)

    async def _outcome(self, call: ToolCall, response_id: str | None) -> tuple[str, bool]:
        """What the model is told, and whether it is an error."""
        tool, arguments, complaint = self._understood(call)
        self._desk.emit(ToolCalled(call.call_id, call.tool, arguments))
        if tool is None or complaint:
            await trio.lowlevel.checkpoint()
            return complaint, True
        seconds = tool.timeout if tool.timeout is not None else self._timeouts.tool
        with trio.move_on_after(seconds):
            given = {name: self._desk.context_for(call.call_id, response_id) for name in tool.supplied}
            return await self._attempted(tool, {**arguments, **given})
        log.warning("the tool %r took longer than %g s and was given up", tool.name, seconds)
        return f"{tool.name} took longer than {seconds:g} s and was given up; nothing is known of its result", True

    def _understood(self, call: ToolCall) -> tuple[Tool | None, dict[str, object], str]:
        tool = self._tools.get(call.tool)
        if tool is None:
            known = ", ".join(self._tools) or "none"
            return None, {}, f"there is no tool {call.tool!r}{suggest(call.tool, self._tools)} (there are {known})"
        if len(self._running) > self._limits.tool_calls:
            return tool, {}, f"{self._limits.tool_calls} tools run already; wait for their results, then call {tool.name} again"
        try:
            return tool, tool.read_arguments(call.arguments), ""
        except ValueError as exc:
            return tool, {}, f"{tool.name} was not called: {exc}"

    async def _attempted(self, tool: Tool, arguments: dict[str, object]) -> tuple[str, bool]:
        try:
            return as_text(await self._result(tool, arguments)), False
        except Exception as exc:
            log.exception("the tool %r failed", tool.name)
            return f"{tool.name} failed: {type(exc).__name__}: {exc}", True

    async def _result(self, tool: Tool, arguments: dict[str, object]) -> object:
        call = partial(tool.fn, **arguments)
        if tool.is_async:
            result = call()
            assert inspect.isawaitable(result)
            return await result
        if self._inline:
            await trio.lowlevel.checkpoint()
            result = call()
        else:
            threads = _threads(self._limits.tool_threads)
            result = await trio.to_thread.run_sync(call, abandon_on_cancel=True, limiter=threads)
        if inspect.iscoroutine(result):
            result.close()
            raise TypeError(f"the tool {tool.name!r} is a 'def' that returned something to await; make it an 'async def'")
        return result

    def stop(self) -> None:
        """The session ends: nothing more is run, and what runs is cancelled; a thread that does not end is left alone."""
        self._stopped = True
        for scope in (*self._running.values(), *self._lost):
            scope.cancel("the session has ended")


def as_text(value: object) -> str:
    """A result as a model is told it: a text as it is, other values as JSON.

    Raises:
        TypeError: it is nothing that JSON has.
    """
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, set | frozenset):
        return list(value)
    if isinstance(value, date | time | datetime):
        return value.isoformat()
    if isinstance(value, Decimal | PurePath | UUID):
        return str(value)
    raise TypeError(f"a tool returned a {type(value).__name__}, which is no text and no JSON; return a dict, a dataclass or a str")


_limiters: trio.lowlevel.RunVar[dict[int, trio.CapacityLimiter]] = trio.lowlevel.RunVar("trioaudio_tool_threads")


def _threads(number: int) -> trio.CapacityLimiter:
    """The threads of this Trio run for tools, for all sessions that have this limit."""
    try:
        limiters = _limiters.get()
    except LookupError:
        limiters = {}
        _limiters.set(limiters)
    return limiters.setdefault(number, trio.CapacityLimiter(number))
