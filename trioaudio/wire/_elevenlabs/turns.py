"""What an ElevenLabs agent says, read into answers with a beginning and an end, which the protocol does not have.

Theory of operation. Audio comes with an ``event_id`` that grows from turn to turn (the documents) or from piece to piece (some
servers). So a new number alone begins no answer: it takes a sign that the turn has passed on, such as words of the caller, a
message of ours, or the words of another answer. There are four ways for an answer to end:

    - the agent says that it is complete, if its settings let it say so;
    - it calls a tool: what it says afterwards is another answer;
    - it was interrupted: what still comes up to that number goes nowhere, and is counted;
    - half a second after the last of it must have been heard, nothing more has come.

Source: the vendor's AsyncAPI file and Python SDK, read 2026-11.
"""

from __future__ import annotations

import binascii
import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..._errors import FormatError, RemoteProtocolError
from ..._model_events import (
    AudioDelta,
    AudioDone,
    ItemTruncated,
    ModelEvent,
    OutputTranscript,
    ResponseCreated,
    ResponseDone,
    ResponseInterrupted,
)
from ...audio import AudioFormat, Frame
from .._json import Message, count, part, text

GAP = 0.5
"""Seconds without audio, after all audio must have been heard, that end an answer."""
SOUND_PATIENCE = 5.0
"""How long audio is waited for when words of an answer have come, in seconds."""
MAX_ID = 2**53
"""The highest event id that is read."""
_REMEMBERED = 16

Status: TypeAlias = Literal["completed", "interrupted", "cancelled"]


@dataclass(slots=True)
class _Turn:
    number: int
    first_id: int
    last_id: int
    began: float
    due: float
    samples: int = 0
    plays_until: float = -math.inf
    has_words: bool = False
    odd: bytes = b""

    @property
    def response_id(self) -> str:
        return f"response-{self.number}"

    @property
    def item_id(self) -> str:
        return f"reply-{self.number}"


