"""``trioaudio emulate elevenlabs``: the options become an emulator, and its memory a last word."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from functools import partial

from .._errors import OptionError
from ..testing import ElevenLabsEmulator, ElevenLabsServerOptions, read_openai_faults
from .emulate import serve_emulator


def emulate_elevenlabs(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C; return the exit code.

    Raises:
        OptionError: an option cannot be, or the file of faults makes no sense.
        FrontDoorError: nobody can listen there.
        KeyboardInterrupt: Ctrl-C.
    """
    faults = [] if options.faults is None else read_openai_faults(options.faults)
    emulator = ElevenLabsEmulator(options=_settings(options), faults=faults)
    listen = partial(emulator.listen, options.host, options.port)
    return serve_emulator(listen, partial(_greeting, options.format), partial(_last_word, emulator))


def _settings(options: argparse.Namespace) -> ElevenLabsServerOptions:
    if not options.speed > 0:
        raise OptionError(f"--speed {options.speed:g} must be more than 0")
    return ElevenLabsServerOptions(
        input_format=options.format,
        output_format=options.format,
        first_message=options.first_message,
        overridable=not options.fixed,
        keys=None if options.key is None else frozenset(options.key),
        lasts=options.lasts,
        speed=options.speed,
        numbers=options.numbers,
        extras=options.noise,
        slips=options.slips,
    )


def _greeting(format: str, url: str) -> Iterator[str]:
    declared = "" if format == "pcm_16000" else f"?input_format={format}&output_format={format}"
    yield f"an ElevenLabs agent listens at {url}; Ctrl-C ends it"
    yield f"  trioaudio run --source wavfile:caller.wav --model 'elevenlabs:any{declared}' --base-url {url}"


def _last_word(emulator: ElevenLabsEmulator) -> str:
    """What was wrong with what clients sent."""
    errors = Counter(kind for session in emulator.sessions for kind in session.errors)
    number = len(emulator.sessions)
    conversations = f"{number} conversation{'' if number == 1 else 's'}"
    return f"{conversations}, errors: {', '.join(f'{kind} x {count}' for kind, count in errors.most_common()) or 'none'}"
