"""``trioaudio serve``: answer calls, many at once, until it is told to go away."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..._errors import OptionError
from ..parser import Parser, add_command, default, finish_command, port, seconds
from ._calls import add_base_url, add_fallback
from ._settings import add_config, add_insecure, add_logs, begin_logging, read_config, take_settings

if TYPE_CHECKING:
    from ..parser import Commands

ABOUT = """\
Answer the calls of one or several listeners, each with a session of its own.
Ctrl-C or SIGTERM ends it in order: new calls are refused politely, those there
are may end by themselves (--drain-timeout), the rest hear a farewell. A second
Ctrl-C ends it at once."""
EXAMPLES = """\
a NAME is that of a listener, or its spec: NAME:VALUE?option=value
'trioaudio plugins' lists them, 'trioaudio plugins NAME' the options of one;
each of those may be given here too, as --OPTION VALUE behind the name

examples:
  trioaudio serve twilio --public-url https://voice.example.com --admin-port 9090 \\
      --model openai:gpt-realtime-2.1 --agent agent.toml --record calls
  trioaudio serve twilio --config trioaudio.toml --limit calls=50 --timeout drain=120
  trioaudio serve wire --model parrot --agent agent.toml --record calls
  trioaudio serve audiosocket --port 9092 --admin-port 9090 --model parrot
  trioaudio serve wire --model parrot --host 0.0.0.0 --port 8443 \\
      --tls-cert cert.pem --tls-key key.pem --admin-port 9090

Each option can also stand in the section [serve] of a file (--config), or in a
variable such as TRIOAUDIO_SERVE_PORT.

The exit code is 0 after it has gone away in order, 1 if a listener failed, 2 if
something asked for cannot be, 130 after a second Ctrl-C."""


def add(commands: Commands) -> None:
    """Add it."""
    serve = add_command(commands, "serve", "answer calls, many at once", ABOUT, EXAMPLES)
    serve.add_argument("listeners", nargs="+", metavar="NAME", help="where calls come from")
    serve.add_argument("--model", metavar="SPEC", help="who answers, such as parrot; needed, here or in the section [serve] of a file")
    add_base_url(serve)
    add_fallback(serve)
    serve.add_argument("--agent", type=Path, metavar="FILE.toml", help="who the model is to be: instructions, voice, tools ...")
    serve.add_argument("--record", type=Path, metavar="FOLDER", help="a recording and a summary of each call, in FOLDER/DATE")
    drain = "how long calls may go on once it goes away (default: timeouts.drain, 30)"
    serve.add_argument("--drain-timeout", type=seconds, metavar="SECONDS", help=drain)
    add_door(serve)
    add_config(serve)
    add_insecure(serve)
    add_logs(serve)
    serve.set_defaults(plugin_options=())
    finish_command(serve, serve_calls)


def add_door(serve: Parser) -> None:
    """The options of the front door."""
    door = serve.add_argument_group("the front door", "one HTTP and websocket server for all listeners that want one")
    door.add_argument("--host", help="where to listen; 0.0.0.0 is everywhere" + default("this machine only"))
    door.add_argument("--port", type=port, metavar="N", help="0 is any that is free" + default(8080))
    door.add_argument("--tls-cert", type=Path, metavar="FILE.pem", help="speak TLS with this certificate")
    door.add_argument("--tls-key", type=Path, metavar="FILE.pem", help="its private key, if that is in a file of its own")
    door.add_argument("--public-url", metavar="URL", help="how the outside world reaches it, such as https://voice.example.com")
    proxy = "believe X-Forwarded-* of this address or network; may be given several times"
    door.add_argument("--trusted-proxy", action="append", metavar="ADDRESS", help=proxy)
    origin = "let web pages of this origin use it, such as https://app.example.com; may be given several times"
    door.add_argument("--allow-origin", action="append", metavar="ORIGIN", help=origin)
    door.add_argument(
        "--no-auth", action="store_true", default=None, help="let others than this machine in although nobody asks them who they are"
    )
    admin = "/healthz, /readyz and /metrics on this port of 127.0.0.1"
    door.add_argument("--admin-port", type=port, metavar="N", help=admin)


def serve_calls(options: argparse.Namespace) -> int:
    """Answer calls."""
    from ..listener_options import SHARED, with_listener_options
    from ..model_spec import model_spec
    from ..serve import checked_service, run_service

    shared = {name: value for name in SHARED if (value := getattr(options, name)) is not None}
    config = read_config(options)
    config = with_listener_options(config, options.listeners, options.plugin_options, shared, options.usage)
    take_settings(options, config.serve)
    if options.model is None:
        raise OptionError('nobody would answer: name the model, --model SPEC, or model = "SPEC" in the section [serve]')
    options.model = model_spec(options.model, options.base_url)
    service = checked_service(options, config)
    begin_logging(config)
    return run_service(service)