class AgentTurns:
    """Reads what the agent says, in ``format``."""

    def __init__(self, format: AudioFormat) -> None:
        self.late_audio = 0
        """Pieces of audio that came too late."""
        self._format = format
        self._turn: _Turn | None = None
        self._past: list[_Turn] = []
        self._numbers = 0
        self._interrupted = -1
        self._passed_on = self._cancelled = False
        self._sounds_until = -math.inf

    @property
    def due(self) -> float:
        """When the answer that is being made is over, if nothing more comes."""
        return self._turn.due if self._turn else math.inf

    @property
    def response_id(self) -> str | None:
        """The answer that is being made."""
        return self._turn.response_id if self._turn else None

    @property
    def sounds_until(self) -> float:
        """Until when the caller must be hearing the agent, if nothing more comes; for ever while an answer is being made."""
        return self._sounds_until if self._turn is None else math.inf

    def pass_on(self) -> None:
        """It is somebody else's turn: what the agent says next is another answer."""
        self._passed_on = True

    def advance(self, now: float) -> list[ModelEvent]:
        """It is ``now``; the answer that is being made may be over."""
        return self._end("completed") if now >= self.due else []

    def open(self, event_id: int, now: float) -> list[ModelEvent]:
        """An answer begins, if none is being made, whatever it will consist of."""
        return [] if self._turn is not None else self._begin(event_id, now)

    def audio(self, message: Message, now: float) -> list[ModelEvent]:
        """A piece of audio; none if it is late or empty."""
        event = part(message, "audio_event")
        event_id = count(event, "event_id", MAX_ID)
        if event_id <= self._interrupted or (self._cancelled and not self._passed_on):
            self.late_audio += 1
            return []
        begun = self._reach(event_id, now)
        assert self._turn is not None
        frame = self._frame(text(event, "audio_base_64", ""), self._turn)
        if not frame.num_samples:
            return begun
        self._count(self._turn, frame, now)
        return [*begun, AudioDelta(self._turn.item_id, frame, self._turn.response_id)]

    def words(self, message: Message, now: float) -> list[ModelEvent]:
        """The words of an answer, all of them."""
        event = part(message, "agent_response_event")
        event_id, said = count(event, "event_id", MAX_ID), text(event, "agent_response", "").strip()
        if (event_id and event_id <= self._interrupted) or (self._cancelled and not self._passed_on) or not said:
            return []
        if self._turn is not None and self._turn.has_words and event_id > self._turn.last_id:
            self._passed_on = True
        begun = self._reach(event_id, now)
        assert self._turn is not None
        self._turn.has_words = True
        return [*begun, OutputTranscript(self._turn.item_id, said)]

    def complete(self) -> list[ModelEvent]:
        """The answer that is being made is over."""
        return self._end("completed")

    def interrupted(self, message: Message, now: float) -> list[ModelEvent]:
        """The agent stopped, because it heard the caller; also when all has been sent and not all been heard."""
        event_id = count(part(message, "interruption_event"), "event_id", MAX_ID)
        self._interrupted, self._passed_on = max(self._interrupted, event_id), True
        if self._turn is not None and self._turn.first_id <= event_id:
            return self._end("interrupted", now)
        if self._turn is None and now < self._sounds_until:
            self._sounds_until = now
            return [ResponseInterrupted()]
        return []

    def corrected(self, message: Message) -> list[ModelEvent]:
        """What was heard of an interrupted answer, as the agent reckons from the time that has passed."""
        event = part(message, "agent_response_correction_event")
        event_id, heard = count(event, "event_id", MAX_ID), text(event, "corrected_agent_response", "").strip()
        turn = next((turn for turn in reversed(self._past) if turn.samples and turn.first_id <= event_id), None)
        if turn is None:
            return []
        ms = max(0.0, min(turn.samples / self._format.rate, turn.plays_until - turn.began)) * 1000
        return [OutputTranscript(turn.item_id, heard, corrected=True), ItemTruncated(turn.item_id, ms)]

    def cancel(self, now: float) -> list[ModelEvent]:
        """Nobody here wants to hear more of this answer; the agent cannot be told."""
        if self._turn is None:
            return []
        self._cancelled, self._passed_on = True, False
        return self._end("cancelled", now, passed_on=False)

    def _reach(self, event_id: int, now: float) -> list[ModelEvent]:
        """Something of this number has come: it belongs to the answer that is being made, or begins one."""
        turn = self._turn
        if turn is not None and not (self._passed_on and event_id > turn.last_id):
            turn.last_id = max(turn.last_id, event_id)
            turn.due = max(turn.due, now + GAP)
            return []
        return [*self._end("completed"), *self._begin(event_id, now)]

    def _begin(self, event_id: int, now: float) -> list[ModelEvent]:
        self._numbers += 1
        self._turn = _Turn(self._numbers, event_id, event_id, now, now + SOUND_PATIENCE)
        self._passed_on = self._cancelled = False
        return [ResponseCreated(self._turn.response_id)]

    def _count(self, turn: _Turn, frame: Frame, now: float) -> None:
        if not turn.samples:
            turn.began = now
        turn.samples += frame.num_samples
        turn.plays_until = self._sounds_until = max(turn.plays_until, now) + frame.duration
        turn.due = turn.plays_until + GAP

    def _end(self, status: Status, now: float = math.inf, *, passed_on: bool = True) -> list[ModelEvent]:
        turn, self._turn = self._turn, None
        if turn is None:
            return []
        if status != "completed":
            turn.plays_until = min(turn.plays_until, now)
            self._sounds_until = min(self._sounds_until, now)
        self._passed_on = passed_on
        self._past = [*self._past, turn][-_REMEMBERED:]
        interrupted: list[ModelEvent] = [ResponseInterrupted(turn.response_id)] if status == "interrupted" else []
        done: list[ModelEvent] = [AudioDone(turn.item_id)] if turn.samples else []
        return [*interrupted, *done, ResponseDone(turn.response_id, status)]

    def _frame(self, delta: str, turn: _Turn) -> Frame:
        """The audio of a message, undecoded unless it, or what came before, ends in the middle of a sample."""
        odd, turn.odd = turn.odd, b""
        try:
            if not odd and (len(delta) // 4 * 3 - delta.count("=", -2)) % self._format.sample_bytes == 0:
                return Frame.from_base64(delta, self._format, turn.samples)
            data = odd + binascii.a2b_base64(delta, strict_mode=True)
        except (FormatError, ValueError) as exc:
            raise RemoteProtocolError(f"the audio of an answer is unusable: {exc}") from None
        whole = len(data) - len(data) % self._format.sample_bytes
        turn.odd = data[whole:]
        return Frame(data[:whole], self._format, turn.samples)
