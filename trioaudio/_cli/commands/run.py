"""``trioaudio run``: a call between any source and any model."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..parser import add_command, finish_command
from ._calls import add_agent, add_base_url, add_fallback, add_pace, add_record, add_timeline, read_agent
from ._settings import add_config, add_insecure, add_logs, begin_logging_if_asked, read_config

if TYPE_CHECKING:
    from ..parser import Commands

ABOUT = """\
Join a source to a model for one call, and tell what happens. A file as the
caller stays on the line after its end, until the agent has been quiet for a
while (--linger)."""
EXAMPLES = """\
a SPEC names a plugin: NAME, NAME:VALUE or NAME:VALUE?option=value&option=value
'trioaudio plugins' lists the names, 'trioaudio plugins NAME' the options of one

examples:
  trioaudio run --source wavfile:caller.mp3 --model parrot
  trioaudio run --source wavfile:caller.mp3 --model parrot --record call.wav --fast
  trioaudio run --source 'wavfile:caller.mp3?rate=8000' --model parrot --linger 10
  trioaudio run --source wavfile:caller.mp3 --model openai:gpt-realtime-2.1 \\
    --base-url ws://127.0.0.1:8765/v1 --agent agent.toml --record call.wav

The last one calls the server that 'trioaudio emulate openai' starts; without
--base-url it calls OpenAI, with the key in OPENAI_API_KEY."""


def add(commands: Commands) -> None:
    """Add it."""
    run = add_command(commands, "run", "a call between any source and any model", ABOUT, EXAMPLES)
    run.add_argument("--source", required=True, metavar="SPEC", help="who calls, such as wavfile:caller.wav")
    run.add_argument("--model", required=True, metavar="SPEC", help="who answers, such as parrot or openai:gpt-realtime-2.1")
    add_base_url(run)
    add_fallback(run)
    add_agent(run)
    add_record(run)
    add_timeline(run)
    add_pace(run)
    add_config(run)
    add_insecure(run)
    add_logs(run)
    finish_command(run, run_call)


def run_call(options: argparse.Namespace) -> int:
    """Make the call."""
    from ..call import checked_call, make_call
    from ..model_spec import model_spec

    config = read_config(options)
    begin_logging_if_asked(config)
    call = checked_call(
        options.source,
        model_spec(options.model, options.base_url),
        options.record,
        options.timeline,
        fast=options.fast,
        linger=options.linger,
        config=config,
        agent=read_agent(options),
        fallback=options.fallback,
    )
    return make_call(call)
