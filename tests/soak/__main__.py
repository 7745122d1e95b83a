"""Many calls for a long time: ``nox -s soak -- --calls 200 --minutes 10``.

A server (``trioaudio serve twilio``) between callers, who are this process, and a model: ``trioaudio emulate openai``, or with
``--model script`` one that follows a script in this process, which costs a quarter. A call that has lasted long enough ends, and another
one is dialled: so many at a time, not always the same. What must hold: no call is lost, the server's memory does not grow from a fifth
of the time on, nothing of a call that has ended stays open, and told to go away it does. Ends with 1 if something does not; the report is
a JSON file.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import wave
from base64 import b64encode
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from soak.callers import Heard, Phone
from soak.model import Attentive
from soak.processes import Program, metrics, running
from telephone_world import World

from trioaudio.audio import MULAW_8K, PCM16_16K, Converter, Frame
from trioaudio.clips import clip_path

PUBLIC_URL = "https://voice.example.com"
TOKEN = "of-the-soak"
SETTLED = 0.2
"""Of the time: what has grown until then is warming up."""
MOST_GROWTH = 2_000_000
"""Bytes from then to the end."""
DRAIN = 5.0
SAMPLED = 5.0
"""Seconds between two looks at the processes."""
LASTS = 100.0
"""Seconds of a call, at most: what a call remembers of itself has come and gone once before memory counts."""
QUIET = 6.0
"""Seconds before the calls end, and after."""


@dataclass
class Soak:
    """One soak, as it goes."""

    calls: int
    seconds: float
    ramp: float
    world: World
    server: Program
    programs: list[Program]
    admin: str
    port: int
    phones: list[Phone]
    sentence: list[str] = field(default_factory=lambda: _sentence())
    heard: Heard = field(default_factory=Heard)
    samples: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)
    _told: str = ""
    _until: dict[int, float] = field(default_factory=dict)

    def run(self) -> None:
        """All of it."""
        at_rest = self._look()
        self._dial()
        self._talk()
        self._judge_memory()
        self._hang_up(at_rest)
        self._go_away()
        lost = Counter(phone.why or phone.state for phone in self.phones if phone.state != "over")
        self._must(not lost, f"{sum(lost.values())} calls were lost: {dict(lost)}")

    def _must(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.problems.append(otherwise)

    def _dial(self) -> None:
        for number in range(1, self.calls + 1):
            self._dial_one(self._lasts * number / self.calls)
            self.world.run(self.ramp / self.calls)
            self._show(f"dialling {number} of {self.calls}", number / self.calls)
        self.world.run(2.0)

    @property
    def _lasts(self) -> float:
        return min(LASTS, self.seconds / 6)

    def _dial_one(self, lasts: float) -> None:
        number = len(self.phones) + 1
        self._until[number] = time.monotonic() + lasts
        self.phones.append(Phone(self.world, number, self.port, PUBLIC_URL, TOKEN, self.sentence, self.heard))

    def _change_calls(self) -> None:
        """Those that have lasted long enough end, and others begin."""
        for phone in self._talking():
            if time.monotonic() >= self._until[phone.number]:
                phone.hang_up()
                self._dial_one(self._lasts)
                self.world.run(0.05)

    def _talking(self) -> list[Phone]:
        return [phone for phone in self.phones if phone.state == "talking"]

    def _talk(self) -> None:
        self.heard.late.clear()
        began = time.monotonic()
        while (passed := time.monotonic() - began) < self.seconds:
            self.world.run(min(SAMPLED, self.seconds - passed))
            self._change_calls()
            sample = {"at": round(time.monotonic() - began, 1), **self._look()}
            self.samples.append(sample)
            cores = self._cores()
            used = ", ".join(f"{name} {share:.0%}" for name, share in cores.items())
            self._show(f"{sample['talking']} talking, {sample['resident'] / 1e6:.1f} MB, {used}", sample["at"] / self.seconds)

    def _look(self) -> dict[str, Any]:
        counted = metrics(self.admin)
        return {
            "time": time.monotonic(),
            "resident": self.server.resident_bytes,
            "descriptors": self.server.descriptors,
            "tasks": counted["trioaudio_tasks"],
            "active": counted["trioaudio_calls_active"],
            "talking": len(self._talking()),
            "cpu": {program.name: program.cpu_seconds for program in self.programs} | {"callers": time.process_time()},
            "late": {name.split('"')[1]: value for name, value in counted.items() if name.startswith("trioaudio_ticker_late_total")},
        }

    def _cores(self, since: int = -2) -> dict[str, float]:
        """What each process has of a core."""
        if len(self.samples) < 2:
            return {}
        before, after = self.samples[max(since, -len(self.samples))], self.samples[-1]
        passed = after["time"] - before["time"]
        return {name: (after["cpu"][name] - before["cpu"][name]) / passed for name in after["cpu"]}

    def _judge_memory(self) -> None:
        settled = next(sample for sample in self.samples if sample["at"] >= SETTLED * self.seconds)
        grown = self.samples[-1]["resident"] - settled["resident"]
        self.report["memory"] = {"settled": settled["resident"], "end": self.samples[-1]["resident"], "grown": grown}
        self._must(grown < MOST_GROWTH, f"memory grew by {grown / 1e6:.1f} MB after a fifth of the time")

    def _hang_up(self, at_rest: dict[str, Any]) -> None:
        """All but a few; what they had must be given back."""
        self.world.run(QUIET)  # those that were just dialled begin to talk
        at_work, stay = self._look(), max(1, self.calls // 10)
        for phone in self._talking()[stay:]:
            phone.hang_up()
        self.world.run(QUIET)
        after = self._look()
        self._must(after["active"] == stay, f"{after['active']:.0f} calls are active, {stay} should be")
        for what in ("descriptors", "tasks"):
            each = (at_work[what] - at_rest[what]) / max(1, at_work["active"])
            expected = at_rest[what] + each * stay
            self.report[what] = {"at rest": at_rest[what], "of a call": each, "after": after[what], "expected": expected}
            self._must(after[what] <= expected + 3, f"{after[what] - expected:.0f} {what} are left of calls that have ended")

    def _go_away(self) -> None:
        for phone in self.phones:
            phone.expect_end()
        began = time.monotonic()
        self.server.process.terminate()
        while self.server.process.poll() is None and time.monotonic() - began < DRAIN + 10:
            self.world.run(0.1)
            self._show("going away", (time.monotonic() - began) / DRAIN)
        self.report["going away"] = round(time.monotonic() - began, 2)
        code = self.server.process.poll()
        self._must(code == 0, f"told to go away, the server ended with {code}" if code is not None else "the server did not go away")

    # ---- what is told

    def tell(self) -> dict[str, Any]:
        """The report."""
        first = self.samples[min(1, len(self.samples) - 1)]
        late = {name: value - first["late"].get(name, 0) for name, value in self.samples[-1]["late"].items()}
        return {
            "calls": self.calls,
            "calls in all": len(self.phones),
            "seconds": self.seconds,
            "problems": self.problems,
            "cores": {name: round(share, 3) for name, share in self._cores(-len(self.samples)).items()},
            "ms": {
                "pacing lateness": _of_buckets(late),
                "answer after a sentence": _shares(self.heard.answers),
                "sentence to clear": _shares(self.heard.silenced),
                "starvation in an answer": _shares(self.heard.starved),
                "caller to model": _shares(self.heard.carried),
                "model to caller": _shares(self.heard.brought),
                "callers' own lateness": _shares(self.heard.late),
            },
            **self.report,
            "samples": self.samples,
        }

    def _show(self, what: str, share: float) -> None:
        full = min(30, max(0, round(30 * share)))
        line = f"[{'#' * full}{'.' * (30 - full)}] {what}"
        if sys.stderr.isatty():
            print(f"\r\x1b[K{line[:140]}", end="", file=sys.stderr, flush=True)
        elif self.samples and what != self._told:
            print(line, file=sys.stderr, flush=True)
        self._told = what


def _shares(values: list[float]) -> dict[str, float] | None:
    """p50 and p99, in milliseconds."""
    found = sorted(values)
    return {f"p{p}": round(found[round(p / 100 * (len(found) - 1))] * 1000, 3) for p in (50, 99)} | {"of": len(found)} if found else None


def _of_buckets(late: dict[str, float]) -> dict[str, Any] | None:
    """The same of what was counted by bounds: the bound, at most."""
    total, told = sum(late.values()), dict[str, Any]()
    for share in (50, 99):
        passed = 0.0
        for bound, count in late.items():
            passed += count
            if total and passed >= share / 100 * total:
                told[f"p{share} at most"] = bound
                break
    return {**told, "of": total} if total else None


def _sentence() -> list[str]:
    with wave.open(str(clip_path("caller"))) as file:
        clip = Frame(file.readframes(round(2.6 * file.getframerate())), PCM16_16K)
    sound = Converter(PCM16_16K, MULAW_8K).convert(clip).data[round(0.6 * 8000) :]
    return [b64encode(sound[place : place + 160]).decode() for place in range(0, len(sound) - 159, 160)]


def main() -> None:
    """Do what was asked for."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--ramp", type=float, metavar="SECONDS", help="dial them over this time; a tenth of a second each by default")
    parser.add_argument("--model", choices=("emulate", "script"), default="emulate", help="who the callers talk to")
    parser.add_argument("--report", type=Path, default=Path("soak.json"))
    options = parser.parse_args()
    report = _soaked(options)
    options.report.write_text(json.dumps(report, indent=1) + "\n")
    _print(report, options.report)
    sys.exit(bool(report["problems"]))


