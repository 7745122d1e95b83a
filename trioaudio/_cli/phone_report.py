"""What a call of ``trioaudio call`` amounted to: of each interruption, what had been played, and how long both spoke at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..audio import PTIME, Frame
from ..audio._utterances import level
from ..testing import CarrierLine

PAUSE = 0.3
"""Seconds of silence after which what is said next is another utterance."""
SOUNDS = 2
"""Blocks of 20 ms that must stand out before it is speech: a click is none."""
ABOVE_NOISE, BELOW_PEAK, QUIETEST = 10.0, 15.0, -50.0
"""Where speech begins: dB above the noise of the recording, dB below the loudest of it at most, dBFS at least."""


def speech_onsets(speech: Frame) -> list[float]:
    """Where utterances begin in a recording, in seconds, to a block of 20 ms."""
    block = speech.format.frame_samples
    levels = [level(each) for each in speech.split(block)]
    if not levels:
        return []
    noise, peak = sorted(levels)[len(levels) // 10], max(levels)
    least = max(QUIETEST, min(noise + ABOVE_NOISE, peak - BELOW_PEAK))
    onsets: list[float] = []
    loud, quiet_since = 0, -PAUSE
    for i, each in enumerate(levels):
        now = i * block / speech.format.rate
        loud = loud + 1 if each > least else 0
        if loud >= SOUNDS:
            if loud == SOUNDS and now - quiet_since >= PAUSE:
                onsets.append(now - (SOUNDS - 1) * PTIME)
            quiet_since = now + PTIME
    return onsets


def interruptions(line: CarrierLine, onsets: Iterable[float]) -> Iterator[dict[str, Any]]:
    """Every clear of a stream, as JSON has it.

    ``onset_to_silence_ms`` is how long the caller heard the agent go on while speaking: from the first sound of the utterance, or
    of the agent's if that came later, to silence at the caller's ear. It is None where nothing was cut off, or nothing was said.
    """
    carrier, began = line.carrier, line.speech_began_at
    said_at = [] if began is None else [began + onset for onset in onsets]
    for clear in carrier.clears:
        before = [onset for onset in said_at if onset <= clear.at]
        speaking = (clear.at - before[-1]) * 1000 if before and clear.dropped_ms else None
        yield {
            "at_ms": round((clear.at - carrier.began) * 1000, 3),
            "played_ms": clear.played_ms,
            "dropped_ms": clear.dropped_ms,
            "since_clear_ms": clear.generation_ms,
            "onset_to_silence_ms": None if speaking is None else round(min(speaking, clear.played_ms), 3),
        }
