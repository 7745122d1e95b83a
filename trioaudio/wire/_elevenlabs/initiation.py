"""The first message to an ElevenLabs agent: what of its settings is to be different in this conversation, and nothing else.

An agent is configured at the provider: its formats, its tools and how it takes turns are settings that no conversation can
change. What one can change, the agent's owner must have allowed, or the connection is refused. So only what somebody asked
for is said.

Source: the vendor's AsyncAPI file of the agents websocket (``ConversationInitiation``), read 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from ..._agent import Agent
from ..._errors import OptionError
from ..._spelling import suggest
from .._json import Message
from .formats import DEFAULT, format_named

UNDERSTOOD = (
    *("conversation_initiation_metadata", "ping", "audio", "interruption", "user_transcript", "tentative_user_transcript"),
    *("agent_response", "agent_response_correction", "agent_response_complete", "client_tool_call", "vad_score"),
    "guardrail_triggered",
)
"""Events that a session can make something of."""
_FORMATS = ("input_format", "output_format")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationOptions:
    """How a conversation is to be, beyond what an `Agent` says; what is None is left to the agent's settings.

    Args:
        input_format: what the agent is set to hear, by the provider's name.
        output_format: what it is set to speak.
        language: what it speaks and expects, such as ``en``.
        user_id: who talks with it, for the provider's records.
        speed: how fast it speaks, 0.7 to 1.2.
        stability: how even its voice is, 0 to 1.
        all_events: ask for every event that a session can make something of, whatever the agent's settings say.

    Raises:
        OptionError: a value cannot be.
    """

    input_format: str = DEFAULT
    output_format: str = DEFAULT
    language: str | None = None
    user_id: str | None = None
    speed: float | None = None
    stability: float | None = None
    all_events: bool = False

    def __post_init__(self) -> None:
        for name in _FORMATS:
            format_named(getattr(self, name), name)
        for name in ("language", "user_id"):
            _require(name, getattr(self, name), lambda value: isinstance(value, str) and bool(value), "a text")
        _require("speed", self.speed, lambda value: _is_number(value, 0.7, 1.2), "a number from 0.7 to 1.2")
        _require("stability", self.stability, lambda value: _is_number(value, 0.0, 1.0), "a number from 0 to 1")
        _require("all_events", self.all_events, lambda value: isinstance(value, bool), "true or false")

    def overridden(self, options: Mapping[str, object]) -> ConversationOptions:
        """The same with some values changed, as `Agent.provider_options` has them.

        Raises:
            OptionError: a name is unknown or one that is fixed when the model is opened, or a value cannot be.
        """
        known = [each.name for each in fields(self) if each.name not in _FORMATS]
        for name in options:
            if name in _FORMATS:
                raise OptionError(f"elevenlabs: {name} is given when the model is opened: elevenlabs:AGENT_ID?{name}=...")
            if name not in known:
                raise OptionError(f"elevenlabs has no option {name!r}{suggest(name, known)} (there are {', '.join(known)})")
        return replace(self, **options)  # type: ignore[arg-type]  # checked by `__post_init__`


def _require(name: str, value: object, fine: Any, kind: str) -> None:
    if value is not None and not fine(value):
        raise OptionError(f"elevenlabs: {name}={value!r} is not {kind}")


def _is_number(value: object, least: float, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


def initiation(agent: Agent, options: ConversationOptions) -> Message:
    """The ``conversation_initiation_client_data`` for an agent of ours."""
    override = _given(
        agent=_given(
            prompt={"prompt": agent.instructions} if agent.instructions else None,
            first_message=agent.greeting,
            language=options.language,
        ),
        tts=_given(voice_id=agent.voice, speed=options.speed, stability=options.stability),
        conversation=_given(client_events=list(UNDERSTOOD) if options.all_events else None),
    )
    said = _given(
        conversation_config_override=override,
        dynamic_variables={name: _variable(value) for name, value in agent.variables.items()},
    )
    return {"type": "conversation_initiation_client_data", **said, **({"user_id": options.user_id} if options.user_id else {})}


def _variable(value: object) -> object:
    return value if isinstance(value, str | int | float | bool) else str(value)


def _given(**fields: Any) -> Message:
    """What is there; an empty text is, for a greeting: then the agent waits for the caller."""
    return {name: value for name, value in fields.items() if value is not None and value != {}}
