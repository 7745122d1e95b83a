"""Checks of one connection with a model: that it is one at all, and that it listens, speaks, obeys and ends as it promises."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import partial
from typing import get_args

import trio

from ... import AudioDelta, AudioDone, CapabilityError, ModelEvent, ResponseCreated, ResponseDone, Timeouts
from ...abc import Capability, Model
from ...audio import AudioFormat, Frame
from .._kit import Kit, NotChecked, require, require_checkpoint, until
from .._noise import difference, frames_of, joined, parse_whole
from .bench import PATIENCE, ModelBench

TALKING: Kit[ModelBench] = Kit()


@TALKING.check()
async def declares_what_it_is(bench: ModelBench) -> None:  # noqa: ASYNC124 - awaited like every check
    """It has a name, formats it hears and speaks, and capabilities that exist."""
    model = bench.model
    require(isinstance(model.name, str) and model.name, f"name is {model.name!r}; it appears in messages and on the screen")
    for name in ("input_formats", "output_formats"):
        formats = getattr(model, name)
        fine = formats and all(isinstance(format, AudioFormat) for format in formats)
        require(fine, f"{name} is {formats!r}; name at least one AudioFormat, the best first")
    unknown = set(model.capabilities) - set(get_args(Capability))
    require(not unknown, f"capabilities has {sorted(unknown)}; there are {', '.join(get_args(Capability))}")


NAMED = (declares_what_it_is.__name__.replace("_", " "),)


@TALKING.check(after=NAMED)
async def starts(bench: ModelBench) -> None:
    """`start` returns once the session exists, within `Timeouts.start`."""
    with trio.move_on_after(Timeouts().start):
        await bench.start()
        return
    raise AssertionError(f"start() did not return within {Timeouts().start} s")


STARTED = (*NAMED, "starts")


@TALKING.check(after=STARTED)
async def every_method_is_a_checkpoint(bench: ModelBench) -> None:
    """Each async method lets others run and can be cancelled, also when it need not wait."""
    await require_checkpoint("start", bench.start)
    for _ in range(3):
        await require_checkpoint("receive", partial(_receive_or_wait, bench))
    await require_checkpoint("append", lambda: bench.model.append(bench.speech(0.02)[0]))
    for capability, command in bench.commands().items():
        if capability in bench.model.capabilities:
            await require_checkpoint(f"the command for {capability!r}", command)


async def _receive_or_wait(bench: ModelBench) -> None:
    with trio.move_on_after(1):
        await bench.model.receive()


@TALKING.check(after=STARTED)
async def refuses_what_it_does_not_declare(bench: ModelBench) -> None:
    """It takes the commands it declares and raises `CapabilityError` for the others."""
    async with bench.receiving():
        for capability, command in bench.commands().items():
            refused = False
            try:
                await command()
            except CapabilityError:
                refused = True
            declared = capability in bench.model.capabilities
            require(refused != declared, f"it {'declares' if declared else 'does not declare'} {capability!r}, and {_did(refused)}")
        if "aside" not in bench.model.capabilities:
            require(await _refuses_to_answer_aside(bench.model), "it does not declare 'aside', and does not raise CapabilityError for it")
    if "resume" not in bench.model.capabilities:
        require(_refuses_to_resume(bench.model), "it does not declare 'resume', and does not raise CapabilityError for it")


async def _refuses_to_answer_aside(model: Model) -> bool:
    try:
        await model.aside("Say nothing.")
    except CapabilityError:
        return True
    return False


def _refuses_to_resume(model: Model) -> bool:
    try:
        model.resume("a token")
    except CapabilityError:
        return True
    return False


def _did(refused: bool) -> str:
    return "raises CapabilityError for it" if refused else "does not raise CapabilityError for it"


@TALKING.check(needs=("heard",), after=STARTED)
async def appended_audio_is_whole_and_in_order(bench: ModelBench) -> None:
    """What `append` takes reaches the server, all of it, in its order."""
    frames = bench.speech(0.5)
    async with bench.receiving():
        for frame in frames:
            await bench.append(frame)
        got = await bench.wait_heard(joined(frames))
    _require_same(joined(frames), got, bench.formats[0], "of what was appended")


HEARD = (*STARTED, "appended audio is whole and in order")


@TALKING.check(needs=("heard",), after=HEARD)
async def append_nowait_takes_all_or_nothing(bench: ModelBench) -> None:
    """`append_nowait` takes a frame whole or raises `trio.WouldBlock` and takes nothing."""
    frames = bench.speech(0.5)
    async with bench.receiving():
        taken = [await bench.append(frame, fast=True) for frame in frames]
        got = await bench.wait_heard(joined(frames))
    if not any(taken):
        raise NotChecked("the model has no fast way: append_nowait always raises WouldBlock")
    _require_same(joined(frames), got, bench.formats[0], "of what was appended, in part by append_nowait(),")


@TALKING.check(needs=("heard",), after=HEARD)
async def cancelled_append_completes_or_breaks(bench: ModelBench) -> None:
    """An `append` that is cancelled has written its frame whole, or nothing of it, or the model is broken."""
    rng = random.Random(0)
    pieces: list[tuple[Frame, bool]] = []
    broke = False
    async with bench.receiving():
        for frame in bench.speech(0.5):
            completed = False
            try:
                with trio.CancelScope(deadline=trio.current_time() + rng.choice((-1, 0, 0, 0.001, 0.005, 1))):
                    await bench.append(frame)
                    completed = True
            except trio.BrokenResourceError:
                broke = True
                break
            pieces.append((frame, completed))
            await trio.sleep(0.02)
        got = await bench.wait_heard(joined(frame for frame, completed in pieces if completed))
    complaint = parse_whole(got, pieces)
    require(broke or complaint is None, f"{complaint}: an append() that was cancelled left half a frame")


@TALKING.check(needs=("say",), after=STARTED)
async def answer_is_whole_and_in_order(bench: ModelBench) -> None:
    """What the server says is received, all of it, in its order, in the output format and under one item."""
    audio = bench.answer(0.5)
    async with bench.receiving():
        await bench.do("say", frames_of(audio, 0.1))
        await until(lambda: len(bench.spoken) >= len(audio.data), PATIENCE)
    wrong = [delta.frame.format for delta in bench.deltas if delta.frame.format != bench.formats[1]]
    require(not wrong, f"a delta is {wrong[:1]}, it was started with {bench.formats[1]}")
    _require_same(audio.data, bench.spoken, bench.formats[1], "of what the server said")
    items = {delta.item_id for delta in bench.deltas}
    require(len(items) == 1, f"one answer has the items {sorted(items)}; give it one item_id")


@TALKING.check(needs=("say",), after=(*STARTED, "answer is whole and in order"))
async def answer_is_announced_and_ended(bench: ModelBench) -> None:
    """`ResponseCreated` comes before an answer, `AudioDone` and `ResponseDone` after it."""
    async with bench.receiving():
        await bench.do("say", frames_of(bench.answer(0.3), 0.1))
        await until(lambda: any(isinstance(event, ResponseDone) for event in bench.received), PATIENCE)
    kinds = [type(event) for event in bench.received if isinstance(event, ResponseCreated | AudioDelta | AudioDone | ResponseDone)]
    found = ", ".join(kind.__name__ for kind in dict.fromkeys(kinds)) or "none of them"
    require(_bracketed(kinds), f"the order is {found}; it should be ResponseCreated, AudioDelta, AudioDone, ResponseDone")


def _bracketed(kinds: Sequence[type[ModelEvent]]) -> bool:
    number = kinds.count(AudioDelta)
    return number > 0 and list(kinds) == [ResponseCreated, *[AudioDelta] * number, AudioDone, ResponseDone]


@TALKING.check(needs=("say",), after=(*STARTED, "answer is whole and in order"))
async def cancelled_receive_loses_nothing(bench: ModelBench) -> None:
    """A `receive` that is cancelled, before or while it waits, takes nothing with it."""
    audio = bench.answer(0.5)
    rng = random.Random(0)
    await bench.start()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.do, "say", frames_of(audio, 0.05))
        deadline = trio.current_time() + PATIENCE
        while trio.current_time() < deadline and len(bench.spoken) < len(audio.data):
            with trio.CancelScope(deadline=trio.current_time() + rng.choice((-1, 0, 0.0005, 0.003, 0.011))):
                bench.received.append(await bench.model.receive())
            await trio.sleep(0.001)
    _require_same(audio.data, bench.spoken, bench.formats[1], "of what the server said, receive() being cancelled often,")


@TALKING.check(needs=("end",), after=STARTED)
async def end_ends_receive(bench: ModelBench) -> None:
    """After the server ended the session `receive` raises `trio.EndOfChannel`, again and again."""
    await _require_end(bench, "end", trio.EndOfChannel)


@TALKING.check(needs=("fail",), after=STARTED)
async def failure_breaks_receive(bench: ModelBench) -> None:
    """After the connection failed `receive` raises `trio.BrokenResourceError`, again and again."""
    await _require_end(bench, "fail", trio.BrokenResourceError)


async def _require_end(bench: ModelBench, verb: str, kind: type[Exception]) -> None:
    async with bench.receiving():
        await bench.do(verb)
        ended_by = await bench.wait_end()
    require(ended_by is not None, f"receive() did not end within {PATIENCE} s after {verb}()")
    require(isinstance(ended_by, kind), f"receive() raised {ended_by!r} after {verb}(); raise trio.{kind.__name__}")
    again: object = "nothing"
    with trio.move_on_after(1):
        try:
            again = await bench.model.receive()
        except kind:
            return
        except Exception as exc:  # noqa: BLE001 - whatever it is, it is the wrong one
            again = exc
    raise AssertionError(f"receive() raised {kind.__name__} after {verb}(), but the next call gave {again!r}; raise it again and again")


@TALKING.check(needs=("end",), after=(*STARTED, "end ends receive"))
async def append_breaks_after_end(bench: ModelBench) -> None:
    """Once the session has ended, and `receive` has said so, appending raises `trio.BrokenResourceError`."""
    await _require_broken_append(bench, "end")


@TALKING.check(needs=("fail",), after=(*STARTED, "failure breaks receive"))
async def append_breaks_after_failure(bench: ModelBench) -> None:
    """Once the connection has failed, and `receive` has said so, appending raises `trio.BrokenResourceError`."""
    await _require_broken_append(bench, "fail")


async def _require_broken_append(bench: ModelBench, verb: str) -> None:
    async with bench.receiving():
        await bench.do(verb)
        await bench.wait_end()
        try:
            for frame in bench.speech(1.0):
                await bench.append(frame, fast=True)
                await trio.sleep(0.001)
        except trio.BrokenResourceError:
            return
    raise AssertionError(f"1 s of audio was taken after {verb}(); raise trio.BrokenResourceError")


def _require_same(expected: bytes, got: bytes, format: AudioFormat, what: str) -> None:
    found = difference(expected, got, format)
    require(found is None, f"{what} {found}")
