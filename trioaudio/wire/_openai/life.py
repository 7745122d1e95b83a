"""The life of an OpenAI Realtime session: when it exists, how it is configured, when it ends, and who refuses it for good.

A connection is worth nothing before the server has said so: key and model are checked after the websocket has opened. A rejected
configuration is discarded whole, and defaults stay in force: so the server's word is waited for, and its formats are compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal, TypeAlias

from ..._agent import Agent
from ..._errors import LocalProtocolError, OptionError
from ..._model_events import ModelEvent, SessionCreated, SessionUpdated
from ...audio import PCM16_24K, AudioFormat
from .._json import Message, name_or_none, number_or_none, part
from .dialect import Dialect
from .errors import MEANINGS, WireError
from .session import SessionOptions, expect_formats

Phase: TypeAlias = Literal["connecting", "created", "configuring", "ready", "refused"]


class SessionLife:
    """Where one session stands."""

    def __init__(self, options: SessionOptions, dialect: Dialect) -> None:
        self.phase: Phase = "connecting"
        self.refusal: WireError | None = None
        self.doom: WireError | None = None
        self.session_id: str | None = None
        self.expires_at: float | None = None
        self.assumed = 0
        self.agent, self.options = Agent(), options
        self.input_format = self.output_format = PCM16_24K
        self._dialect, self._common = dialect, options
        self._update_id = ""
        self._exists = False

    def configure(
        self, agent: Agent, input_format: AudioFormat, output_format: AudioFormat, update_id: str, *, spoken: bool, speaking: bool
    ) -> Message:
        """The session to ask for; errors as for `OpenAIWire.session_update`.

        Args:
            update_id: the message's.
            spoken: the model has spoken before.
            speaking: an answer is being made.
        """
        if self.phase not in ("created", "ready"):
            raise LocalProtocolError(f"a session is configured once it has been created; this one is {self.phase}")
        options = self._common.overridden(agent.provider_options)
        asked = self._changeable(agent, options, spoken=spoken, speaking=speaking)
        session = self._dialect.session(*asked, input_format, output_format)
        if self.phase == "created":
            self.input_format, self.output_format = input_format, output_format
            self.phase = "configuring"
        self.agent, self.options, self._update_id = agent, options, update_id
        return session

    def _changeable(self, agent: Agent, options: SessionOptions, *, spoken: bool, speaking: bool) -> tuple[Agent, SessionOptions]:
        """The same without what the server would refuse to hear of now."""
        if spoken:
            if agent.voice != self.agent.voice:
                raise OptionError("the voice cannot change any more once the model has spoken; open another session")
            agent = agent.replace(voice=None)
        if speaking:
            if options.speed != self.options.speed:
                raise OptionError("the speed changes between answers only; wait until the model has spoken")
            options = replace(options, speed=None)
        return agent, options

    def assume(self) -> list[ModelEvent]:
        """The server says nothing: go on as if it had said what is waited for."""
        if self.phase not in ("connecting", "configuring"):
            return []
        self.assumed += 1
        self.phase = "created" if self.phase == "connecting" else "ready"
        return [SessionUpdated(acknowledged=False)] if self.phase == "ready" else []

    def created(self, message: Message) -> list[ModelEvent]:
        """The session exists."""
        if self._exists or self.phase == "refused":
            return []
        self._exists, session = True, part(message, "session")
        self.phase = "created" if self.phase == "connecting" else self.phase
        self.session_id, self.expires_at = name_or_none(session, "id"), number_or_none(session, "expires_at")
        return [SessionCreated(self.session_id)]

    def updated(self, message: Message) -> list[ModelEvent]:
        """The session is as the message says.

        Raises:
            RemoteProtocolError: its formats are not those that were asked for.
        """
        session = part(message, "session")
        self.expires_at = number_or_none(session, "expires_at") or self.expires_at
        if self.phase not in ("configuring", "ready"):
            return []
        expect_formats(session, self.input_format, self.output_format)
        self.phase = "ready"
        return [SessionUpdated()]

    def failed(self, error: WireError) -> bool:
        """The server reports an error; whether it is a refusal of this session."""
        if error.meaning == "fatal":
            self.doom = error
        if self.phase == "connecting" or (self.phase == "configuring" and error.event_id in (None, self._update_id)):
            self.phase, self.refusal = "refused", error
        return self.refusal is error

    def answered(self) -> None:
        """The server has begun an answer: nothing is refused for good."""
        self.doom = None

    def refused_by(self, code: int | None, reason: str) -> str | None:
        """As `OpenAIWire.refused_by`."""
        if self.doom is not None:
            return f"{self.doom.message} ({self.doom.code})"
        kind, _, detail = reason.partition(".")
        is_fatal = kind == "invalid_request_error" or "fatal" in (MEANINGS.get(kind), MEANINGS.get(detail))
        return f"{reason} ({code})" if code in (3000, 4000) and is_fatal else None


LIFE: dict[str, Callable[[SessionLife, Message], list[ModelEvent]]] = {
    "session.created": SessionLife.created,
    "session.updated": SessionLife.updated,
}
"""The events that are read here, by their names."""