def _soaked(options: argparse.Namespace) -> dict[str, Any]:
    phones: list[Phone] = []
    world = World(partial(Attentive, phones))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        programs = []
        if options.model == "emulate":
            model = stack.enter_context(running("model", ["emulate", "openai", "--port", "0"], folder))
            url = model.said(r"(ws://127\.0\.0\.1:\d+/v1)")[1]
            programs.append(model)
        else:
            url = world.upstream
        arguments = ["serve", "twilio", "--port", "0", "--admin-port", "0", "--public-url", PUBLIC_URL, "--log-level", "warning"]
        arguments += ["--model", "openai:gpt-realtime-2.1", "--base-url", url, "--drain-timeout", f"{DRAIN:g}"]
        arguments += ["--limit", f"calls={options.calls + 50}"]  # one that is ending and the one that follows it are two
        server = stack.enter_context(running("server", arguments, folder, TWILIO_AUTH_TOKEN=TOKEN))
        admin = server.said(r"admin +(http://\S+/)healthz")[1]
        port = int(server.said(r"here +127\.0\.0\.1:(\d+)")[1])
        ramp = options.calls * 0.1 if options.ramp is None else options.ramp
        soak = Soak(options.calls, options.minutes * 60, ramp, world, server, [server, *programs], admin, port, phones)
        try:
            soak.run()
        except Exception as exc:  # noqa: BLE001 - what has been found so far is worth a report
            soak.problems.append(f"the soak itself failed: {type(exc).__name__}: {exc}")
        report: dict[str, Any] = soak.tell() if soak.samples else {"problems": soak.problems}
        report["server said"] = server.log.read_text()[-4_000:]
        return report


def _print(report: dict[str, Any], path: Path) -> None:
    print("\n" if sys.stderr.isatty() else "", end="", file=sys.stderr)
    for name, figures in report.get("ms", {}).items():
        if figures is not None:
            shown = ", ".join(f"{key} {value} ms" for key, value in figures.items() if key != "of")
            print(f"  {name:26} {shown}, of {figures['of']:g}")
    print(f"  of a core: {report.get('cores')}; of {os.cpu_count()}")
    print(f"  memory {report.get('memory')}, descriptors {report.get('descriptors')}, tasks {report.get('tasks')}")
    print(f"the report is in {path}")
    print("\n".join(["what does not hold:", *report["problems"]]) if report["problems"] else "all of it holds")


if __name__ == "__main__":
    main()
