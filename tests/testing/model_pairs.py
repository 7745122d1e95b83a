"""Models with their servers, as their authors would hand them to the conformance kit."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial, reduce
from typing import Any

import trio
import trio.testing

from trioaudio.abc import Model
from trioaudio.audio import Frame
from trioaudio.models.elevenlabs import open_elevenlabs_over
from trioaudio.models.openai import open_openai_over
from trioaudio.models.openai_live import open_openai_live_over
from trioaudio.models.parrot import open_parrot
from trioaudio.models.xai import open_xai_over
from trioaudio.testing import (
    ElevenLabsCall,
    ElevenLabsEmulator,
    ElevenLabsQuestion,
    ElevenLabsReply,
    ElevenLabsServerOptions,
    MemoryWebSocket,
    OpenAICall,
    OpenAIEmulator,
    OpenAILiveEmulator,
    OpenAIReply,
    OpenAIServerOptions,
    Script,
    Utterance,
    calls,
    memory_websockets,
)

OpenPair = Callable[[], AbstractAsyncContextManager[tuple[Model, object]]]


class Verbs:
    """A script with the verbs of the kit: what it has heard is audio there, not a count."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.stall, self.end, self.fail = script.stall, script.end, script.fail

    def heard(self) -> list[Frame]:
        return self._script.appended

    def say(self, frames: list[Frame]) -> None:
        self._script.answer(Utterance("answer", frames))

    def answers(self, frames: list[Frame]) -> None:
        self._script.script(*([Utterance(f"answer {number}", frames)] for number in range(5)))

    def call(self, name: str, arguments: str) -> None:
        self._script.answer(calls((name, arguments)))

    def results(self) -> list[tuple[str, str]]:
        return [(result.call_id, result.output) for result in self._script.results]


def scripted(make: Callable[[Model, Script], Model] = lambda model, script: model, **options: Any) -> OpenPair:
    """Pairs of a script and a connection with it, or of a model made around one."""

    @asynccontextmanager
    async def open_pair() -> AsyncGenerator[tuple[Model, object], None]:
        script = Script(pause=None, **options)
        async with script() as model:
            yield make(model, script), Verbs(script)

    return open_pair


class Echo:
    """What makes a parrot say something: it says it itself, and commits."""

    def __init__(self, parrot: Model) -> None:
        self._parrot = parrot

    async def say(self, frames: list[Frame]) -> None:
        for frame in frames:
            self._parrot.append_nowait(frame)
        await self._parrot.commit()


@asynccontextmanager
async def parrot() -> AsyncGenerator[tuple[Model, object], None]:
    async with open_parrot(engine="off") as model:
        yield model, Echo(model)


class Emulated:
    """What the kit asks of an emulated OpenAI server."""

    def __init__(self, emulator: OpenAIEmulator, socket: Tapped) -> None:
        self._emulator, self._socket = emulator, socket
        self.fail = emulator.fail

    def heard(self) -> bytes:
        return b"".join(b64decode(message["audio"]) for message in self._socket.sent if message["type"] == "input_audio_buffer.append")

    def results(self) -> list[tuple[str, str]]:
        items = [message["item"] for message in self._socket.sent if message["type"] == "conversation.item.create"]
        return [(item["call_id"], item["output"]) for item in items if item["type"] == "function_call_output"]

    def say(self, frames: list[Frame]) -> None:
        self._emulator.say(OpenAIReply("answer", joined(frames)))

    def answers(self, frames: list[Frame]) -> None:
        self._socket.reply = OpenAIReply("answer", joined(frames))

    def call(self, name: str, arguments: str) -> None:
        self._emulator.say(OpenAIReply(calls=(OpenAICall(name, arguments),)))

    def end(self) -> None:
        self._emulator.close()

    def stall(self) -> None:
        self._socket.stalls = True


