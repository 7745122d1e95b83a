"""xAI's voice agents: the OpenAI Realtime protocol with a session, formats and habits of its own.

`OpenAIWire` does the work; here its messages are put into xAI's words, and xAI's events into OpenAI's:

    - voice and turn detection stand at the top of a session; PCM comes at many rates;
    - the first event is ``session.created`` or ``conversation.created``, whichever comes first;
    - words of the caller come as all that is known so far, not as what is new;
    - an error is known by its words, for its codes are others;
    - a text can be spoken word for word (``force_message``), which is a response like any other.

Source: docs.x.ai, voice agent and ephemeral tokens, and adapters that work with the live service, read 2026-11.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from .._agent import Agent, TurnDetection
from .._errors import FormatError, OptionError, RemoteProtocolError
from ..audio import ALAW_8K, MULAW_8K, AudioFormat
from ._json import Message, name_or_none, part, text
from ._openai.dialect import Dialect
from ._openai.memory import Remembered
from ._openai.session import SessionOptions
from ._openai.tools import written_tools
from .openai import OpenAIWire

Effort: TypeAlias = Literal["high", "none"]

RATES = (24_000, 48_000, 44_100, 32_000, 22_050, 16_000, 11_025, 8_000)
FORMATS: tuple[AudioFormat, ...] = (*(AudioFormat("pcm16", rate) for rate in RATES), MULAW_8K, ALAW_8K)
"""What a voice agent can hear and speak, the best one first; the two directions are independent."""
QUIETEST, LOUDEST = 0.1, 0.9
"""Thresholds of speech that are taken; others are brought into this range."""
SLOWEST, FASTEST = 0.7, 1.5
SERVER_TOOLS = ("web_search", "x_search")
_TRANSCRIBED = "conversation.item.input_audio_transcription."
_VERBATIM = "force_message"


class XaiDialect(Dialect):
    """How xAI speaks on one connection.

    Args:
        reasoning: whether the model thinks before it speaks.
        searches: tools that the server has itself: ``web_search``, ``x_search``.

    Raises:
        OptionError: there is no such tool.
    """

    name: str = "xai"
    correlates: bool = False

    def __init__(self, *, reasoning: Effort | None = None, searches: tuple[str, ...] = ()) -> None:
        for search in searches:
            if search not in SERVER_TOOLS:
                raise OptionError(f"xai: there is no search {search!r}; there are {', '.join(SERVER_TOOLS)}")
        self._reasoning, self._searches = reasoning, searches
        self._formats: tuple[AudioFormat, AudioFormat] | None = None
        self._guesses: Remembered[str] = Remembered()
        self._written_down: Remembered[str] = Remembered()

    # ---- to the server

    def session(self, agent: Agent, options: SessionOptions, input_format: AudioFormat, output_format: AudioFormat) -> Message:
        """The ``session`` of a ``session.update``.

        Raises:
            FormatError: the protocol does not know a format.
            OptionError: an option is out of range here.
        """
        if options.speed is not None and not SLOWEST <= options.speed <= FASTEST:
            raise OptionError(f"xai: speed={options.speed!r} is not a number from {SLOWEST} to {FASTEST}")
        self._formats = input_format, output_format
        transcription = _given(model="grok-transcribe", language_hint=options.language) if agent.transcribe else None
        return _given(
            instructions=agent.instructions,
            voice=agent.voice,
            turn_detection=_turn_detection(agent.turn_detection, options),
            tools=[*written_tools(agent.tools), *({"type": search} for search in self._searches)],
            audio={
                "input": _given(format=written_format(input_format), transcription=transcription),
                "output": _given(format=written_format(output_format), speed=options.speed),
            },
            reasoning=self._reasoning and {"effort": self._reasoning},
        )

    def asked(self, create: Message) -> Message:
        """The message that asks for a response; a text that is to be spoken is an item, which makes one by itself."""
        said = create.get("response", {}).get(_VERBATIM)
        if said is None:
            return create
        item = {"type": _VERBATIM, "role": "assistant", "content": [{"type": "output_text", "text": said}]}
        return {"type": "conversation.item.create", "event_id": create["event_id"], "item": item}

    # ---- from the server

    def heard(self, message: Message) -> Message | None:
        """An event in OpenAI's words; None: it says nothing that matters, or nothing new.

        Raises:
            RemoteProtocolError: its formats are not those that were asked for.
        """
        match message.get("type"):
            case "conversation.created":
                return {"type": "session.created", "session": {"id": name_or_none(part(message, "conversation"), "id")}}
            case "session.updated":
                return self._updated(message)
            case "conversation.item.input_audio_transcription.updated":
                return self._guessed(message)
            case "conversation.item.input_audio_transcription.completed":
                return self._completed(message)
            case "error" if "truncat" in text(part(message, "error"), "message", "").lower():
                return {**message, "error": {**part(message, "error"), "param": "audio_end_ms"}}
            case "response.done" if message.get("usage") is not None and not part(message, "response").get("usage"):
                return {**message, "response": {**part(message, "response"), "usage": message["usage"]}}
        return message

    def _updated(self, message: Message) -> Message:
        """The formats are compared here: those at the rates that OpenAI does not have are none to it."""
        session = part(message, "session")
        audio = part(session, "audio")
        for direction, asked in zip(("input", "output"), self._formats or (), strict=False):
            got = part(part(audio, direction), "format")
            if got and _differs(got, written_format(asked)):
                shown = f"{str(got.get('type'))[:40]} at {str(got.get('rate'))[:40]} Hz"
                raise RemoteProtocolError(f"asked for {asked} as {direction} format, the server set {shown}: both sides would hear noise")
        return {**message, "session": {name: value for name, value in session.items() if name != "audio"}}

    def _guessed(self, message: Message) -> Message | None:
        """All words so far; what they only add to those before is news."""
        item_id, said = name_or_none(message, "item_id"), text(message, "transcript", "")
        before, self._guesses[item_id or ""] = self._guesses.get(item_id or "", ""), said
        if not said.startswith(before) or said == before:
            return None
        return {"type": f"{_TRANSCRIBED}delta", "item_id": item_id, "delta": said.removeprefix(before)}

    def _completed(self, message: Message) -> Message | None:
        """All words, said once; some say it of words that are still to change."""
        if message.get("status") == "in_progress":
            return self._guessed(message)
        item_id, said = name_or_none(message, "item_id") or "", text(message, "transcript", "")
        if item_id and self._written_down.get(item_id) == said:
            return None
        self._written_down[item_id] = said
        return message


class XaiWire(OpenAIWire):
    """One connection's memory; ``options`` say how the session is to be, ``dialect`` is this connection's own."""

    def __init__(self, options: SessionOptions | None = None, dialect: XaiDialect | None = None) -> None:
        super().__init__(options, dialect or XaiDialect())

    def say(self, words: str) -> list[str]:
        """Let the model speak this text, word for word, now or when its turn comes.

        Raises:
            LocalProtocolError: too many answers are waited for already.
        """
        self._gate.ask({_VERBATIM: words})
        return self.owed()


def written_format(format: AudioFormat) -> Message:
    """The format as a session object names it.

    Raises:
        FormatError: the protocol does not know it.
    """
    if format not in FORMATS:
        raise FormatError(f"xAI's voice agents do not speak {format}; choose one of {', '.join(map(str, FORMATS))}")
    if format.encoding == "pcm16":
        return {"type": "audio/pcm", "rate": format.rate}
    return {"type": "audio/pcmu" if format.encoding == "mulaw" else "audio/pcma"}


def _differs(got: Message, asked: Message) -> bool:
    """A telephone's format may be said with its rate or without; PCM without one is at OpenAI's."""
    rate = {"audio/pcm": RATES[0]}.get(asked["type"], 8_000)
    return bool(got.get("type") != asked["type"] or (got.get("rate") or rate) != asked.get("rate", rate))


def _turn_detection(turns: TurnDetection, options: SessionOptions) -> Message:
    """Turns that are found by sense are found by silence here."""
    if turns.mode == "manual":
        return {"type": None}
    return _given(
        type="server_vad",
        threshold=None if turns.threshold is None else min(LOUDEST, max(QUIETEST, turns.threshold)),
        silence_duration_ms=None if turns.silence_ms is None else round(turns.silence_ms),
        prefix_padding_ms=options.prefix_ms,
        idle_timeout_ms=options.idle_timeout_ms,
    )


def _given(**fields: object) -> Message:
    return {name: value for name, value in fields.items() if value is not None}
