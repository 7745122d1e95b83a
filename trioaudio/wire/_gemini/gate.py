"""The gate in front of a question: whoever asks Gemini something while it answers cuts the answer short.

Theory of operation. What is asked for waits until no answer is being made and none is awaited. Results of tools wait for nobody,
for the server may wait for them; they too make an answer. So the next answer that begins is the oldest that was asked for.
"""

from __future__ import annotations

from collections import deque

from ..._errors import LocalProtocolError
from .._json import Message

MAX_OWED = 64
"""Questions that may wait; more is an app that asks without listening."""


class QuestionGate:
    """Lets one question through at a time."""

    def __init__(self) -> None:
        self.active = False
        """Whether an answer is being made."""
        self.expected = 0
        """Answers that were asked for and have not begun."""
        self._owed: deque[Message] = deque()

    def ask(self, question: Message) -> None:
        """Owe this question.

        Raises:
            LocalProtocolError: too many wait already.
        """
        if len(self._owed) >= MAX_OWED:
            raise LocalProtocolError(f"{MAX_OWED} answers are waited for already; wait for some of them")
        self._owed.append(question)

    def expect(self) -> None:
        """Something was sent that will be answered."""
        self.expected += 1

    def release(self) -> list[Message]:
        """The question that may be asked now, if there is one."""
        if self.active or self.expected or not self._owed:
            return []
        self.expect()
        return [self._owed.popleft()]

    def begun(self) -> bool:
        """An answer begins; whether it was asked for."""
        requested, self.active = self.expected > 0, True
        self.expected = max(self.expected - 1, 0)
        return requested

    def done(self) -> None:
        """The answer is over."""
        self.active = False
