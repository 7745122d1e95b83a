"""A realtime model that listens: it says when somebody speaks, and answers what was said with three seconds of sound."""

from __future__ import annotations

import math
import socket
import time

from soak.callers import Phone, name_in
from telephone_world import DELTA, SPEAKS, SPEED, Session, World

SILENCE = 0.5
"""Seconds after which a sentence is over."""
UNSPOKEN = b"\xff"
"""A sample of silence."""


class Attentive(Session):
    """One session.

    Args:
        phones: who calls; which of them it hears, the first sentence says.
        world, sock: as for `Session`.
    """

    def __init__(self, phones: list[Phone], world: World, sock: socket.socket) -> None:
        super().__init__(world, sock)
        self._phones = phones
        self._phone: Phone | None = None
        self._loud_until = math.inf
        self._speaking = False
        self._answer = 0

    def _find_caller(self, path: str) -> None:
        """There is nothing in the path that would tell."""

    def _configured(self) -> None:
        """It waits to be spoken to."""

    def _hear(self, sound: bytes) -> None:
        now = time.monotonic()
        if sound := sound.strip(UNSPOKEN):  # of a server that is behind, more than one frame comes at once
            self._loud_until = now
            if not self._speaking:
                if number := name_in(sound):
                    self._phone = self._phones[number - 1]
                    self._phone.understood()
                self._begin_sentence()
        elif self._speaking and now - self._loud_until > SILENCE:
            self._end_sentence(now)

    def _begin_sentence(self) -> None:
        self._speaking, self._turn, self._answer = True, self._turn + 1, 0
        self._say("input_audio_buffer.speech_started", audio_start_ms=0, item_id=f"user_{self._turn}")

    def _end_sentence(self, now: float) -> None:
        self._speaking, self._answer = False, self._turn
        user, response, item = f"user_{self._turn}", f"resp_{self._turn}", f"item_{self._turn}"
        self._say("input_audio_buffer.speech_stopped", audio_end_ms=0, item_id=user)
        self._say("input_audio_buffer.committed", item_id=user)
        self._say("response.created", response={"id": response, "status": "in_progress", "output": []})
        self._say("response.output_item.added", response_id=response, output_index=0, item={"id": item, "type": "message"})
        for number in range(most := round(SPEAKS / DELTA)):
            self._world.at(now + number * DELTA / SPEED, lambda number=number: self._go_on(response, item, number, most))  # type: ignore[misc]

    def _go_on(self, response: str, item: str, number: int, most: int) -> None:
        if response != f"resp_{self._answer}":
            return
        if not number and self._phone is not None:
            self._phone.spoke_at = time.monotonic()
        self._delta(response, item, first=False)
        if number == most - 1:
            self._say("response.output_audio.done", response_id=response, item_id=item, output_index=0, content_index=0)
            self._say("response.done", response={"id": response, "status": "completed", "output": []})
