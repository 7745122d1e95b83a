"""``trioaudio call``: be the carrier."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..._errors import OptionError
from ..parser import add_command, default, finish_command, seconds

if TYPE_CHECKING:
    from ..parser import Commands

ABOUT = """\
Call a server as Twilio would: a signed webhook, whatever its TwiML says, a
signed media websocket, a telephone that plays and hears in its own time. Works
with every server that Twilio works with. Nothing leaves for Twilio."""
EXAMPLES = """\
The auth token comes from TWILIO_AUTH_TOKEN, the account from TWILIO_ACCOUNT_SID.

examples:
  trioaudio call --to https://voice.example.com/twilio/voice --connect 127.0.0.1:8080 \\
      --play speech.wav --record heard.wav
  trioaudio call --to ws://127.0.0.1:8080/media --play speech.wav
  trioaudio call --to http://127.0.0.1:8080/twilio/voice --play speech.wav \\
      --calls 50 --ramp 10 --json report.json

Of each interruption it tells what had been played of the answer, what never was,
and how long after the caller's first sound it was silent at the caller's ear.

The exit code is 0 if every call was answered or refused in order, 1 if one failed."""


def add(commands: Commands) -> None:
    """Add it."""
    call = add_command(commands, "call", "call a server as a carrier would", ABOUT, EXAMPLES)
    call.add_argument("--to", required=True, metavar="URL", help="a webhook (https://, http://), or a media websocket (wss://, ws://)")
    call.add_argument("--connect", type=_address, metavar="HOST:PORT", help="where that is really found, unencrypted: before any proxy")
    call.add_argument("--play", type=Path, metavar="FILE", help="what the caller says")
    call.add_argument("--record", type=Path, metavar="OUT.wav", help="what the caller hears, of the first call")
    call.add_argument("--digits", default="", metavar="KEYS", help="keys that the caller presses at once")
    call.add_argument("--from", dest="caller", default="+15550100", metavar="NUMBER", help="who calls" + default("+15550100"))
    call.add_argument("--number", dest="called", default="+15550199", metavar="NUMBER", help="who is called" + default("+15550199"))
    call.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE", help="a custom parameter, with a ws:// URL")
    linger = "once all is said, hang up when nothing was heard for so long"
    call.add_argument("--linger", type=seconds, default=3.0, metavar="SECONDS", help=linger + default("3"))
    call.add_argument("--longest", type=seconds, default=600.0, metavar="SECONDS", help="hang up after that" + default("600"))
    _add_load(call)
    finish_command(call, _call)


def _add_load(call: argparse.ArgumentParser) -> None:
    load = call.add_argument_group("many calls, and a network between")
    load.add_argument("--calls", type=int, default=1, metavar="N", help="so many telephones" + default("1"))
    load.add_argument("--ramp", type=seconds, default=0.0, metavar="SECONDS", help="dial them over this time" + default("0"))
    load.add_argument("--json", type=Path, metavar="REPORT.json", help="what became of each, and what was truly played ('-' prints it)")
    load.add_argument("--delay", type=seconds, default=0.0, metavar="SECONDS", help="of the network, one way" + default("0"))
    load.add_argument("--jitter", type=seconds, default=0.0, metavar="SECONDS", help="more of it, at random" + default("0"))
    load.add_argument("--loss", type=float, default=0.0, metavar="SHARE", help="of messages that come 0.2 s later" + default("0"))
    load.add_argument("--seed", type=int, default=0, metavar="N", help="of what is random" + default("0"))


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise argparse.ArgumentTypeError(f"{text!r} is no HOST:PORT")
    return host.strip("[]"), int(port)


def _call(options: argparse.Namespace) -> int:
    from ...testing import Network
    from ..phone import PhoneOrder, make_calls, read_speech

    if not options.to.startswith(("https://", "http://", "wss://", "ws://")):
        raise OptionError(f"--to {options.to!r} is no URL; write https://HOST/PATH for a webhook, wss://HOST/PATH for a media websocket")
    if not 1 <= options.calls <= 10_000 or not 0 <= options.loss < 1:
        raise OptionError("--calls is 1 to 10000, --loss at least 0 and below 1")
    if bad := [key for key in options.digits if key not in "0123456789*#ABCD"]:
        raise OptionError(f"--digits: {bad[0]!r} is no key of a telephone")
    disturbed = options.delay or options.jitter or options.loss
    network = Network(delay=options.delay, jitter=options.jitter, loss=options.loss, seed=options.seed) if disturbed else None
    order = PhoneOrder(
        to=options.to,
        token=os.environ.get("TWILIO_AUTH_TOKEN") or None,
        account=os.environ.get("TWILIO_ACCOUNT_SID") or None,
        play=read_speech(options.play) if options.play is not None else None,
        record=options.record,
        connect=options.connect,
        caller=options.caller,
        called=options.called,
        digits=options.digits,
        parameters=_parameters(options.parameter),
        calls=options.calls,
        ramp=options.ramp,
        linger=options.linger,
        longest=options.longest,
        report=options.json,
        network=network,
    )
    return make_calls(order)


def _parameters(pairs: list[str]) -> dict[str, str]:
    split = [pair.partition("=") for pair in pairs]
    if wrong := [name for name, equals, _ in split if not name or not equals]:
        raise OptionError(f"--parameter {wrong[0]!r}: write NAME=VALUE")
    return {name: value for name, _, value in split}
