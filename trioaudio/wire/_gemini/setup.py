"""The setup of a Gemini Live session: its one first message, and as little in it as will do.

Which fields a model takes differs from one to the next, and one too many ends the connection: so nothing is said that is the
model's own default.

Source: Gemini Live API reference (``BidiGenerateContentSetup``), and the typed models of google-genai 3.4, read 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any, Literal, TypeAlias, get_args

from ..._agent import Agent, TurnDetection
from .._json import Message
from .._option_checks import overridden, require_choice, require_kind, require_range
from .tools import written_tools

Content: TypeAlias = Literal["auto", "turns", "realtime"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GeminiOptions:
    """How a session is to be, beyond what any agent says; what is None is left to the server.

    Args:
        content: how text reaches the model: ``turns`` as Gemini 2 takes it, ``realtime`` as Gemini 3 does; by its name, unless told.
        language: the language it speaks, as BCP 47, such as en-US.
        temperature: 0 to 2.
        max_output_tokens: the longest answer.
        prefix_ms: how much speech it takes until an utterance has begun, in milliseconds.
        resumption: ask for handles with which another connection can go on.
        history: let this connection be told of a conversation that went before.
        compress: let the beginning of a long conversation be forgotten; without it, a call may last 15 minutes.
        voice_activity: ask for news of the caller's speech (Vertex AI only).
        search: let the model search the web.

    Raises:
        OptionError: a value is out of its range.
    """

    content: Content = "auto"
    language: str | None = None
    temperature: float | None = None
    max_output_tokens: int | None = None
    prefix_ms: int | None = None
    resumption: bool = True
    history: bool = True
    compress: bool = False
    voice_activity: bool = False
    search: bool = False

    def __post_init__(self) -> None:
        require_choice("gemini", "content", self.content, get_args(Content))
        require_kind("gemini", "language", self.language, (str, NoneType))
        require_range("gemini", "temperature", self.temperature, 0, 2)
        require_range("gemini", "max_output_tokens", self.max_output_tokens, 1, 65_536, whole=True)
        require_range("gemini", "prefix_ms", self.prefix_ms, 0, 10_000, whole=True)
        for name in ("resumption", "history", "compress", "voice_activity", "search"):
            require_kind("gemini", name, getattr(self, name), bool)

    def overridden(self, options: Mapping[str, object]) -> GeminiOptions:
        """The same with some values changed, as `Agent.provider_options` has them.

        Raises:
            OptionError: a name is unknown, or a value out of its range.
        """
        return overridden("gemini", self, options)

    def takes_turns(self, model: str) -> bool:
        """Whether this model takes text as turns of the conversation; those since Gemini 3 close the connection over one."""
        return self.content == "turns" or (self.content == "auto" and "gemini-2" in model)


def resource_name(model: str) -> str:
    """A model as the API names it: ``models/gemini-3.8-live``; a whole path, as Vertex AI has it, stays as it is."""
    return model if "/" in model else f"models/{model}"


def setup_object(model: str, agent: Agent, options: GeminiOptions, resume_token: str | None) -> Message:
    """The ``setup`` of a session."""
    tools = [{"functionDeclarations": written_tools(agent.tools)}] if agent.tools else []
    searches: list[Message] = [{"googleSearch": {}}] if options.search else []
    return _given(
        model=resource_name(model),
        generationConfig=_generation(agent, options),
        systemInstruction={"parts": [{"text": agent.instructions}]} if agent.instructions else None,
        tools=[*tools, *searches] or None,
        realtimeInputConfig=_realtime_input(agent.turn_detection, options) or None,
        inputAudioTranscription={} if agent.transcribe else None,
        outputAudioTranscription={} if agent.transcribe else None,
        sessionResumption=_given(handle=resume_token) if options.resumption or resume_token else None,
        contextWindowCompression={"slidingWindow": {}} if options.compress else None,
        historyConfig={"initialHistoryInClientContent": True} if options.history and not options.takes_turns(model) else None,
        explicitVadSignal=options.voice_activity or None,
    )


def _generation(agent: Agent, options: GeminiOptions) -> Message:
    voice = agent.voice and {"prebuiltVoiceConfig": {"voiceName": agent.voice}}
    speech = _given(voiceConfig=voice, languageCode=options.language)
    return _given(
        responseModalities=["AUDIO"],
        temperature=options.temperature,
        maxOutputTokens=options.max_output_tokens,
        speechConfig=speech or None,
    )


def _realtime_input(turns: TurnDetection, options: GeminiOptions) -> Message:
    """Manual turns never interrupt: the audio of a call goes on after a commit, and would stop each answer at once."""
    if turns.mode == "manual":
        return {"automaticActivityDetection": {"disabled": True}, "activityHandling": "NO_INTERRUPTION"}
    detection = _given(
        startOfSpeechSensitivity=_sensitivity(turns.threshold),
        endOfSpeechSensitivity={"low": "END_SENSITIVITY_LOW", "high": "END_SENSITIVITY_HIGH"}.get(turns.eagerness or ""),
        prefixPaddingMs=options.prefix_ms,
        silenceDurationMs=None if turns.silence_ms is None else round(turns.silence_ms),
    )
    return _given(automaticActivityDetection=detection or None, activityHandling=None if turns.interrupt else "NO_INTERRUPTION")


def _sensitivity(threshold: float | None) -> str | None:
    """The service knows two: whoever wants speech to be loud wants the deafer one."""
    if threshold is None:
        return None
    return "START_SENSITIVITY_LOW" if threshold > 0.5 else "START_SENSITIVITY_HIGH"


def _given(**fields: Any) -> Message:
    return {name: value for name, value in fields.items() if value is not None}
