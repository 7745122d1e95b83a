"""The cheapest model there can be: what it hears it says, at once, as one endless answer."""

from __future__ import annotations

import math

import trio

from trioaudio import Agent, AudioDelta, ModelEvent
from trioaudio.abc import Model
from trioaudio.audio import AudioFormat, Frame


class Echo(Model):
    """An echo, one memory channel deep."""

    name = "echo"

    def __init__(self, format: AudioFormat) -> None:
        self.input_formats = self.output_formats = (format,)
        self._said_send, self._said_receive = trio.open_memory_channel[ModelEvent](math.inf)

    async def start(self, agent: Agent, input_format: AudioFormat, output_format: AudioFormat) -> None:
        await trio.lowlevel.checkpoint()

    async def receive(self) -> ModelEvent:
        return await self._said_receive.receive()

    def append_nowait(self, frame: Frame) -> None:
        self.say(AudioDelta("echo", frame))

    async def append(self, frame: Frame) -> None:
        await trio.lowlevel.checkpoint()
        self.append_nowait(frame)

    def say(self, event: ModelEvent) -> None:
        """Say something that is no echo."""
        self._said_send.send_nowait(event)