class Tapped(MemoryWebSocket):
    """The model's end of a websocket: what was sent is written down, unless it stalls."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[dict[str, Any]] = []
        self.stalls = False
        self.reply = OpenAIReply("Hello.")

    async def send(self, data: str | bytes) -> None:
        await trio.lowlevel.checkpoint()
        if self.stalls:
            await trio.sleep(5)
            self.fail()
        super().send_nowait(data)
        self.sent.append(json.loads(data))

    def send_nowait(self, data: str | bytes) -> None:
        if self.stalls:
            raise trio.WouldBlock
        super().send_nowait(data)
        self.sent.append(json.loads(data))


def joined(frames: list[Frame]) -> Frame:
    return reduce(Frame.joined, frames)


@asynccontextmanager
async def openai(open_over: Any = open_openai_over, **options: Any) -> AsyncGenerator[tuple[Model, object], None]:
    ours, theirs = memory_websockets(Tapped, MemoryWebSocket)
    assert isinstance(ours, Tapped)
    emulator = OpenAIEmulator(lambda question: ours.reply, OpenAIServerOptions(**options))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(emulator.serve, theirs, model="emulated", key=None))  # noqa: ASYNC113 - it may be late
        async with open_over(ours) as model:
            await trio.testing.wait_all_tasks_blocked()
            yield model, Emulated(emulator, ours)
        nursery.cancel_scope.cancel()


def xai() -> AbstractAsyncContextManager[tuple[Model, object]]:
    return openai(open_xai_over, dialect="xai")


class EmulatedLive:
    """What the kit asks of an emulated GPT-Live: of its stream it knows no answers."""

    def __init__(self, emulator: OpenAILiveEmulator, ours: Tapped, theirs: MemoryWebSocket) -> None:
        self._emulator, self._socket = emulator, ours
        self.fail = theirs.fail

    def heard(self) -> bytes:
        return b"".join(b64decode(message["audio"]) for message in self._socket.sent if message["type"] == "session.input_audio.append")

    def end(self) -> None:
        self._emulator.last.end("remote_hangup")
        self._emulator.wake()

    def stall(self) -> None:
        self._socket.stalls = True


@asynccontextmanager
async def openai_live() -> AsyncGenerator[tuple[Model, object], None]:
    ours, theirs = memory_websockets(Tapped, MemoryWebSocket)
    assert isinstance(ours, Tapped)
    emulator = OpenAILiveEmulator()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(emulator.serve, theirs)  # noqa: ASYNC113 - it may be late
        async with open_openai_live_over(ours, "emulated") as model:
            yield model, EmulatedLive(emulator, ours, theirs)
        nursery.cancel_scope.cancel()


class EmulatedAgent:
    """What the kit asks of an emulated ElevenLabs agent, which says nothing but what it is told to."""

    def __init__(self, emulator: ElevenLabsEmulator, socket: Tapped) -> None:
        self._emulator, self._socket = emulator, socket
        self.fail = emulator.fail
        self.reply: ElevenLabsReply | None = None

    def answer(self, question: ElevenLabsQuestion) -> ElevenLabsReply | None:
        return None if question.results or question.heard else self.reply

    def heard(self) -> bytes:
        return b"".join(b64decode(message["user_audio_chunk"]) for message in self._socket.sent if "user_audio_chunk" in message)

    def results(self) -> list[tuple[str, str]]:
        return [(call_id, output) for call_id, (output, _) in self._emulator.sessions[-1].results.items()]

    def say(self, frames: list[Frame]) -> None:
        self._emulator.say(ElevenLabsReply("answer", joined(frames)))

    def answers(self, frames: list[Frame]) -> None:
        self.reply = ElevenLabsReply("answer", joined(frames))

    def call(self, name: str, arguments: str) -> None:
        self._emulator.say(ElevenLabsReply(calls=(ElevenLabsCall(name, arguments),)))

    def end(self) -> None:
        self._emulator.close()

    def stall(self) -> None:
        self._socket.stalls = True


@asynccontextmanager
async def elevenlabs() -> AsyncGenerator[tuple[Model, object], None]:
    ours, theirs = memory_websockets(Tapped, MemoryWebSocket)
    assert isinstance(ours, Tapped)
    emulator = ElevenLabsEmulator(lambda question: agent.answer(question), ElevenLabsServerOptions(first_message=""))
    agent = EmulatedAgent(emulator, ours)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(emulator.serve, theirs, agent_id="emulated"))  # noqa: ASYNC113 - it may be late
        async with open_elevenlabs_over(ours) as model:
            yield model, agent
        nursery.cancel_scope.cancel()
