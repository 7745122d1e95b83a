"""What the caller said, in words, at its moment: a server that does not really understand it tells how long it was."""

from __future__ import annotations

from ...audio import Frame
from .._json import Message
from .options import TranscribedAt
from .outbox import Outbox

_LOST: Message = {"type": "server_error", "code": "transcription_failed", "message": "It could not be understood.", "param": None}


class Transcripts:
    """Words that have not been said yet; ``moment`` is when they are."""

    def __init__(self, outbox: Outbox, moment: TranscribedAt) -> None:
        self._outbox, self._moment = outbox, moment
        self._waiting: list[tuple[str, Frame]] = []

    def add(self, item_id: str, utterance: Frame) -> None:
        """The caller has said something."""
        self._waiting.append((item_id, utterance))
        if self._moment == "before":
            self.write()

    def answering(self) -> None:
        """An answer sounds."""
        if self._moment == "amid":
            self.write()

    def write(self) -> None:
        """Say all of it, now."""
        for item_id, utterance in self._waiting:
            self._write(utterance, item_id=item_id, content_index=0)
        self._waiting.clear()

    def _write(self, utterance: Frame, **about: object) -> None:
        kind = "conversation.item.input_audio_transcription"
        if self._moment == "fails":
            self._outbox.say(f"{kind}.failed", **about, error=_LOST)
            return
        words = f"({utterance.duration:.1f} s of speech)"
        self._outbox.say(f"{kind}.delta", **about, delta=words)
        self._outbox.say(f"{kind}.completed", **about, transcript=words, usage={"type": "duration", "seconds": utterance.duration})
