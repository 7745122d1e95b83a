"""The acceptance of sources: what `trioaudio.abc.Source` promises, checked on a source and its far end."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from itertools import pairwise

import trio

from .. import Channel, Timeouts, open_channel
from ..abc import Buffering, Paced, Played
from ..audio import PTIME, AudioFormat, Frame
from ._kit import ClockName, Kit, NotChecked, require, require_checkpoint, until
from ._leftovers import watch_leftovers
from ._noise import difference, frames_of, joined, parse_whole, without_silence
from ._report import Report
from ._source_bench import PATIENCE, OpenSourcePair, SourceBench, open_bench

SOURCES: Kit[SourceBench] = Kit()
ROUNDING = 0.05
"""Seconds of tolerance for what is measured: timers have phases, and real clocks are late."""


def check_source(
    open_pair: OpenSourcePair, *, clock: ClockName = "virtual", only: Collection[str] | None = None, raise_: bool = True
) -> Report:
    """Check a source against its contract; the proof that a plugin works.

    ```python
    @asynccontextmanager
    async def open_pair():
        source, far_end = memory_pair()
        yield source, FarEnd(far_end)  # with speak, heard, stall, hang_up and fail, or some of them

    def test_conformance():
        print(check_source(open_pair))
    ```

    The far end may have these verbs, each ``def`` or ``async def``; without one of them the checks that need it are listed as
    not checked:

    - ``speak(frame)``: the far party says 20 ms of audio, in the source's input format, byte for byte;
    - ``heard()``: all that has been heard so far, in the output format, byte for byte: bytes, a `Frame` or frames. What
      arrived may count as heard at once, as long as a clear takes back what would not have been played yet;
    - ``stall()``: from now on it takes nothing;
    - ``hang_up()``; ``fail()``: the connection breaks.

    Args:
        open_pair: an ``@asynccontextmanager`` function that yields a new source and its far end; called once for each check.
        clock: "real" for sources with sockets or threads, which do not wait for a virtual clock; it takes 10 s or so.
        only: names of checks to make; all of them unless told otherwise.
        raise_: whether to raise when a check fails.

    Returns:
        A report that prints as a table.

    Raises:
        AssertionError: checks failed; lists all of them.
        ValueError: there is no check of such a name.
    """
    report = SOURCES.report("check_source", partial(open_bench, open_pair), clock, only)
    if raise_:
        report.raise_failures()
    return report


@SOURCES.check()
async def declares_what_it_is(bench: SourceBench) -> None:  # noqa: ASYNC124 - awaited like every check
    """Its formats are `AudioFormat`, its far end is `Paced` or `Buffering`, with a lead that is a number of seconds."""
    source = bench.source
    for name in ("input_format", "output_format"):
        require(isinstance(getattr(source, name, None), AudioFormat), f"{name} is {getattr(source, name, 'missing')!r}, no AudioFormat")
    require(isinstance(source.far_end, Paced | Buffering), f"far_end is {source.far_end!r}; make it Paced(...) or Buffering(...)")
    require(0 <= source.far_end.lead < 3600, f"far_end.lead is {source.far_end.lead!r}; it is in seconds")


NAMED = (declares_what_it_is.__name__.replace("_", " "),)


@SOURCES.check(after=NAMED)
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


async def _receive_or_wait(bench: SourceBench) -> None:
    with trio.move_on_after(1):
        await bench.source.receive()


@SOURCES.check(after=NAMED)
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


@SOURCES.check(needs=("speak",), after=NAMED)
async def audio_in_is_whole_and_in_order(bench: SourceBench) -> None:
    """What the far party says is received, all of it, in its order."""
    async with bench.receiving():
        said = await bench.let_speak(0.5)
        got = await bench.wait_received(said)
    require_same(said, got, bench.source.input_format, "of what the far party said")


@SOURCES.check(after=(*NAMED, "audio in has format and media time", "audio in is whole and in order"))
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


@SOURCES.check(needs=("hang_up",), after=NAMED)
async def hang_up_ends_receive(bench: SourceBench) -> None:
    """After a hang-up `receive` raises `trio.EndOfChannel`, again and again."""
    await bench.do("hang_up")
    await _require_end(bench, trio.EndOfChannel, "after a hang-up")


@SOURCES.check(needs=("fail",), after=NAMED)
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


@SOURCES.check(needs=("hang_up",), after=(*NAMED, "hang up ends receive"))
async def send_breaks_after_hang_up(bench: SourceBench) -> None:
    """Once the far party has hung up, and `receive` has said so, sending raises `trio.BrokenResourceError`."""
    await _require_broken_send(bench, "hang_up")


@SOURCES.check(needs=("fail",), after=(*NAMED, "failure breaks receive"))
async def send_breaks_after_failure(bench: SourceBench) -> None:
    """Once the connection has failed, and `receive` has said so, sending raises `trio.BrokenResourceError`."""
    await _require_broken_send(bench, "fail")


async def _require_broken_send(bench: SourceBench, verb: str) -> None:
    async with bench.receiving():
        await bench.do(verb)
        await bench.wait_end()
        try:
            await bench.hand_over(bench.speech(1.0), bench.source.send_nowait)
        except trio.BrokenResourceError:
            return
    raise AssertionError(f"1 s of audio was taken after {verb}(); raise trio.BrokenResourceError")


@SOURCES.check(needs=("heard",), after=NAMED)
async def audio_out_is_whole_and_in_order(bench: SourceBench) -> None:
    """What `send` takes is heard, all of it, in its order."""
    audio = bench.speech(0.5)
    async with bench.receiving():
        await bench.hand_over(audio)
        got = await bench.wait_heard(audio.data)
    require_same(audio.data, got, audio.format, "of what was sent")


HEARD = (*NAMED, "audio out is whole and in order")


@SOURCES.check(needs=("heard",), after=HEARD)
async def send_nowait_takes_all_or_nothing(bench: SourceBench) -> None:
    """`send_nowait` takes a frame whole or raises `trio.WouldBlock` and takes nothing."""
    taken = 0

    def send_nowait(frame: Frame) -> None:
        nonlocal taken
        bench.source.send_nowait(frame)
        taken += 1

    audio = bench.speech(0.5)
    async with bench.receiving():
        await bench.hand_over(audio, send_nowait)
        got = await bench.wait_heard(audio.data)
    if not taken:
        raise NotChecked("the source has no fast way: send_nowait always raises WouldBlock")
    require_same(audio.data, got, audio.format, "of what was sent, in part by send_nowait(),")


@SOURCES.check(needs=("heard",), after=HEARD)
async def cancelled_send_completes_or_breaks(bench: SourceBench) -> None:
    """A `send` that is cancelled has written its frame whole, or nothing of it, or the source is broken."""
    rng = random.Random(0)
    pieces: list[tuple[Frame, bool]] = []
    broke = False
    async with bench.receiving():
        for frame in frames_of(bench.speech(0.5), PTIME):
            completed = False
            try:
                with trio.CancelScope(deadline=trio.current_time() + rng.choice((-1, 0, 0, 0.001, 0.005, 1))):
                    await bench.source.send(frame)
                    completed = True
            except trio.BrokenResourceError:
                broke = True
                break
            pieces.append((frame, completed))
            await trio.sleep(PTIME)
        must = joined(frame for frame, completed in pieces if completed)
        got = await bench.wait_heard(must)
    complaint = parse_whole(got, pieces)
    require(broke or complaint is None, f"{complaint}: a send() that was cancelled left half a frame")


@SOURCES.check(after=NAMED)
async def send_keeps_up_with_real_time(bench: SourceBench) -> None:
    """Frames of 20 ms are taken as fast as they sound."""
    start, seconds = trio.current_time(), 1.0
    async with bench.receiving():
        for frame in frames_of(bench.speech(seconds), PTIME):
            await bench.source.send(frame)
    took = trio.current_time() - start
    require(took <= seconds + ROUNDING, f"{seconds} s of audio took {took:.2f} s to send; a channel would fall behind")


@SOURCES.check(needs=("heard",), after=HEARD)
async def clear_forgets_what_is_unplayed(bench: SourceBench) -> None:
    """After `clear` the far end plays nothing of what it had not played, and all of what comes then."""
    if not bench.source.far_end.can_clear:
        raise NotChecked("the far end cannot be cleared (far_end.can_clear)")
    stale, fresh = bench.speech(max(bench.source.far_end.lead, 0.5), seed=1), bench.speech(0.2, seed=2)
    async with bench.receiving():
        for frame in frames_of(stale, bench.chunk):
            await bench.source.send(frame)
        await bench.source.clear()
        await bench.hand_over(fresh)
        await until(lambda: _ends_with(bench, fresh.data), PATIENCE)
        await trio.sleep(stale.duration)
        got = await bench.heard()
    require(got.endswith(fresh.data), "what was sent after the clear was not heard to its end, or not last")
    before = got[: len(got) - len(fresh.data)]
    require(stale.data.startswith(before), "what was heard before the clear is not the beginning of what was sent")
    require(len(before) < len(stale.data), f"all {stale.duration} s that were cleared at once were heard")


async def _ends_with(bench: SourceBench, data: bytes) -> bool:
    return (await bench.heard()).endswith(data)


@SOURCES.check(after=NAMED)
async def reports_count_up_from_each_clear(bench: SourceBench) -> None:
    """`Played` reports never go back, never say more than was sent, reach it in the end, and begin anew with each clear."""
    far_end = bench.source.far_end
    if not far_end.reports:
        raise NotChecked("the source does not report what was played (far_end.reports)")
    async with bench.receiving():
        for generation in range(2 if far_end.can_clear else 1):
            audio = bench.speech(0.5)
            await bench.hand_over(audio)
            _require_reports(await _reports_of(bench, generation, audio.num_samples), audio.num_samples)
            if far_end.can_clear:
                await bench.source.clear()
    last = 1 if far_end.can_clear else 0
    strange = [report for report in bench.reports if not 0 <= report.clears <= last + 1]
    require(not strange, f"{strange[:1]} names a clear that never was")


async def _reports_of(bench: SourceBench, generation: int, samples: int) -> list[Played]:
    def come() -> list[Played]:
        return [report for report in bench.reports if report.clears == generation]

    await until(lambda: any(report.samples == samples for report in come()), PATIENCE)
    return come()


def _require_reports(reports: list[Played], sent: int) -> None:
    require(reports, f"no report came within {PATIENCE} s of {sent} samples")
    for before, report in pairwise(reports):
        require(report.samples >= before.samples, f"{report} came after {before}")
    require(reports[-1].samples == sent, f"the last report is {reports[-1]}; {sent} samples had been sent and played since the clear")


@SOURCES.check(
    needs=("heard",),
    after=(*HEARD, "send nowait takes all or nothing", "clear forgets what is unplayed", "audio in has format and media time"),
)
async def interrupted_channel_is_silent(bench: SourceBench) -> None:
    """Through a real channel: an interrupted turn is heard from its beginning up to the interruption, and nothing of it later."""
    async with open_channel(bench.source) as channel:
        for turn in range(2):
            await _require_interruption(bench, channel, bench.speech(2.0, seed=turn))


async def _require_interruption(bench: SourceBench, channel: Channel, audio: Frame) -> None:
    before = len(await bench.heard())
    start = trio.current_time()
    channel.turn("checked").send_nowait(audio)
    await trio.sleep(0.4)
    decided = await channel.interrupt().settled()
    tail = 0.1 + (0.0 if bench.source.far_end.can_clear else bench.source.far_end.lead)
    await trio.sleep(tail)
    got = (await bench.heard())[before:]
    require(audio.data.startswith(got), "what was heard is not the beginning of what was said")
    heard = len(got) / audio.format.sample_bytes / audio.format.rate
    most = decided.decided_at - start + tail
    require(heard <= most, f"{heard:.2f} s were heard of a turn that was interrupted after {decided.decided_at - start:.2f} s")
    await trio.sleep(1.0)
    later = len(await bench.heard()) - before
    require(later == len(got), "the far end heard more of the turn after it had fallen silent")


@SOURCES.check(after=NAMED)
async def channel_closes_in_time(bench: SourceBench) -> None:
    """Through a real channel: the goodbye takes no longer than `Timeouts.close`."""
    await _require_close(bench, stalled=False)


@SOURCES.check(needs=("stall",), after=(*NAMED, "channel closes in time"))
async def channel_closes_although_far_end_stalls(bench: SourceBench) -> None:
    """Through a real channel: a far end that takes nothing holds no block open past `Timeouts.close`."""
    await _require_close(bench, stalled=True)


async def _require_close(bench: SourceBench, *, stalled: bool) -> None:
    timeouts = Timeouts()
    async with open_channel(bench.source, timeouts=timeouts) as channel:
        if stalled:
            await bench.do("stall")
        channel.turn("unheard").send_nowait(bench.speech(5.0))
        await trio.sleep(0.3)
        closing_since = trio.current_time()
    took = trio.current_time() - closing_since
    require(
        took <= timeouts.close + ROUNDING, f"closing took {took:.2f} s; the timeout is {timeouts.close} s: does something shield itself?"
    )


@SOURCES.check(after=(*NAMED, "audio in has format and media time"))
async def leaves_nothing_behind(bench: SourceBench) -> None:
    """It can be opened again, and after its block no task, no open file and no warning is left of it."""
    with watch_leftovers() as leftovers:
        for _ in range(2):
            async with bench.open_pair() as (source, _), open_channel(source) as channel:
                channel.turn("short").send_nowait(bench.speech(0.1))
                await trio.sleep(0.3)
    require(not leftovers, "; ".join(leftovers))


def require_same(expected: bytes, got: bytes, format: AudioFormat, what: str) -> None:
    """Fail the check unless both are the same audio."""
    got = without_silence(got, format)
    found = difference(expected, got, format)
    require(found is None, f"{what} {found}")
