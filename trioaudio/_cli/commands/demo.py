"""``trioaudio demo``: a whole call with what is shipped."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..._errors import OptionError
from ..._options import Spec, format_spec
from ..parser import add_command, default, finish_command, port
from ._calls import add_agent, add_pace, add_record, add_timeline
from ._settings import add_config, add_logs, begin_logging, read_config
from .run import run_call

if TYPE_CHECKING:
    from ..parser import Commands, Parser

HELP = "a whole call with a shipped caller and the embedded parrot, or (--browser) with you: no key, no network"
ABOUT = (
    "A recorded caller asks, the embedded model 'parrot' says back what it heard, and the caller interrupts it. Takes "
    "15 seconds. Leaves call.wav (caller left, agent as heard right) and call.png (the timeline) in the current folder, "
    "unless told otherwise. With --browser the caller is you: it serves a page to talk to, on this machine only, until Ctrl-C."
)
PORT = 8080


def add(commands: Commands) -> None:
    """Add it."""
    demo = add_command(commands, "demo", HELP, ABOUT)
    add_record(demo, Path("call.wav"))
    add_timeline(demo, Path("call.png"))
    add_pace(demo)
    add_browser(demo)
    add_config(demo)
    add_logs(demo)
    finish_command(demo, _demo)


def add_browser(demo: Parser) -> None:
    """``--browser``, and what goes with it."""
    page = demo.add_argument_group("talk to it yourself", "in a browser of this machine")
    page.add_argument("--browser", action="store_true", help="serve a page with a microphone, and open it")
    page.add_argument("--port", type=port, metavar="N", help="with --browser: where; 0 is any that is free" + default(PORT))
    page.add_argument("--model", metavar="SPEC", help="with --browser: who answers, such as openai:gpt-realtime-2.1" + default("parrot"))
    add_agent(page)


def _demo(options: argparse.Namespace) -> int:
    if options.browser:
        return _talk(options)
    for name in ("port", "model", "agent"):
        if getattr(options, name) is not None:
            raise OptionError(f"--{name} goes with --browser; without it, the call is the shipped one ('trioaudio run' makes others)")
    from ...clips import clip_path

    options.source, options.model = format_spec(Spec("wavfile", str(clip_path("caller")))), "parrot"
    options.base_url = None
    options.fallback = []
    return run_call(options)


def _talk(options: argparse.Namespace) -> int:
    if options.fast:
        raise OptionError("--fast does not go with --browser: you talk in real time")
    from ..serve import checked_service, run_service

    config = read_config(options)
    asked = {"listeners": ["browser"], "model": options.model or "parrot", "agent": options.agent, "fallback": []}
    door = {"host": "127.0.0.1", "port": PORT if options.port is None else options.port, "tls_cert": None, "tls_key": None}
    names = {"public_url": None, "trusted_proxy": (), "allow_origin": (), "no_auth": False, "admin_port": None}
    service = checked_service(argparse.Namespace(**asked, **door, **names, record=None, drain_timeout=0.0), config)
    begin_logging(config)
    return run_service(replace(service, opens_page=True))
