"""Responses beside the conversation of an OpenAI Realtime session: in text, heard by nobody, and no concern of the gate.

Theory of operation. An aside is a ``response.create`` with ``conversation: "none"``, tagged like any request. The response that
gives the tag back is its answer, and whatever carries that response's id is read here and nowhere else. A server that has never
given a tag back may not know how to: there a response without a conversation is taken for the oldest aside. Whoever waits must
not wait for ever, for a server may do neither.

Source: OpenAI API reference, ``response.create`` of the Realtime API, read 2026-11.
"""

from __future__ import annotations

from typing import NamedTuple

from ..._errors import LocalProtocolError
from .._json import MAX_TEXT, Message, name_or_none, part, parts, text
from .errors import WireError, error_untrusted
from .gate import TAG, tag_untrusted
from .memory import Remembered

MAX_ASIDES = 16
"""So many may be waited for at once."""
_TEXT = {"response.output_text.delta", "response.output_audio_transcript.delta"}


class AsideEnd(NamedTuple):
    """How an aside ended: with its text, or why without."""

    key: str
    text: str
    error: WireError | None = None


class AsideReader:
    """The asides of one connection."""

    def __init__(self) -> None:
        self._open: dict[str, str] = {}  # by key: the text so far; the oldest first
        self._forgotten: Remembered[None] = Remembered()
        self._responses: Remembered[str] = Remembered()  # by the id of a response: the key of its aside
        self._tags_come_back = False

    def ask(self, key: str, instructions: str) -> Message:
        """The parameters of the request with the id ``key``.

        Raises:
            LocalProtocolError: too many are open.
        """
        if len(self._open) >= MAX_ASIDES:
            raise LocalProtocolError(f"{MAX_ASIDES} answers aside are waited for already; wait for some of them")
        self._open[key] = ""
        about = {"instructions": instructions, "tool_choice": "none", "output_modalities": ["text"]}
        return {"conversation": "none", **about, "metadata": {TAG: key}}

    def forget(self, key: str) -> None:
        """Nobody waits for it any more."""
        if self._open.pop(key, None) is not None:
            self._forgotten[key] = None

    @property
    def idle(self) -> bool:
        """Whether there has never been one."""
        return not (self._open or self._responses or self._forgotten)

    def is_about(self, kind: str, message: Message) -> bool:
        """Whether a message is about an aside; to be asked of each, in order."""
        if kind == "response.created":
            return self._begins(part(message, "response"))
        response_id = name_or_none(part(message, "response"), "id") if kind == "response.done" else name_or_none(message, "response_id")
        return (response_id or "") in self._responses

    def read(self, kind: str, message: Message) -> list[AsideEnd]:
        """Read a message that is about one; how it ended, if it has."""
        if kind == "response.done":
            return self._ends(part(message, "response"))
        key = self._responses.get(name_or_none(message, "response_id") or "")
        if key in self._open and kind in _TEXT:
            self._open[key] = (self._open[key] + text(message, "delta", ""))[:MAX_TEXT]
        return []

    def refused(self, error: WireError) -> AsideEnd | None:
        """The server reports an error; the end of the aside that it is about, if it is about one."""
        key = error.event_id
        if key is None or (key not in self._open and key not in self._forgotten):
            return None
        self._open.pop(key, None)
        return AsideEnd(key, "", error)

    def _begins(self, response: Message) -> bool:
        key, response_id = self._key_of(response), name_or_none(response, "id")
        if key is None or response_id is None:
            return False
        self._responses[response_id] = key
        return True

    def _key_of(self, response: Message) -> str | None:
        tag = tag_untrusted(response)
        if tag is not None:
            self._tags_come_back = True
            return tag if tag in self._open or tag in self._forgotten else None
        apart = "conversation_id" in response and response["conversation_id"] is None
        if self._tags_come_back or not apart:
            return None
        return next((key for key in self._open if key not in self._responses.values()), None)

    def _ends(self, response: Message) -> list[AsideEnd]:
        key = self._responses[name_or_none(response, "id") or ""]
        if key not in self._open:
            return []
        said = self._open.pop(key) or _words(response)
        failed = None if text(response, "status", "completed") == "completed" else _why(response)
        return [AsideEnd(key, said, failed)]


def _words(response: Message) -> str:
    """What a response says in the end, where there were no pieces of it."""
    found = [part_ for item in parts(response, "output") for part_ in parts(item, "content")]
    return "".join(text(each, "text", "") or text(each, "transcript", "") for each in found)[:MAX_TEXT]


def _why(response: Message) -> WireError:
    details = response.get("status_details")
    details = details if isinstance(details, dict) else {}
    status = text(response, "status", "")[:100]
    if part(details, "error"):
        return error_untrusted(details)
    reason = text(details, "reason", "")[:100] or status
    return WireError(reason, f"the answer was {status}", "mistake", None)
