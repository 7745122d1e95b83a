"""Checks of what comes from the far party: that it is a source at all, and that `Source.receive` keeps its promises."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import pairwise
from typing import get_args

import trio

from ... import CapabilityError
from ...abc import Buffering, Paced, SourceCapability
from ...audio import PTIME, AudioFormat, Frame
from .._kit import Kit, NotChecked, require, require_checkpoint
from .bench import PATIENCE, SourceBench, require_same

RECEIVING: Kit[SourceBench] = Kit()


@RECEIVING.check()
async def declares_what_it_is(bench: SourceBench) -> None:  # noqa: ASYNC124 - awaited like every check
    """Its formats are `AudioFormat`, its far end is `Paced` or `Buffering`, with a lead that is a number of seconds."""
    source = bench.source
    for name in ("input_format", "output_format"):
        require(isinstance(getattr(source, name, None), AudioFormat), f"{name} is {getattr(source, name, 'missing')!r}, no AudioFormat")
    require(isinstance(source.far_end, Paced | Buffering), f"far_end is {source.far_end!r}; make it Paced(...) or Buffering(...)")
    require(0 <= source.far_end.lead < 3600, f"far_end.lead is {source.far_end.lead!r}; it is in seconds")
    unknown = set(source.capabilities) - set(get_args(SourceCapability))
    require(not unknown, f"capabilities has {sorted(unknown)}; there are {', '.join(get_args(SourceCapability))}")


NAMED = (declares_what_it_is.__name__.replace("_", " "),)


@RECEIVING.check(after=NAMED)
async def every_method_is_a_checkpoint(bench: SourceBench) -> None:
    """Each async method lets others run and can be cancelled, also when it need not wait."""
    methods: dict[str, Callable[[], Awaitable[object]]] = {
        "receive": partial(_receive_or_wait, bench),
        "send": lambda: bench.source.send(bench.speech(PTIME)),
        "clear": bench.source.clear,
        "hang_up": bench.source.hang_up,
    }
    if bench.can("speak"):
        await bench.let_speak(5 * PTIME)
    for name, method in methods.items():
        for _ in range(3 if name == "receive" else 1):
            await require_checkpoint(name, method)


@RECEIVING.check(after=NAMED)
async def refuses_what_it_does_not_declare(bench: SourceBench) -> None:
    """It raises `CapabilityError` for the verbs that it does not declare, and takes those that it does."""
    source = bench.source
    verbs: dict[SourceCapability, Callable[[], Awaitable[None]]] = {
        "transfer": lambda: source.transfer("nobody"),
        "digits": lambda: source.send_digits("1"),
    }
    for capability, verb in verbs.items():
        refused = False
        try:
            await verb()
        except CapabilityError:
            refused = True
        except (ValueError, trio.BrokenResourceError):
            pass  # it can, and not this, not here
        declared = capability in source.capabilities
        complaint = f"it {'declares' if declared else 'does not declare'} {capability!r}, and {'refuses' if refused else 'takes'} it"
        require(refused != declared, complaint)


async def _receive_or_wait(bench: SourceBench) -> None:
    with trio.move_on_after(1):
        await bench.source.receive()


@RECEIVING.check(after=NAMED)
async def audio_in_has_format_and_media_time(bench: SourceBench) -> None:
    """Frames from `receive` are in the input format, and their media times count samples without gaps."""
    async with bench.receiving():
        await bench.wait_first_frame()
        await trio.sleep(0.2)
    frames = bench.frames
    require(frames, f"nothing was received within {PATIENCE} s of speech; receiving ended by {bench.ended_by!r}")
    for frame in frames:
        require(frame.format == bench.source.input_format, f"a frame is {frame.format}, the input_format is {bench.source.input_format}")
    _require_media_time(frames)


def _require_media_time(frames: list[Frame]) -> None:
    for before, frame in pairwise(frames):
        due = before.media_time + before.num_samples
        require(frame.media_time == due, f"a frame has media_time {frame.media_time}, {due} was due")


@RECEIVING.check(needs=("speak",), after=NAMED)
async def audio_in_is_whole_and_in_order(bench: SourceBench) -> None:
    """What the far party says is received, all of it, in its order."""
    async with bench.receiving():
        said = await bench.let_speak(0.5)
        got = await bench.wait_received(said)
    require_same(said, got, bench.source.input_format, "of what the far party said")


@RECEIVING.check(after=(*NAMED, "audio in has format and media time", "audio in is whole and in order"))
async def cancelled_receive_loses_nothing(bench: SourceBench) -> None:
    """A `receive` that is cancelled, before or while it waits, takes nothing with it."""
    if not bench.can("speak"):
        await _receive_and_cancel(bench, until=lambda: len(bench.frames) >= 25)
        if not bench.frames:
            raise NotChecked("the far end cannot speak, and sends no audio of its own accord")
        _require_media_time(bench.frames)
        return
    said = bytearray()

    async def speak() -> None:
        said.extend(await bench.let_speak(0.5))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(speak)
        await _receive_and_cancel(bench, until=lambda: said and len(bench.received_sound) >= len(said))
    require_same(
        bytes(said), bench.received_sound, bench.source.input_format, "of what the far party said, receive() being cancelled often,"
    )


async def _receive_and_cancel(bench: SourceBench, until: Callable[[], object]) -> None:
    rng = random.Random(0)
    deadline = trio.current_time() + PATIENCE
    while trio.current_time() < deadline and not until():
        with trio.CancelScope(deadline=trio.current_time() + rng.choice((-1, 0, 0.0005, 0.003, 0.011))):
            bench.received.append(await bench.source.receive())
        await trio.sleep(0.001)


@RECEIVING.check(needs=("hang_up",), after=NAMED)
async def hang_up_ends_receive(bench: SourceBench) -> None:
    """After a hang-up `receive` raises `trio.EndOfChannel`, again and again."""
    await bench.do("hang_up")
    await _require_end(bench, trio.EndOfChannel, "after a hang-up")


@RECEIVING.check(needs=("fail",), after=NAMED)
async def failure_breaks_receive(bench: SourceBench) -> None:
    """After the connection failed `receive` raises `trio.BrokenResourceError`, again and again."""
    await bench.do("fail")
    await _require_end(bench, trio.BrokenResourceError, "after a failure")


async def _require_end(bench: SourceBench, kind: type[Exception], when: str) -> None:
    async with bench.receiving():
        ended_by = await bench.wait_end()
    require(ended_by is not None, f"receive() did not end within {PATIENCE} s {when}")
    require(isinstance(ended_by, kind), f"receive() raised {ended_by!r} {when}; raise trio.{kind.__name__}")
    for _ in range(2):
        again: object = "nothing"
        with trio.move_on_after(1):
            try:
                again = await bench.source.receive()
            except kind:
                continue
            except Exception as exc:  # noqa: BLE001 - whatever it is, it is the wrong one
                again = exc
        raise AssertionError(f"receive() raised {kind.__name__} {when}, but the next call gave {again!r}; raise it again and again")
