"""The gate in front of ``response.create``: the server makes one response at a time and refuses a second.

Theory of operation.

    free --release--> requested --created--> active --done--> free
      \\                  |                     ^
       \\                 +--refused: free      |
        +--created (the server began it)-------+

What is asked for waits as *owed* until the gate is free. It also waits while the caller speaks, and after that until the
response which the server makes by itself has begun: a request in between would meet it. Should two cross all the same, the
server refuses ours ("already active") and it is owed again; that may turn out after the other response has come and gone, so
the last requests are remembered. Nothing that was asked for is forgotten, nor made twice.

Whose response begins is known by a tag in its metadata, where the server gives it back; one that never has may not know how to,
and there a response that begins while one is requested counts as that one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Literal, NamedTuple

from ..._errors import LocalProtocolError
from .._json import Message, name_or_none, part
from .errors import ALREADY_ACTIVE, MEANINGS, WireError

MAX_OWED = 64
"""Requests that may wait; more is an app that asks without listening."""
REMEMBERED = 8
"""Requests whose refusal may still arrive."""


TAG = "trioaudio"
"""Where in the metadata of a response stands which request it answers."""


def tag_untrusted(response: Message) -> str | None:
    """Which request a response answers, if it says so.

    Raises:
        RemoteProtocolError: the metadata is of the wrong type.
    """
    return name_or_none(part(response, "metadata"), TAG)


class Request(NamedTuple):
    """A response that somebody wants: its parameters, and whether the app asked for it in so many words; once sent, the id it has."""

    wanted: Message
    asked: bool
    event_id: str = ""


class ResponseGate:
    """Lets one ``response.create`` through at a time.

    Args:
        new_id: makes ids for our messages.
        correlates: requests are tagged.
    """

    def __init__(self, new_id: Callable[[], str], *, correlates: bool = True) -> None:
        self._new_id, self._correlates = new_id, correlates
        self.state: Literal["free", "requested", "active"] = "free"
        self.response_id: str | None = None
        """The response that is being made; None too while it is not known."""
        self._owed: deque[Request] = deque()
        self._sent: deque[Request] = deque(maxlen=REMEMBERED)
        self._listening = self._expecting = self._tags_come_back = False

    @property
    def owed(self) -> int:
        """Requests that wait."""
        return len(self._owed)

    def ask(self, wanted: Message, *, asked: bool = True) -> None:
        """Owe a response with these parameters.

        Raises:
            LocalProtocolError: too many wait already.
        """
        if len(self._owed) >= MAX_OWED:
            raise LocalProtocolError(f"{MAX_OWED} responses are asked for and wait their turn; let the model answer first")
        self._owed.append(Request(wanted, asked))

    def release(self) -> list[Message]:
        """The request whose turn it is, if one is."""
        if self.state != "free" or self._listening or self._expecting or not self._owed:
            return []
        sent = self._owed.popleft()._replace(event_id=self._new_id())
        self._sent.append(sent)
        self.state = "requested"
        tag = {"metadata": {TAG: sent.event_id}} if self._correlates else {}
        parameters = {**sent.wanted, **tag}
        return [{"type": "response.create", "event_id": sent.event_id, **({"response": parameters} if parameters else {})}]

    def speech_started(self) -> None:
        """The caller speaks: nobody else does now."""
        self._listening, self._expecting = True, False

    def speech_stopped(self, answered: bool) -> None:
        """The caller is done; ``answered`` when the server answers by itself."""
        self._listening, self._expecting = False, answered and self.state == "free"

    def nothing_expected(self) -> None:
        """The server will not answer by itself after all, or is not known to."""
        self._listening = self._expecting = False

    def created(self, response_id: str | None, tag: str | None = None) -> bool:
        """A response has begun, and one that never ended ends now; whether it is, or is likely to be, one that was asked for."""
        answered = self._answered_by(tag)
        self.state, self.response_id, self._expecting = "active", response_id, False
        return answered is not None and answered.asked

    def _answered_by(self, tag: str | None) -> Request | None:
        if tag is not None:
            self._tags_come_back = True
            return next((sent for sent in self._sent if sent.event_id == tag), None)
        return self._sent[-1] if self.state == "requested" and not self._tags_come_back else None

    def done(self, response_id: str | None) -> bool:
        """A response is over; whether it was the one at the gate."""
        known = response_id is not None and self.response_id is not None
        if self.state == "free" or (known and response_id != self.response_id):
            return False
        self.state, self.response_id = "free", None
        return True

    def refused(self, error: WireError) -> Request | None:
        """The server reports an error; the request of ours that it refuses, if it does. One that met another response is owed again."""
        sent = self._refused_by(error)
        if sent is None:
            return None
        is_last = sent is self._sent[-1]
        self._sent.remove(sent)
        if error.code == ALREADY_ACTIVE:
            self._owed.appendleft(sent)
        if is_last and self.state == "requested":
            self.state = "active" if error.code == ALREADY_ACTIVE else "free"
        return sent

    def _refused_by(self, error: WireError) -> Request | None:
        """Where the server does not say which message it refuses, it is ours if it can be: a gate that stays shut is worse."""
        if error.event_id is not None:
            return next((sent for sent in self._sent if sent.event_id == error.event_id), None)
        is_another_race = MEANINGS.get(error.code) == "race" and error.code != ALREADY_ACTIVE
        is_ours = bool(self._sent) and not is_another_race and (self.state == "requested" or error.code == ALREADY_ACTIVE)
        return self._sent[-1] if is_ours else None
