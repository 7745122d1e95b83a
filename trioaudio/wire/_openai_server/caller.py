"""The caller, as an OpenAI Realtime server hears one: utterances, by speech detection or by the client's word, and long silence."""

from __future__ import annotations

import math
from collections import deque

from ...audio import Frame
from .._json import Message
from .answers import Answers
from .ears import Edge, InputBuffer
from .items import Conversation
from .outbox import Outbox
from .session import ServerSession
from .transcripts import Transcripts


class Caller:
    """Listens to what is appended, and lets it be answered."""

    def __init__(
        self, session: ServerSession, conversation: Conversation, answers: Answers, outbox: Outbox, transcripts: Transcripts, keeps: float
    ) -> None:
        self.utterances: deque[Frame] = deque()
        """What was said last, as long as ``keeps`` seconds altogether."""
        self._session, self._conversation, self._answers = session, conversation, answers
        self._outbox, self._transcripts, self._keeps = outbox, transcripts, keeps
        self._speech_item = ""
        self._spoke_after = -math.inf
        self._buffer = InputBuffer(session.input_format, session.turn_detection, 0)

    @property
    def due(self) -> float:
        """When it will have been silent for too long since the last answer was heard to its end."""
        detection, heard_until = self._session.turn_detection, self._answers.heard_until
        patience = detection.get("idle_timeout_ms") if detection else None
        if patience is None or self._answers.active is not None or heard_until <= self._spoke_after:
            return math.inf
        return heard_until + float(patience) / 1000

    def listen_anew(self) -> None:
        """Forget what is in the buffer; audio and turns may be of another kind from now on."""
        self._buffer = InputBuffer(self._session.input_format, self._session.turn_detection, self._buffer.end_ms)
        self._speech_item = ""

    def append(self, data: bytes, now: float) -> None:
        """Hear more of it."""
        format = self._session.input_format
        frame = Frame(data if len(data) % format.sample_bytes == 0 else data[: len(data) - len(data) % format.sample_bytes], format)
        for edge in self._buffer.append(frame):
            self._turned(edge, now)

    def commit(self) -> None:
        """What is in the buffer is an utterance: the client says so."""
        utterance = self._buffer.utterance()
        self._commit(self._speech_item or self._outbox.new_id("item"), utterance)
        self.listen_anew()

    def lose_patience(self, now: float) -> None:
        """It has been silent for too long: what there is of it is answered."""
        stop, waited_ms = self._buffer.end_ms, round((now - self._answers.heard_until) * 1000)
        self._spoke_after = self._answers.heard_until
        item_id = self._outbox.new_id("item")
        began = max(0, stop - waited_ms)
        self._outbox.say("input_audio_buffer.timeout_triggered", audio_start_ms=began, audio_end_ms=stop, item_id=item_id)
        self._commit(item_id, Frame.silence(0, self._session.input_format))
        self._answers.begin_when_free(now)

    def _turned(self, edge: Edge, now: float) -> None:
        detection = self._session.turn_detection
        assert detection is not None
        if edge.speaking:
            self._speech_item = self._outbox.new_id("item")
            self._outbox.say("input_audio_buffer.speech_started", audio_start_ms=edge.ms, item_id=self._speech_item)
            if detection["interrupt_response"]:
                self._answers.interrupt(now)
            self._spoke_after = self._answers.heard_until
            return
        self._outbox.say("input_audio_buffer.speech_stopped", audio_end_ms=edge.ms, item_id=self._speech_item)
        self._commit(self._speech_item, self._buffer.detected(edge.ms))
        if detection["create_response"]:
            self._answers.begin_when_free(now)
        else:
            self._transcripts.write()

    def _commit(self, item_id: str, utterance: Frame) -> None:
        self._speech_item = ""
        content = [{"type": "input_audio", "transcript": None}]
        item: Message = {"id": item_id, "object": "realtime.item", "type": "message", "status": "completed", "role": "user"}
        item["content"] = content
        previous = self._conversation.take_in(item, utterance if utterance.num_samples else None)
        self._outbox.say("input_audio_buffer.committed", previous_item_id=previous, item_id=item_id)
        self._outbox.say("conversation.item.added", previous_item_id=previous, item=item)
        self._outbox.say("conversation.item.done", previous_item_id=previous, item=item)
        if utterance.num_samples:
            self._remember(utterance)
            if self._session.transcribes:
                self._transcripts.add(item_id, utterance)

    def _remember(self, utterance: Frame) -> None:
        self.utterances.append(utterance)
        while sum(each.duration for each in self.utterances) > self._keeps:
            self.utterances.popleft()
