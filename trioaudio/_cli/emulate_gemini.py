"""``trioaudio emulate gemini``: the options become an emulator, and its memory a last word."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial

from .._errors import OptionError
from ..testing import GeminiEmulator, GeminiServerOptions, read_openai_faults
from .emulate import serve_emulator


def emulate_gemini(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C; return the exit code.

    Raises:
        OptionError: an option cannot be, or the file of faults makes no sense.
        FrontDoorError: nobody can listen there.
        KeyboardInterrupt: Ctrl-C.
    """
    if not options.speed > 0:
        raise OptionError(f"--speed {options.speed:g} must be more than 0")
    behaviour = GeminiServerOptions(
        keys=None if options.key is None else frozenset(options.key),
        speed=options.speed,
        lasts=options.lasts,
        warns=options.warns,
        blocks=not options.non_blocking,
    )
    emulator = GeminiEmulator(options=behaviour, faults=[] if options.faults is None else read_openai_faults(options.faults))
    return serve_emulator(partial(emulator.listen, options.host, options.port), _greeting, partial(_last_word, emulator))


def _greeting(url: str) -> Iterator[str]:
    yield f"a Gemini Live server listens at {url}; Ctrl-C ends it"
    yield f"  trioaudio run --source wavfile:caller.wav --model gemini:gemini-3.8-live --base-url {url}"


def _last_word(emulator: GeminiEmulator) -> str:
    """Why it ended sessions itself; the one that a test was about is there to be looked at."""
    ends = [session.closing for session in emulator.sessions if session.closing is not None]
    number = len(emulator.sessions)
    told = ", ".join(f"{end.code} ({end.reason})" for end in ends) or "none"
    return f"{number} session{'' if number == 1 else 's'}, ended by the server: {told}"
