"""What a server leaves behind on disk: a recording and a summary for each call, whole, private, and never at a call's expense."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import wave
from pathlib import Path

import pytest
import trio
import trio.testing

from trioaudio import AudioFileError, Call, open_server
from trioaudio.audio import PCM16_16K
from trioaudio.clips import tone
from trioaudio.testing import ScriptedExchange, ScriptedFarEnd

ON_THE_VIRTUAL_CLOCK = pytest.mark.usefixtures("virtual_clock")


async def beep(call: Call) -> None:
    """Say a second of tone, and end."""
    async with call.accept() as channel:
        with channel.turn(format=PCM16_16K) as turn:
            turn.send_nowait(tone(1.0, PCM16_16K))
        await channel.hang_up()


async def one_call(folder: Path, handle: object = beep) -> str:
    """Serve one call; the name of its files."""
    exchange, names = ScriptedExchange(), []
    exchange.dial(ScriptedFarEnd(format=PCM16_16K))
    exchange.close()
    async with open_server(exchange, handle, record=folder, on_summary=lambda summary: names.append(summary.id)) as server:
        await server.wait_ended()
    return names[0]


def recorded(folder: Path) -> tuple[int, bytes]:
    """The rate and the samples of the one recording in a folder."""
    [path] = folder.rglob("*.wav")
    with wave.open(str(path)) as recording:
        return recording.getframerate(), recording.readframes(recording.getnframes())


@ON_THE_VIRTUAL_CLOCK
async def test_each_call_has_a_recording_and_a_summary_in_the_folder_of_its_day(tmp_path: Path) -> None:
    name = await one_call(tmp_path / "calls")
    [day] = (tmp_path / "calls").iterdir()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", day.name)
    assert sorted(path.name for path in day.iterdir()) == [f"{name}.json", f"{name}.wav"]
    assert json.loads((day / f"{name}.json").read_text())["id"] == name
    with wave.open(str(day / f"{name}.wav")) as recording:
        assert recording.getnframes() / recording.getframerate() == pytest.approx(1.0, abs=0.1)


@ON_THE_VIRTUAL_CLOCK
async def test_they_are_for_their_owner_only(tmp_path: Path) -> None:
    await one_call(tmp_path / "calls")
    modes = {path.suffix: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "calls").rglob("*")}
    assert modes == {"": 0o700, ".json": 0o600, ".wav": 0o600}


@ON_THE_VIRTUAL_CLOCK
async def test_a_pause_of_the_recording_is_silence_on_its_timeline(tmp_path: Path) -> None:
    async def keep_a_secret(call: Call) -> None:
        async with call.accept() as channel:
            assert channel.recording is not None
            with channel.turn(format=PCM16_16K) as turn:
                turn.send_nowait(tone(3.0, PCM16_16K))
            await trio.sleep(1)
            channel.recording.pause()
            await trio.sleep(1)
            channel.recording.resume()
            await channel.hang_up()

    await one_call(tmp_path, keep_a_secret)
    rate, data = recorded(tmp_path)
    loud = [any(data[second * 4 * rate + rate : second * 4 * rate + 3 * rate]) for second in range(3)]
    assert loud == [True, False, True]


@ON_THE_VIRTUAL_CLOCK
async def test_a_folder_that_cannot_be_written_to_is_refused_before_a_call_comes(tmp_path: Path) -> None:
    (tmp_path / "calls").write_text("a file")
    with pytest.raises(AudioFileError, match="choose another folder"):
        async with open_server(ScriptedExchange(), beep, record=tmp_path / "calls"):
            pass


@ON_THE_VIRTUAL_CLOCK
async def test_a_disk_that_fails_costs_no_call(tmp_path: Path) -> None:
    exchange = ScriptedExchange()
    async with open_server(exchange, beep, record=tmp_path / "calls") as server:
        (tmp_path / "calls").rmdir()  # no folder of a day can be made in it any more
        call = exchange.dial(ScriptedFarEnd(format=PCM16_16K))
        await call.wait_over()
        await trio.testing.wait_all_tasks_blocked()
        statistics = server.statistics()
    assert sum(frame.duration for frame in call.far_end.ear.heard_frames()) == pytest.approx(1.0)
    assert (statistics.ended["agent"], statistics.unwritten) == (1, 2)


SERVED_BY_A_PROCESS = """
import sys, trio
from trioaudio import open_server
from trioaudio.sources.memory import memory_exchange
from trioaudio.audio import PCM16_24K
from trioaudio.clips import tone

async def talk(call):
    async with call.accept() as channel:
        for _ in range(call.parameter("length", int)):
            await channel.send_audio(tone(0.1, PCM16_24K))
        await channel.wait_played()

def tell(summary):
    print(summary.id, flush=True)

async def main():
    exchange = memory_exchange()
    async with open_server(exchange, talk, record=sys.argv[1], on_summary=tell):
        for number in range(10_000):
            exchange.dial(parameters={"length": str(1 + number % 7)})
            await trio.sleep(0.03)

trio.run(main)
"""


@pytest.mark.parametrize("calls", [1, 9, 30])
def test_kill_9_leaves_playable_recordings_and_a_summary_for_each_call_that_ended(tmp_path: Path, calls: int) -> None:
    with subprocess.Popen([sys.executable, "-c", SERVED_BY_A_PROCESS, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ended = [process.stdout.readline().strip() for _ in range(calls)]
        os.kill(process.pid, signal.SIGKILL)  # others ring, talk and end just now
        ended += process.stdout.read().split()
    summaries = {path.stem: json.loads(path.read_text()) for path in tmp_path.rglob("[!.]*.json")}
    assert set(ended) <= set(summaries)
    recordings = list(tmp_path.rglob("[!.]*.wav"))
    assert len(recordings) >= len(ended)
    for path in recordings:
        with wave.open(str(path)) as recording:
            assert recording.getnchannels() == 2
