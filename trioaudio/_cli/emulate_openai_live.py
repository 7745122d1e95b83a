"""``trioaudio emulate openai-live``: the options become an emulator, and its memory a last word."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from functools import partial

from ..testing import OpenAILiveEmulator, OpenAILiveServerOptions
from .emulate import serve_emulator


def emulate_openai_live(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C; return the exit code.

    Raises:
        FrontDoorError: nobody can listen there.
        KeyboardInterrupt: Ctrl-C.
    """
    emulator = OpenAILiveEmulator(OpenAILiveServerOptions(key=options.key, lasts=options.lasts, fatal=options.fatal))
    return serve_emulator(partial(emulator.listen, options.host, options.port), _greeting, partial(_last_word, emulator))


def _greeting(url: str) -> Iterator[str]:
    yield f"GPT-Live is emulated at {url}; Ctrl-C ends it"
    yield f"  trioaudio run --source wavfile:caller.wav --model openai-live:gpt-live-1 --base-url {url}"


def _last_word(emulator: OpenAILiveEmulator) -> str:
    """What was wrong with what clients sent."""
    errors = Counter(code for session in emulator.sessions for code in session.errors)
    number = len(emulator.sessions)
    sessions = f"{number} session{'' if number == 1 else 's'}"
    return f"{sessions}, errors: {', '.join(f'{code} x {count}' for code, count in errors.most_common()) or 'none'}"
