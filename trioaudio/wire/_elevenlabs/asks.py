"""What waits to be said to an ElevenLabs agent in text: each message is a turn of its own, and would cut an answer short."""

from __future__ import annotations

import math
from collections import deque

from ..._errors import LocalProtocolError

LONGEST_QUEUE = 16
"""Messages that may wait for their turn."""
PATIENCE = 22.0
"""How long an answer is waited for, in seconds; the provider gives its language model 20."""


class Asks:
    """Messages in line that ask for an answer each: one at a time, and none while the agent speaks."""

    def __init__(self) -> None:
        self._waiting: deque[str] = deque()
        self.due: float = math.inf
        """When the answer to the last one is given up."""

    @property
    def waiting(self) -> bool:
        """Whether a message waits for its turn."""
        return bool(self._waiting) and self.due == math.inf

    def ask(self, message: str) -> None:
        """Let a message be sent when its turn has come.

        Raises:
            LocalProtocolError: too many wait already.
        """
        if len(self._waiting) >= LONGEST_QUEUE:
            raise LocalProtocolError(f"{LONGEST_QUEUE} answers are asked for already; wait for them")
        self._waiting.append(message)

    def release(self, now: float, *, speaking: bool) -> list[str]:
        """The message whose turn it is, if there is one."""
        if speaking or not self._waiting or self.due < math.inf:
            return []
        self.due = now + PATIENCE
        return [self._waiting.popleft()]

    def expect(self, now: float) -> None:
        """An answer is waited for that was asked for in another way."""
        self.due = now + PATIENCE

    def answered(self) -> None:
        """An answer has begun."""
        self.due = math.inf

    def given_up(self, now: float) -> bool:
        """Whether the answer to the last message is not waited for any more, since now."""
        if now < self.due:
            return False
        self.due = math.inf
        return True
