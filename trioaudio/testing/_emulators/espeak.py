"""Words spoken by espeak-ng, a small speech synthesiser, if it is installed on this machine."""

from __future__ import annotations

import io
import shutil
import subprocess
import wave
from functools import partial

import trio

from ... import OptionError
from ...audio import AudioFormat, Converter, Frame
from .openai_session import Voice

PROGRAM = "espeak-ng"
LONGEST = 2_000
"""Characters of a text that are spoken; nobody listens to more in one go."""


def espeak_voice(language: str = "en") -> Voice:
    """A voice that every word of an emulator's answers is spoken with.

    Args:
        language: a language or voice of espeak-ng's, such as ``en``, ``de`` or ``en-us+f3``.

    Raises:
        OptionError: espeak-ng is not installed.
    """
    if (program := shutil.which(PROGRAM)) is None:
        raise OptionError(f"there is no {PROGRAM} on this machine; install it (apt install {PROGRAM}), or choose another voice")
    return partial(_speak, program, language)


async def _speak(program: str, language: str, text: str, format: AudioFormat) -> Frame:
    """The text as sound. Checkpoint: yes. On cancel: the program is ended.

    Raises:
        trio.BrokenResourceError: the program does not want to.
    """
    command = [program, "-v", language, "--stdin", "--stdout"]
    try:
        done = await trio.run_process(command, stdin=text[:LONGEST].encode(), capture_stdout=True, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as exc:
        raise trio.BrokenResourceError(f"{PROGRAM} failed: {exc}") from exc
    return _read(done.stdout, format)


def _read(data: bytes, format: AudioFormat) -> Frame:
    """Its output is a WAV file whose header promises more than there is, since it was written before the rest."""
    try:
        with wave.open(io.BytesIO(data)) as file:
            found = AudioFormat("pcm16", file.getframerate(), file.getnchannels())
            samples = file.readframes(len(data))
    except (wave.Error, EOFError) as exc:
        raise trio.BrokenResourceError(f"{PROGRAM} wrote no WAV file") from exc
    converter = Converter(found, format)
    first = converter.convert(Frame(samples[: len(samples) - len(samples) % found.sample_bytes], found))
    rest = converter.flush()
    return first if rest is None else first.joined(rest)
