"""``trioaudio demo``: a whole call with what is shipped."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..._options import Spec, format_spec
from ..parser import add_command, finish_command
from ._calls import add_pace, add_record, add_timeline
from ._settings import add_config, add_logs
from .run import run_call

if TYPE_CHECKING:
    from ..parser import Commands

HELP = "a whole call with a shipped caller and the embedded parrot: no key, no network, no sound card"
ABOUT = (
    "A recorded caller asks, the embedded model 'parrot' says back what it heard, and the caller interrupts it. Takes "
    "15 seconds. Leaves call.wav (caller left, agent as heard right) and call.png (the timeline) in the current folder, "
    "unless told otherwise."
)


def add(commands: Commands) -> None:
    """Add it."""
    demo = add_command(commands, "demo", HELP, ABOUT)
    add_record(demo, Path("call.wav"))
    add_timeline(demo, Path("call.png"))
    add_pace(demo)
    add_config(demo)
    add_logs(demo)
    finish_command(demo, _demo)


def _demo(options: argparse.Namespace) -> int:
    from ...clips import clip_path

    options.source, options.model = format_spec(Spec("wavfile", str(clip_path("caller")))), "parrot"
    options.agent = options.base_url = None
    options.fallback = []
    return run_call(options)
