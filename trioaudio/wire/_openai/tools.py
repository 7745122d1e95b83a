"""Tools over the OpenAI Realtime protocol: how they are announced, and which of the server's announcements is the call.

Theory of operation. A call is announced up to four times: when its arguments are whole, when its item is done, when the response
is done, and by some servers again. It is made once, when its item is *completed*: a response that was cut short closes its items
as incomplete, and such a call was never meant: it is cancelled. Servers that do not say when items are done have their calls made
when the response is done.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from ..._model_events import ModelEvent, ToolCall, ToolCancelled, ToolDelta, ToolStart
from ..._tool import Tool
from .._json import Message, name_or_none, parts, text
from .memory import Remembered

LONGEST_DESCRIPTION = 1_024
"""The longest description that the live service takes, in characters."""


def written_tools(tools: Iterable[Tool]) -> list[Message]:
    """Tools as a session object names them; a description that is too long is cut."""
    return [
        {
            "type": "function",
            "name": tool.name,
            "description": tool.description[:LONGEST_DESCRIPTION],
            "parameters": json.loads(json.dumps(tool.parameters, default=dict)),
        }
        for tool in tools
    ]


class CallReader:
    """Finds out which calls were made; each is open until it has a result."""

    def __init__(self) -> None:
        self._made: Remembered[bool] = Remembered()  # by the id of the call: whether it still waits for its result
        self._announced: Remembered[ToolCall] = Remembered()
        self._begun: Remembered[str] = Remembered()  # by the id of the call: its response

    def begun(self, item: Message, response_id: str) -> list[ModelEvent]:
        """An item begins; if it is a call, and says of which tool, this is its start."""
        call_id, name = name_or_none(item, "call_id"), name_or_none(item, "name")
        if item.get("type") != "function_call" or call_id is None or name is None or call_id in self._begun or call_id in self._made:
            return []
        self._begun[call_id] = response_id
        return [ToolStart(call_id, name, response_id)]

    def arguments(self, message: Message) -> list[ModelEvent]:
        """A piece of the arguments of a call."""
        call_id = name_or_none(message, "call_id")
        return [] if call_id is None else [ToolDelta(call_id, text(message, "delta", ""))]

    def announced(self, message: Message, response_id: str) -> None:
        """The arguments of a call are whole."""
        call_id, name = name_or_none(message, "call_id"), name_or_none(message, "name")
        if call_id is not None and name is not None and call_id not in self._made:
            self._announced[call_id] = ToolCall(call_id, name, text(message, "arguments", ""), response_id)

    def item_done(self, item: Message, response_id: str) -> list[ModelEvent]:
        """An item is done; the call that it is, if it is one and was not cut short."""
        call_id, name = name_or_none(item, "call_id"), name_or_none(item, "name")
        if item.get("type") != "function_call" or call_id is None or name is None:
            return []
        announced = self._announced.pop(call_id, None)
        was_begun = self._begun.pop(call_id, None) is not None
        if call_id in self._made:
            return []
        if text(item, "status", "completed") != "completed":
            return [ToolCancelled(call_id)] if was_begun else []
        self._made[call_id] = True
        arguments = text(item, "arguments", "") or (announced.arguments if announced else "")
        return [ToolCall(call_id, name, arguments, response_id)]

    def response_done(self, response: Message, response_id: str, *, completed: bool) -> list[ModelEvent]:
        """A response is over; its calls that nobody has heard of yet."""
        calls = [event for item in parts(response, "output") for event in self.item_done(item, response_id)]
        late = [call for call in self._announced.values() if call.response_id == response_id]
        for call in late:
            del self._announced[call.call_id]
            if completed and call.call_id not in self._made:
                self._made[call.call_id] = True
                self._begun.pop(call.call_id, None)
                calls.append(call)
        unfinished = [call_id for call_id, response in self._begun.items() if response == response_id]
        for call_id in unfinished:
            del self._begun[call_id]
        return [*calls, *map(ToolCancelled, unfinished)]

    def answered(self, call_id: str) -> bool:
        """A call has its result; whether it waited for one."""
        waited = self._made.get(call_id, False)
        if waited:
            self._made[call_id] = False
        return waited
