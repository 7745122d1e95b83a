"""A real server for a real page, on the real clock, with a model that says what it hears; and what the microphone hears."""

from __future__ import annotations

import base64
import wave
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import trio
from browser.devtools import Page

from trioaudio import Call, Channel, Event, Secret, Subscription, open_front_door, open_server, open_session
from trioaudio.abc import FrontDoor, Request, Response
from trioaudio.audio import PCM16_16K, PCM16_24K, Converter, Frame
from trioaudio.clips import clip_path
from trioaudio.models.parrot import open_parrot
from trioaudio.sources import browser

RATE = 24_000
TAP = """(async () => {
  const {context, analysers: {output}} = trioaudio.call;
  await context.audioWorklet.addModule("/tap-worklet.js");
  const tap = new AudioWorkletNode(context, "tap", {numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit"});
  globalThis.tapped = [];
  tap.port.onmessage = ({data}) => tapped.push(data);
  output.connect(tap);
})()"""
TAPPED = """(() => {
  const bytes = new Uint8Array(tapped.length * 512);
  tapped.forEach((samples, index) => bytes.set(new Uint8Array(samples.buffer), index * 512));
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
})()"""


def spoken(begins: float, ends: float) -> np.ndarray:
    """Words of the shipped caller, who speaks from 0.6 to 2.4 s and from 4.2 to 7.7 s; -1 to 1."""
    with wave.open(str(clip_path("caller")), "rb") as clip:
        words = Frame(clip.readframes(clip.getnframes()), PCM16_16K).cut(round(begins * 16_000), round(ends * 16_000))
    return np.frombuffer(Converter(PCM16_16K, PCM16_24K).convert(words).data, "<i2") / 32768


def silence(seconds: float) -> np.ndarray:
    """A quiet room: what is played of it can be told from nothing."""
    return np.random.default_rng(1).normal(0, 0.003, round(seconds * RATE))


def write_wav(path: Path, *parts: np.ndarray) -> Path:
    """What the microphone hears; a second of silence comes first, in which a call begins."""
    samples = np.concatenate([silence(1), *parts, silence(0.5)])
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


FIRST, SECOND = spoken(0.6, 2.5), spoken(4.1, 5.4)


class House:
    """A server, and what it knows of the calls there were."""

    def __init__(self, door: FrontDoor) -> None:
        self.url = door.public_url("/")
        self._door = door
        self.channels: list[Channel] = []
        self.events: list[Event] = []
        self.sessions = 0

    def offer(self, path: str, content: bytes, type: str) -> None:
        """Serve something else too."""

        async def serve(request: Request) -> Response:
            return Response(content, content_type=type)

        self._door.route("GET", path, serve, auth="none")

    async def answer(self, call: Call, *, engine: Any) -> None:
        """Let a parrot talk, and write down what happens."""
        async with call.accept() as channel, trio.open_nursery() as nursery:
            self.channels.append(channel)
            nursery.start_soon(self._write_down, channel.subscribe())
            async with open_session(channel, partial(open_parrot, engine=engine)) as session:
                self.sessions += 1
                await session.wait_closed()
            nursery.cancel_scope.cancel()

    async def _write_down(self, events: Subscription[Event]) -> None:
        with events:
            async for event in events:
                self.events.append(event)

    async def wait_answered(self) -> None:
        """Until a model listens."""
        with trio.fail_after(15):
            while True:
                await trio.sleep(0.02)
                if self.sessions:
                    return

    async def wait_for(self, kind: type[Any]) -> Any:
        """The first event of a kind."""
        with trio.fail_after(15):
            while True:
                for event in self.events:
                    if isinstance(event, kind):
                        return event
                await trio.sleep(0.02)


@asynccontextmanager
async def open_house(engine: str = "gate", token: Secret | None = None) -> AsyncGenerator[House, None]:
    """Serve the page."""
    async with open_front_door(port=0) as door, browser.listen(door, token=token)() as listener:
        house = House(door)
        house.offer("/tap-worklet.js", (Path(__file__).parent / "tap-worklet.js").read_bytes(), "text/javascript")
        async with open_server(listener, partial(house.answer, engine=engine)):
            yield house


async def call(page: Page) -> None:
    """Press the button, without anything that changes what the microphone hears, and write down what is played."""
    for box in ("echo", "noise", "gain"):
        await page.evaluate(f"document.getElementById('{box}').checked = false")
    await page.click("#talk")
    await page.wait_until("trioaudio.stats().connections == 1")


async def played(page: Page) -> np.ndarray:
    """All that the tap has heard."""
    return np.frombuffer(base64.b64decode(await page.evaluate(TAPPED)), "<f4")


def likeness(spoken: np.ndarray, heard: np.ndarray) -> float:
    """How much of what was spoken is in what was heard, wherever it is: 1 is all of it, unchanged.

    It is looked for in four pieces, and the second worst of them counts: a busy machine may lose a moment of its microphone.
    """
    return sorted(_likeness(piece, heard) for piece in np.array_split(spoken, 4))[1]


def _likeness(piece: np.ndarray, heard: np.ndarray) -> float:
    size = len(piece) + len(heard)
    correlation = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(piece, size)), size)
    at = int(np.argmax(correlation[: len(heard)]))
    part = heard[at : at + len(piece)]
    return float(correlation[at] / np.sqrt((part**2).sum() * (piece**2).sum() + 1e-12))
