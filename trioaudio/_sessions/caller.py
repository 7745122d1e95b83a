"""What the far party says, presses and wishes, on its way to the model; and what it heard of what the model said."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import trio

from .._agent import KeyGroups
from .._events import SESSION_EVENTS, Closed, Commit, Dtmf, Event, Interrupt, Status, TextMessage, TurnInterrupted, TurnPlayed
from .._inbox import InboundAudio
from ..audio import Converter, Frame
from .keypad import Keypad
from .overheard import Overheard
from .session_end import SessionEnd

if TYPE_CHECKING:
    from .session import Session

log = logging.getLogger("trioaudio.session")


class Caller:
    """The far party, as a session's model hears of it.

    Args:
        session: tells the model.
        heard: the far party's audio.
    """

    def __init__(self, session: Session, heard: InboundAudio) -> None:
        self._session, self._channel, self._heard = session, session.channel, heard
        self._ear = Converter(session.channel.input_format, session.input_format)
        self._appending = False
        self._refused: Frame | None = None
        self._mistake: Exception | None = None
        dtmf = session.agent.dtmf
        self.keypad: Keypad | None = Keypad(dtmf, self._keys_pressed) if isinstance(dtmf, KeyGroups) else None

    def overheard(self) -> Overheard:
        """Listen to the channel for as long as the session lives."""
        session = self._session
        listeners: list[tuple[type[Event], Callable[..., object]]] = [
            (Commit, lambda _: session.commit()),
            (Interrupt, lambda _: self._wish_interrupt()),
            (Dtmf, self._key_pressed),
            (TextMessage, self._written),
            (TurnInterrupted, self._turn_interrupted),
            (TurnInterrupted, session._recovery.heard),
            (TurnPlayed, session._recovery.heard),
            *session._referee.listeners(),
            (Closed, lambda event: session._finish(SessionEnd("channel", event.reason.error))),
        ]
        relayed = [kind for kind in SESSION_EVENTS.values() if kind is not Status]
        return Overheard(self._channel, [*listeners, *((kind, session._dispatch.emit) for kind in relayed)])

    async def hear(self) -> None:
        """Let the model hear the far party, until it is gone."""
        with closing(self._heard):  # somebody else may read the channel when the session has ended
            await self._append_all()
        reason = await self._channel.wait_closed()
        self._session._finish(SessionEnd("channel", reason.error))

    async def _append_all(self) -> None:
        with self._heard.tapped(self._append_at_once):
            while True:
                try:
                    frame = await anext(self._heard)
                except (StopAsyncIteration, trio.BrokenResourceError):
                    return  # the call is over, perhaps since before there was anybody to hear the event `Closed`
                self._appending = True
                await self._append(frame)
                self._appending = False

    async def _append(self, frame: Frame) -> None:
        if self._mistake is not None:
            raise self._mistake
        heard, self._refused = self._refused or self._for_model(frame), None
        try:
            if heard.num_samples:
                self._session._model.append_nowait(heard)
        except trio.WouldBlock:
            await self._session._model.append(heard)

    def _append_at_once(self, frame: Frame) -> bool:
        """Append a frame in the step in which it comes; False: whoever reads has to do it, or to raise what went wrong."""
        if self._appending or self._mistake is not None:
            return False
        heard = None
        try:
            heard = self._for_model(frame)
            if heard.num_samples:
                self._session._model.append_nowait(heard)
        except trio.WouldBlock:
            self._refused = heard  # a converter must not see a frame twice
            return False
        except Exception as exc:  # noqa: BLE001 - a mistake of the model's is no mistake of the channel's, whose task this is
            self._mistake = exc
            return False
        return True

    def _for_model(self, frame: Frame) -> Frame:
        return self._ear.convert(_silenced(frame) if self._session._parting.has_begun else frame)

    def _turn_interrupted(self, event: TurnInterrupted) -> None:
        """Whoever interrupted: the model is told what was truly heard, once, and stops that answer if it is still being made.

        The figure is final a moment later, when the next answer may have begun: that one goes on.
        """
        session, mouth, item_id = self._session, self._session._mouth, event.receipt.item_id
        response_id = mouth.response_of(item_id)
        if item_id is not None and mouth.interrupted(item_id):
            begun_before = session._reader.has_begun_before(event.decided_at)  # in a moment it would talk on
            if begun_before or response_id in (None, session._answers.current):
                session._cancel_response()
            session._errands.tell(partial(session._model.truncate, item_id, event.receipt.heard), "truncate")

    def _wish_interrupt(self) -> None:
        if not self._session.protected:
            self._session.interrupt()

    def _key_pressed(self, event: Dtmf) -> None:
        if self.keypad is not None:
            self.keypad.press(event.digit)
        elif self._session.agent.dtmf == "text":
            self._keys_pressed(event.digit)

    def _written(self, event: TextMessage) -> None:
        """Who writes has taken the turn, as one who speaks."""
        self._wish_interrupt()
        self._session._errands.request(partial(self._session._model.send_text, event.text), words=event.text)

    def _keys_pressed(self, keys: str) -> None:
        """A caller who presses keys has taken the turn, as one who speaks: the model is told, and answers."""
        log.info("the caller pressed keys (%d)", len(keys))
        self._wish_interrupt()
        words = f"The caller pressed {keys}."
        self._session._errands.request(partial(self._session._model.send_text, words), words=words)


def _silenced(frame: Frame) -> Frame:
    return Frame.silence(frame.num_samples, frame.format, frame.media_time)
