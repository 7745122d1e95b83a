"""Something that a voice activity detection takes for speech, and the silence that ends it."""

from __future__ import annotations

import wave

from trioaudio.audio import PCM16_16K, AudioFormat, Converter, Frame
from trioaudio.clips import clip_path

BEGINS, ENDS = 1.0, 1.5


def hello(format: AudioFormat) -> Frame:
    """A word of the shipped caller."""
    with wave.open(str(clip_path("caller")), "rb") as clip:
        word = Frame(clip.readframes(clip.getnframes()), PCM16_16K).cut(round(BEGINS * 16_000), round(ENDS * 16_000))
    return Converter(word.format, format).convert(word).joined(Frame.silence(format.rate, format))
