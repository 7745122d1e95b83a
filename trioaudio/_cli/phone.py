"""``trioaudio call``: a carrier on the command line, which calls a server as Twilio would; one call, or a crowd of them."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import trio

from .._audiofiles import WavWriter, check_writable, read_audio
from .._errors import AudioFileError
from ..audio import MULAW_8K, Frame
from ..testing import FakeTwilio, FakeTwilioCall, Network, SocketWeb
from .phone_report import interruptions, speech_onsets
from .screen import complain

DONE, BROKEN = 0, 1
TICK = 0.05
"""Seconds between two looks at a call."""
TOLD_EVERY = 5.0
"""Seconds between two lines of progress."""


@dataclass(frozen=True)
class PhoneOrder:
    """What was asked for."""

    to: str
    token: str | None
    account: str | None
    play: Frame | None
    record: Path | None
    connect: tuple[str, int] | None
    caller: str
    called: str
    digits: str
    parameters: dict[str, str]
    calls: int
    ramp: float
    linger: float
    longest: float
    report: Path | None
    network: Network | None

    @cached_property
    def onsets(self) -> list[float]:
        """Where utterances begin in what the caller says, in seconds."""
        return speech_onsets(self.play) if self.play is not None else []


@dataclass
class _Phone:
    """One call as it goes, and what it amounted to."""

    order: PhoneOrder
    number: int
    dialled_at: float = 0.0
    connected_at: float | None = None
    first_heard_at: float | None = None
    call: FakeTwilioCall | None = field(default=None, repr=False)
    state: str = "waiting"

    async def make(self, twilio: FakeTwilio, web: SocketWeb) -> None:
        """Dial, say all there is, stay until nobody says anything any more."""
        order = self.order
        self.dialled_at, self.state = trio.current_time(), "ringing"
        dialling = twilio.dial(web, order.to, caller=order.caller, called=order.called, network=order.network, parameters=order.parameters)
        async with dialling as self.call:
            with trio.move_on_after(order.longest):
                try:
                    await self.call.wait_connected()
                except trio.BrokenResourceError:
                    return
                self.connected_at, self.state = trio.current_time(), "talking"
                self._say()
                await self._stay(self.call)

    def _say(self) -> None:
        assert self.call is not None
        if self.order.play is not None:
            self.call.line.speak(self.order.play)
        self.call.line.press(self.order.digits)

    async def _stay(self, call: FakeTwilioCall) -> None:
        quiet_since = trio.current_time()
        while call.outcome == "connected":
            now, line = trio.current_time(), call.line
            if line.carrier.is_sounding(now):
                self.first_heard_at = self.first_heard_at or line.carrier.first_sound_at
                quiet_since = now
            elif line.speaking:
                quiet_since = now
            elif now - quiet_since >= self.order.linger:
                return
            await trio.sleep(TICK)  # noqa: ASYNC110 - it watches a clock too

    def finish(self) -> None:
        """It is over, however it came to that."""
        self.state = self.call.outcome if self.call is not None else "failed"

    def as_report(self) -> dict[str, Any]:
        """What it amounted to, as JSON has it."""
        assert self.call is not None
        lines = self.call.lines
        carrier = [line.carrier for line in lines]
        return {
            "call": self.number,
            "sid": self.call.sid,
            "outcome": self.call.outcome,
            "reason": self.call.reason,
            "streams": len(lines),
            "refused_streams": self.call.upgrade_errors,
            "connected_ms": _ms(self.connected_at, self.dialled_at),
            "first_sound_ms": _ms(self.first_heard_at, self.connected_at),
            "heard_ms": round(sum(len(each.heard(each.silent_at)) for each in carrier) / 8, 3),
            "marks": sum(each.marks_returned for each in carrier),
            "errors": [{"number": error.number, "what": error.what} for each in carrier for error in each.errors],
            "interruptions": [each for line in lines for each in interruptions(line, self.order.onsets)],
        }


def _ms(later: float | None, earlier: float | None) -> float | None:
    return None if later is None or earlier is None else round((later - earlier) * 1000, 3)


def make_calls(order: PhoneOrder) -> int:
    """Make the calls; return the exit code.

    Raises:
        AudioFileError: a file cannot be written.
        KeyboardInterrupt: Ctrl-C, after report and recording have been written.
    """
    for path in filter(None, (order.record, order.report)):
        check_writable(path)
    import_module("numpy")
    phones = [_Phone(order, number) for number in range(1, order.calls + 1)]
    try:
        trio.run(_all, order, phones, restrict_keyboard_interrupt_to_checkpoints=True)
    finally:
        for phone in phones:
            phone.finish()
        _write(order, phones)
    return DONE if all(phone.call is not None and phone.call.outcome not in ("failed", "ringing") for phone in phones) else BROKEN


def read_speech(path: Path) -> Frame:
    """What the caller says, as a telephone sends it. Raises `AudioFileError`."""
    return read_audio(path, MULAW_8K)


async def _all(order: PhoneOrder, phones: list[_Phone]) -> None:
    twilio, web = FakeTwilio(auth_token=order.token, account=order.account), SocketWeb(order.connect)
    _tell(f"calling {order.to}{f', {order.calls} times' if order.calls > 1 else ''}")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_progress, phones)
        async with trio.open_nursery() as calls:
            for i, phone in enumerate(phones):
                if i:
                    await trio.sleep(order.ramp / max(order.calls - 1, 1))
                calls.start_soon(_one, phone, twilio, web)
        nursery.cancel_scope.cancel("all calls are over")


async def _one(phone: _Phone, twilio: FakeTwilio, web: SocketWeb) -> None:
    try:
        await phone.make(twilio, web)
    finally:
        phone.finish()


async def _progress(phones: list[_Phone]) -> None:
    began, told, states = trio.current_time(), 0.0, ""
    while True:
        counted = Counter(phone.state for phone in phones)
        now, shown = trio.current_time() - began, ", ".join(f"{count} {state}" for state, count in sorted(counted.items()))
        if (shown != states and (len(phones) == 1 or now - told >= 1)) or now - told >= TOLD_EVERY:
            told, states = now, shown
            _tell(f"{now:7.1f} s  {shown if len(phones) > 1 else next(iter(counted))}")
        await trio.sleep(TICK)


def _tell(line: str) -> None:
    print(line, flush=True)


def _write(order: PhoneOrder, phones: list[_Phone]) -> None:
    reports = [phone.as_report() for phone in phones if phone.call is not None]
    for line in _account(reports):
        _tell(line)
    try:
        if order.record is not None and phones[0].call is not None and phones[0].call.lines:
            _write_recording(order.record, phones[0].call)
        if order.report is not None:
            text = json.dumps({"to": order.to, "calls": reports}, indent=2)
            (sys.stdout.write(text + "\n") if str(order.report) == "-" else order.report.write_text(text + "\n", encoding="utf-8"))
    except (OSError, AudioFileError) as error:
        complain(error)


def _account(reports: list[dict[str, Any]]) -> Iterator[str]:
    outcomes = Counter(f"{each['outcome']}{' (' + each['reason'] + ')' if each['reason'] else ''}" for each in reports)
    yield f"over: {', '.join(f'{count} {outcome}' for outcome, count in outcomes.most_common())}"
    heard = sum(each["heard_ms"] for each in reports)
    interruptions = [each for report in reports for each in report["interruptions"]]
    yield f"heard {heard / 1000:.1f} s, {len(interruptions)} interruptions"
    for each in interruptions[:20]:
        yield f"  at {each['at_ms'] / 1000:.2f} s: {_shown(each)}"
    errors = Counter(f"{each['number']} {each['what']}" for report in reports for each in report["errors"])
    yield from (f"Twilio would complain: {what} ({count} times)" for what, count in errors.most_common(10))


def _shown(interruption: dict[str, Any]) -> str:
    played, dropped, both = (interruption[name] for name in ("played_ms", "dropped_ms", "onset_to_silence_ms"))
    silent = "" if both is None else f"; silent {both:.0f} ms after the caller began"
    return f"{played:.0f} ms had been played, {dropped:.0f} ms never were{silent}"


def _write_recording(path: Path, call: FakeTwilioCall) -> None:
    writer = WavWriter(path, MULAW_8K.rate)
    try:
        for line in call.lines:
            carrier = line.carrier
            heard = Frame(carrier.heard_in_time(line.ended_at if line.ended_at is not None else carrier.silent_at), MULAW_8K)
            writer.write(heard.pcm.tobytes())
    finally:
        writer.close()
    _tell(f"recorded in {path}")
