"""``trioaudio dial``: call people, and let a model talk with whoever picks up."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..._errors import OptionError
from ..parser import add_command, default, finish_command, seconds
from ._calls import add_base_url, add_fallback
from ._settings import add_config, add_insecure, add_logs, begin_logging, read_config, take_settings
from .serve import add_door

if TYPE_CHECKING:
    from ..parser import Commands

ABOUT = """\
Call numbers through a carrier, and let a model talk with whoever picks up. Only
numbers that begin as --dial-allow says are called. Ctrl-C hangs all of them up."""
EXAMPLES = """\
The account comes from variables: TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN;
SIGNALWIRE_SPACE, _PROJECT_ID, _API_TOKEN and _SIGNING_KEY; TELNYX_API_KEY,
_PUBLIC_KEY and _CONNECTION_ID; PLIVO_AUTH_ID and _AUTH_TOKEN. --public-url is how
the carrier reaches this machine while the calls last. Needs the extra 'rest'
(Telnyx: 'telnyx').

example:
  trioaudio dial twilio --from +15550100 --to +4930123456 --dial-allow +49 \\
      --public-url https://voice.example.com --model openai:gpt-realtime-2.1 --agent agent.toml

The exit code is 0 if all calls were answered and ended in order, 1 if one was not."""

CARRIERS = ("twilio", "signalwire", "telnyx", "plivo")


def add(commands: Commands) -> None:
    """Add it."""
    dial = add_command(commands, "dial", "call people, and let a model talk with them", ABOUT, EXAMPLES)
    dial.add_argument("carrier", metavar="NAME", help="twilio, signalwire, telnyx or plivo, or its spec with options")
    dial.add_argument("--from", dest="caller", required=True, metavar="NUMBER", help="a number of the account")
    dial.add_argument("--to", action="append", required=True, metavar="NUMBER", help="who is called; may be given several times")
    allow = "what a number must begin with; may be given several times"
    dial.add_argument("--dial-allow", action="append", required=True, metavar="PREFIX", help=allow)
    rate = "dial no more than so many in a minute"
    dial.add_argument("--dials-a-minute", type=int, default=10, metavar="N", help=rate + default("10"))
    dial.add_argument("--ring", type=seconds, default=60, metavar="SECONDS", help="for so long" + default("60"))
    dial.add_argument("--longest", type=seconds, default=3600, metavar="SECONDS", help="a call may last so long" + default("3600"))
    dial.add_argument("--detect-machine", action="store_true", help="tell whether a person has picked up")
    dial.add_argument("--model", metavar="SPEC", help="who talks, such as openai:gpt-realtime-2.1")
    add_base_url(dial)
    add_fallback(dial)
    dial.add_argument("--agent", type=Path, metavar="FILE.toml", help="who the model is to be: instructions, voice, tools ...")
    dial.add_argument("--record", type=Path, metavar="FOLDER", help="a recording and a summary of each call, in FOLDER/DATE")
    add_door(dial)
    add_config(dial)
    add_insecure(dial)
    add_logs(dial)
    finish_command(dial, _dial)


def _dial(options: argparse.Namespace) -> int:
    from ..._options import Spec, format_spec, parse_spec
    from ..dial import DialOrder, dial_numbers
    from ..model_spec import model_spec
    from ..serve import checked_service

    spec = parse_spec(options.carrier)
    if spec.name not in CARRIERS:
        raise OptionError(f"nobody is called through {spec.name!r}; the carrier is {', '.join(CARRIERS[:-1])} or {CARRIERS[-1]}")
    if wrong := [prefix for prefix in options.dial_allow if not prefix.startswith("+") or not prefix[1:].isdecimal()]:
        raise OptionError(f"--dial-allow {wrong[0]!r} is no beginning of a number; write a plus and digits, such as +49")
    if not 1 <= options.dials_a_minute <= 6000:
        raise OptionError("--dials-a-minute is 1 to 6000")
    rules = {} if spec.name == "telnyx" else {"rest": "true"}  # Telnyx has no other way
    rules |= {"dial_allow": ",".join(options.dial_allow), "dials_a_minute": str(options.dials_a_minute)}
    options.listeners = [format_spec(Spec(spec.name, spec.positional, {**spec.options, **rules}))]
    config = read_config(options)
    options.drain_timeout = None
    take_settings(options, config.serve)
    if options.model is None:
        raise OptionError('nobody would talk: name the model, --model SPEC, or model = "SPEC" in the section [serve]')
    if options.public_url is None:
        raise OptionError(f"{spec.name} must reach this machine: say with --public-url how, such as https://voice.example.com")
    order = DialOrder(
        options.caller, tuple(options.to), options.dials_a_minute, int(options.ring), int(options.longest), options.detect_machine
    )
    options.model = model_spec(options.model, options.base_url)
    service = checked_service(options, config)
    begin_logging(config)
    return dial_numbers(service, order)
