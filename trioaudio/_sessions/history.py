"""The conversation so far, as it was heard: what another connection is told of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from .._history import Called, HistoryItem, Returned, Said

WORD_ENDS = " \t\n.,;:!?"
"""What a text may be cut before or after."""


@dataclass(slots=True)
class _Caller:
    """Something the caller said; its words may come late, or never."""

    item_id: str | None
    text: str = ""

    def items(self) -> list[HistoryItem]:
        return [Said("caller", self.text)] if self.text.strip() else []

    def has_name(self, item_id: str) -> bool:
        return self.item_id == item_id


@dataclass(slots=True)
class _Agent:
    """Something the agent says, in words, in samples received, and in samples heard once that is known."""

    item_id: str
    text: str = ""
    whole: bool = False
    received: int = 0
    heard: int | None = None
    of_now: bool = True
    """Whether its connection is the present one: another one may give its name to something else."""

    def items(self) -> list[HistoryItem]:
        share = 1.0 if self.heard is None or not self.received else min(self.heard / self.received, 1.0)
        text = words_heard(self.text, share)
        return [Said("agent", text)] if text else []

    def has_name(self, item_id: str) -> bool:
        return self.of_now and self.item_id == item_id


@dataclass(slots=True)
class _Tool:
    """A call, told of when it has returned: nobody can make use of a question without its answer."""

    called: Called
    returned: Returned | None = None

    def items(self) -> list[HistoryItem]:
        return [self.called, self.returned] if self.returned is not None else []

    def has_name(self, item_id: str) -> bool:
        return False  # its items have names that nobody was told


E = TypeVar("E", _Caller, _Agent, _Tool)


@dataclass(slots=True)
class History:
    """Keeps a conversation in the order in which it came about.

    Args:
        bound: items that are kept; past that the oldest go.
    """

    bound: int
    _entries: list[_Caller | _Agent | _Tool] = field(default_factory=list)

    def items(self) -> list[HistoryItem]:
        """The conversation, of the agent only what was heard, or will be when what has been received has been played."""
        return [item for entry in self._entries for item in entry.items()]

    # ---- the app

    def add(self, item: HistoryItem) -> None:
        """Something that was put into the conversation."""
        match item:
            case Said("caller", text):
                self.caller_wrote(text)
            case Said(_, text):
                self._add(_Agent("", text, whole=True, of_now=False))
            case Called():
                self._add(_Tool(item))
            case Returned(call_id, output, error):
                self.returned(call_id, output, error=error)

    def deleted(self, item_id: str) -> None:
        """An item is no more: nobody is to be told of it."""
        self._entries = [entry for entry in self._entries if not entry.has_name(item_id)]

    # ---- the caller

    def caller_spoke(self, item_id: str | None) -> None:
        """An utterance is complete; its words are to stand here when they are known."""
        if item_id is None or self._newest(_Caller, lambda entry: entry.item_id == item_id) is None:
            self._add(_Caller(item_id))

    def caller_said(self, item_id: str | None, text: str) -> None:
        """What the caller said, in words."""
        entry = self._newest(_Caller, lambda entry: entry.item_id == item_id and (item_id is not None or not entry.text))
        if entry is None:
            self._add(_Caller(item_id, text))
        else:
            entry.text = text

    def caller_wrote(self, text: str) -> None:
        """What the app said to the model on the caller's behalf."""
        self._add(_Caller(None, text))

    # ---- the agent

    def agent_spoke(self, item_id: str, num_samples: int) -> None:
        """Audio of an item was received."""
        self._agent(item_id).received += num_samples

    def agent_says(self, item_id: str, text: str, *, whole: bool) -> None:
        """A piece of what an item says in words, or (``whole``) all of it."""
        entry = self._agent(item_id)
        entry.text = text if whole else entry.text if entry.whole else entry.text + text
        entry.whole = entry.whole or whole

    def agent_was_heard_to_say(self, item_id: str, text: str) -> None:
        """The words of an item that were heard, as the provider reckons: nothing is to be taken off them."""
        entry = self._agent(item_id)
        entry.text, entry.whole, entry.received = text, True, 0

    def agent_was_heard(self, item_id: str | None, num_samples: int) -> None:
        """So much of an item was heard, and no more will be."""
        fits = (entry for entry in self._entries if isinstance(entry, _Agent) and entry.item_id == item_id and entry.heard is None)
        if (entry := next(fits, None)) is not None:
            entry.heard = num_samples

    def connection_lost(self) -> None:
        """Names of items mean something else from now on."""
        for entry in self._entries:
            if isinstance(entry, _Caller):
                entry.item_id = None
                entry.text = entry.text or " "  # nobody will say the words any more
            elif isinstance(entry, _Agent):
                entry.of_now = False

    # ---- tools

    def called(self, call_id: str, tool: str, arguments: str) -> None:
        """The model called a tool."""
        self._add(_Tool(Called(call_id, tool, arguments)))

    def returned(self, call_id: str, output: str, *, error: bool) -> None:
        """What came of it."""
        entry = self._newest(_Tool, lambda entry: entry.called.call_id == call_id)
        if entry is not None:
            entry.returned = Returned(call_id, output, error)

    # ---- inside

    def _agent(self, item_id: str) -> _Agent:
        entry = self._newest(_Agent, lambda entry: entry.item_id == item_id and entry.of_now)
        if entry is None:
            entry = _Agent(item_id)
            self._add(entry)
        return entry

    def _newest(self, kind: type[E], fits: Callable[[E], bool]) -> E | None:
        return next((entry for entry in reversed(self._entries) if isinstance(entry, kind) and fits(entry)), None)

    def _add(self, entry: _Caller | _Agent | _Tool) -> None:
        self._entries.append(entry)
        if len(self._entries) > self.bound:
            del self._entries[0]


def words_heard(text: str, share: float) -> str:
    """The words of a text of which this share was heard: whole ones only, as if all letters took equally long."""
    end = round(len(text) * share)
    if end < len(text):
        while end > 0 and text[end] not in WORD_ENDS and text[end - 1] not in WORD_ENDS:
            end -= 1
    return text[:end].strip()
