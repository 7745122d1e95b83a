"""One turn of an emulated agent: its words, then its audio in pieces, faster than it sounds, then the tools it calls."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable

from ...audio import Frame
from .._json import Message
from .reply import ElevenLabsReply

PIECE = 0.25
"""Length of a piece of audio, in seconds."""


class TurnMaker:
    """Makes a turn, one piece at each `step`; ``say`` is given the messages.

    Args:
        event_id: the number of the turn, or of its first piece if each has its own (``numbers_pieces``).
        speed: how much faster than it sounds audio is sent.
    """

    def __init__(
        self,
        reply: ElevenLabsReply,
        event_id: int,
        sound: Frame | None,
        say: Callable[..., None],
        *,
        speed: float,
        numbers_pieces: bool,
    ) -> None:
        self.reply, self.event_id = reply, event_id
        self.plays_until = -math.inf
        """When the client must have heard all that was sent."""
        self._say, self._speed, self._numbers_pieces = say, speed, numbers_pieces
        self._length = 0.0 if sound is None else sound.duration
        self._pieces = deque(sound.split(round(PIECE * sound.format.rate)) if sound is not None else ())
        self._began: float | None = None

    def step(self, now: float) -> float | None:
        """Say the next piece; seconds until the one after it, None when the turn is over."""
        if self._began is None:
            self._began = self.plays_until = now
            if self.reply.text:
                self._say("agent_response", agent_response_event={"agent_response": self.reply.text, "event_id": self.event_id})
        elif self._numbers_pieces and self._pieces:
            self.event_id += 1
        if not self._pieces:
            return None
        piece = self._pieces.popleft()
        self.plays_until = max(self.plays_until, now) + piece.duration
        self._say("audio", audio_event={"audio_base_64": piece.base64, "event_id": self.event_id})
        return piece.duration / self._speed

    def calls(self, new_id: Callable[[], str]) -> list[str]:
        """Call the tools of the reply; their ids."""
        ids = [new_id() for _ in self.reply.calls]
        for call_id, call in zip(ids, self.reply.calls, strict=True):
            about = {"tool_name": call.name, "tool_call_id": call_id, "parameters": json.loads(call.arguments), "event_id": self.event_id}
            self._say("client_tool_call", client_tool_call=about)
        return ids

    def heard(self, now: float) -> str:
        """The words that the client has heard by now, as reckoned from the time that has passed."""
        words = self.reply.text.split()
        passed = 0.0 if self._began is None else now - self._began
        share = min(1.0, passed / self._length) if self._length else 1.0
        return " ".join(words[: round(share * len(words))]) + ("..." if share < 1 else "")

    def correction(self, now: float) -> Message:
        """What an ``agent_response_correction`` says."""
        return {"original_agent_response": self.reply.text, "corrected_agent_response": self.heard(now), "event_id": self.event_id}
