"""Checks of what goes to the far party: `Source.send`, ``send_nowait`` and ``clear``, and the reports of what was played."""

from __future__ import annotations

import random
from itertools import pairwise

import trio

from ...abc import Played
from ...audio import PTIME, Frame
from .._kit import Kit, NotChecked, require, until
from .._noise import frames_of, joined, parse_whole
from .bench import PATIENCE, ROUNDING, SourceBench, require_same
from .receiving import NAMED

SENDING: Kit[SourceBench] = Kit()


@SENDING.check(needs=("hang_up",), after=(*NAMED, "hang up ends receive"))
async def send_breaks_after_hang_up(bench: SourceBench) -> None:
    """Once the far party has hung up, and `receive` has said so, sending raises `trio.BrokenResourceError`."""
    await _require_broken_send(bench, "hang_up")


@SENDING.check(needs=("fail",), after=(*NAMED, "failure breaks receive"))
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


@SENDING.check(needs=("heard",), after=NAMED)
async def audio_out_is_whole_and_in_order(bench: SourceBench) -> None:
    """What `send` takes is heard, all of it, in its order."""
    audio = bench.speech(0.5)
    async with bench.receiving():
        await bench.hand_over(audio)
        got = await bench.wait_heard(audio.data)
    require_same(audio.data, got, audio.format, "of what was sent")


HEARD = (*NAMED, "audio out is whole and in order")


@SENDING.check(needs=("heard",), after=HEARD)
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


@SENDING.check(needs=("heard",), after=HEARD)
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


@SENDING.check(after=NAMED)
async def send_keeps_up_with_real_time(bench: SourceBench) -> None:
    """Frames of 20 ms are taken as fast as they sound."""
    start, seconds = trio.current_time(), 1.0
    async with bench.receiving():
        for frame in frames_of(bench.speech(seconds), PTIME):
            await bench.source.send(frame)
    took = trio.current_time() - start
    require(took <= seconds + ROUNDING, f"{seconds} s of audio took {took:.2f} s to send; a channel would fall behind")


@SENDING.check(needs=("heard",), after=HEARD)
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


@SENDING.check(after=NAMED)
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
