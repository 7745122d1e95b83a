"""``trioaudio emulate openai``: the options become an emulator, its messages lines, and its memory a last word."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from .._errors import OptionError
from ..testing import (
    OpenAIEmulator,
    OpenAIMessage,
    OpenAIServerOptions,
    Witness,
    espeak_voice,
    in_tones,
    in_words,
    parrot,
    read_openai_faults,
)
from .emulate import MessageLog, serve_emulator

CROWDS = (
    "input_audio_buffer.append",
    "response.output_audio.delta",
    "response.audio.delta",
    "response.output_audio_transcript.delta",
    "response.audio_transcript.delta",
    "response.output_text.delta",
    "response.text.delta",
)
SHOWN = ("code", "text", "transcript", "name", "arguments", "audio_start_ms", "audio_end_ms", "item_id", "status", "message")
"""Fields that a line shows, wherever they are in a message; the first ones first."""
LONGEST_DETAIL = 100
DEEPEST = 4
NOISE = frozenset({"response.created", "response.output_item.done", "response.done", "input_audio_buffer.speech_started"})
ANSWERS = {"parrot": parrot, "tone": in_tones, "espeak": in_words}


def emulate_openai(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C; return the exit code.

    Raises:
        OptionError: an option cannot be, or the file of faults makes no sense.
        FrontDoorError: nobody can listen there.
        KeyboardInterrupt: Ctrl-C.
    """
    emulator = OpenAIEmulator(
        ANSWERS[options.voice],
        _behaviour(options),
        faults=[] if options.faults is None else read_openai_faults(options.faults),
        voice=espeak_voice(options.language) if options.voice == "espeak" else None,
        witness=_told(MessageLog(CROWDS)) if options.verbose else None,
    )
    listen = partial(emulator.listen, options.host, options.port, allowed_origins=options.allow_origin)
    return serve_emulator(listen, _greeting, partial(_last_word, emulator))


def _behaviour(options: argparse.Namespace) -> OpenAIServerOptions:
    for name in ("speed", "delta_ms"):
        if not getattr(options, name) > 0:
            raise OptionError(f"--{name.replace('_', '-')} {getattr(options, name):g} must be more than 0")
    if options.burst_ms < 0:
        raise OptionError(f"--burst-ms {options.burst_ms} must not be below 0")
    return OpenAIServerOptions(
        keys=None if options.key is None else frozenset(options.key),
        refuses=options.refuses,
        speed=options.speed,
        delta_ms=options.delta_ms,
        burst_ms=options.burst_ms,
        transcribed=options.transcribed,
        lasts=options.lasts,
        slips=options.slips,
        dialect=options.dialect,
        lenient=options.lenient,
        extras=options.noise,
        repeats=NOISE if options.noise else frozenset(),
    )


def _greeting(url: str) -> Iterator[str]:
    yield f"an OpenAI Realtime server listens at {url}; Ctrl-C ends it"
    yield f"  trioaudio run --source wavfile:caller.wav --model openai:gpt-realtime-2.1 --base-url {url}"


def _last_word(emulator: OpenAIEmulator) -> str:
    """What was wrong with what clients sent; the session that a test was about is there to be looked at."""
    errors = Counter(code for session in emulator.sessions for code in session.errors)
    number = len(emulator.sessions)
    sessions = f"{number} session{'' if number == 1 else 's'}"
    return f"{sessions}, errors: {', '.join(f'{code} x {count}' for code, count in errors.most_common()) or 'none'}"


def _told(log: MessageLog) -> Witness:
    def witness(message: OpenAIMessage) -> None:
        try:
            content = json.loads(message.data)
            kind = str(content["type"])[:LONGEST_DETAIL]
        except (ValueError, TypeError, KeyError, RecursionError):
            content, kind = {}, f"(what is no event, {len(message.data)} long)"
        log.tell(message.session, message.seconds, kind, received=message.received, detail=_detail(content))

    return witness


def _detail(content: dict[str, Any]) -> str:
    found = dict(_fields(content))
    shown = " ".join(f"{name}={found[name]!r}" for name in SHOWN if found.get(name) not in (None, ""))
    return shown if len(shown) <= LONGEST_DETAIL else shown[: LONGEST_DETAIL - 3] + "..."


def _fields(content: object) -> Iterator[tuple[str, object]]:
    """Fields of a message that may be shown, from the inside out, so that the outer ones win; not from far inside."""
    levels = [[content]]
    for _ in range(DEEPEST):
        levels.append([part for whole in levels[-1] for part in _parts(whole)])
    for part in (part for level in reversed(levels) for part in level):
        if isinstance(part, dict):
            yield from ((name, value) for name, value in part.items() if name in SHOWN and isinstance(value, str | int))


def _parts(whole: object) -> Iterable[object]:
    return whole.values() if isinstance(whole, dict) else whole if isinstance(whole, list) else ()
