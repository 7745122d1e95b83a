"""Tools over the Gemini Live protocol: how they are declared, and which results answer which calls.

Results are kept until the app lets the model go on, and then told in one message: the server answers by itself as soon as it has
them, and is to do so once.

Source: Gemini API reference (``FunctionDeclaration``, ``Schema``, ``FunctionResponse``), read 2026-11.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ..._errors import RemoteProtocolError
from ..._model_events import ModelEvent, ToolCall, ToolCancelled
from ..._tool import Tool
from .._json import Message, name_or_none, part, parts, text
from .._openai.memory import Remembered

MOST_CALLS = 64
"""Calls that are read of one message."""


def written_tools(tools: Iterable[Tool]) -> list[Message]:
    """Tools as a setup declares them; one that takes nothing is declared without parameters, for the server refuses empty ones."""
    declared = []
    for tool in tools:
        parameters: Any = json.loads(json.dumps(tool.parameters, default=dict))
        takes = {"parameters": written_schema(parameters)} if parameters.get("properties") else {}
        declared.append({"name": tool.name, "description": tool.description, **takes})
    return declared


def written_schema(schema: Mapping[str, Any]) -> Message:
    """A JSON schema in the words of the API, which knows fewer; what it has no word for is said in the description."""
    if "anyOf" in schema:
        return _one_of(schema)
    told = {name: schema[name] for name in ("description", "required") if schema.get(name)}
    if "enum" in schema:
        return {**told, **_choice(schema["enum"], schema.get("description", ""))}
    kind = schema.get("type", "string")
    if isinstance(kind, list):
        return _one_of({**schema, "anyOf": [{**schema, "type": each} for each in kind]})
    inside = {name: written_schema(each) for name, each in schema.get("properties", {}).items()}
    members = {"properties": inside} if inside else {}
    items = {"items": written_schema(schema.get("items", {}))} if kind == "array" else {}
    return {"type": kind.upper(), **told, **members, **items}


def _one_of(schema: Mapping[str, Any]) -> Message:
    choices = [each for each in schema["anyOf"] if each.get("type") != "null"]
    may_be_null = {"nullable": True} if len(choices) < len(schema["anyOf"]) else {}
    told = {"description": schema["description"]} if schema.get("description") else {}
    if len(choices) == 1:
        return {**written_schema(choices[0]), **told, **may_be_null}
    return {"anyOf": [written_schema(each) for each in choices], **told, **may_be_null}


def _choice(values: list[Any], description: str) -> Message:
    """Only texts can be listed."""
    if all(isinstance(value, str) for value in values):
        return {"type": "STRING", "enum": values}
    words = f"one of {', '.join(map(str, values))}"
    return {"type": "INTEGER" if all(isinstance(value, int) for value in values) else "STRING", "description": f"{description} ({words})"}


class _Open(NamedTuple):
    """A call without a result: the tool, and the id the server gave it, if it did."""

    tool: str
    their_id: str | None


class CallBook:
    """Which calls were made, and what came of them; each has one result. Ids that are made here begin with ``prefix``."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._numbers = itertools.count(1)
        self._open: Remembered[_Open] = Remembered()
        self._made: Remembered[None] = Remembered()
        self._results: list[Message] = []

    def called(self, message: Message, response_id: str) -> list[ModelEvent]:
        """The calls of a ``toolCall``; one that was announced already is none."""
        calls = [self._call(each, response_id) for each in parts(message, "functionCalls")[:MOST_CALLS]]
        return [call for call in calls if call is not None]

    def _call(self, call: Message, response_id: str) -> ToolCall | None:
        their_id, tool = name_or_none(call, "id"), name_or_none(call, "name")
        call_id = their_id or f"{self._prefix}call_{next(self._numbers)}"
        if tool is None or call_id in self._made:
            return None
        try:
            arguments = json.dumps(part(call, "args"))
        except RecursionError:
            raise RemoteProtocolError("the arguments of a call are nested too deeply") from None
        self._made[call_id] = None
        self._open[call_id] = _Open(tool, their_id)
        return ToolCall(call_id, tool, arguments, response_id)

    def cancelled(self, message: Message) -> list[ModelEvent]:
        """The calls of a ``toolCallCancellation`` that have no result yet."""
        ids = message.get("ids")
        if not isinstance(ids, list):
            return []
        known = [text({"id": each}, "id") for each in ids[:MOST_CALLS]]
        return [ToolCancelled(call_id) for call_id in known if self._open.pop(call_id, None) is not None]

    def returned(self, call_id: str, output: str, *, error: bool) -> bool:
        """A call has its result; whether it waited for one."""
        call = self._open.pop(call_id, None)
        if call is None:
            return False
        named = {"name": call.tool} if call.their_id is None else {"id": call.their_id, "name": call.tool}
        self._results.append({**named, "response": {"error" if error else "output": output}})
        return True

    def take_results(self) -> list[Message]:
        """The results that nobody has been told of yet."""
        taken, self._results = self._results, []
        return taken
