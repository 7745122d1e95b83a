"""Calls from Asterisk over AudioSocket: who is let in, what is heard, how it ends."""

from __future__ import annotations

from collections import deque
from uuid import UUID, uuid4

import pytest
import trio
from sources.audiosocket_calls import answered, callers, listening
from sources.spoken import hello
from trio.testing import MockClock

from trioaudio import Dtmf, Event, Hangup, OptionError, Timeouts, open_admin_port, open_channel, open_server
from trioaudio._plugins import choose_listener
from trioaudio.abc import Invitation, connect_tcp
from trioaudio.audio import PCM16_8K, PCM16_24K, PTIME, Converter, Frame
from trioaudio.clips import tone
from trioaudio.sources.audiosocket import AudioSocketListener, AudioSocketSource, open_audiosocket
from trioaudio.testing import FakeAsterisk, cancel_sweep, check_listener, check_source, memory_pipes
from trioaudio.wire.audiosocket import CALL, GOODBYE, AudioSocketReader, written, written_audio


@pytest.mark.parametrize("format", [PCM16_8K, PCM16_24K], ids=str)
def test_its_source_keeps_the_contract(format: object) -> None:
    report = check_source(lambda: answered(format))  # type: ignore[arg-type]  # pytest's parameters have no types
    assert set(report.not_checked) == {"clear forgets what is unplayed", "reports count up from each clear"}


def test_the_listener_keeps_the_contract() -> None:
    assert not check_listener(callers).not_checked


def test_a_call_can_be_cancelled_anywhere() -> None:
    async def scenario() -> None:
        async with answered() as (source, far), open_channel(source) as channel:
            far.speak(tone(0.1, PCM16_8K))
            await channel.send_audio(tone(0.1, PCM16_8K))
            await channel.wait_played()
            channel.interrupt()
            await channel.hang_up()

    cancel_sweep(scenario)


async def knock(listener: AudioSocketListener, *data: bytes, wait: float = 0.0) -> bytes:
    """Send this on a connection of its own; what comes back."""
    ours, theirs = memory_pipes()
    back = b""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(listener.take, theirs)
        for piece in data:
            ours.write_nowait(piece)
            await trio.sleep(wait)
        with trio.move_on_after(10):
            back = await ours.read()
        ours.close()
    return back


class TestWhoIsLetIn:
    """An id that was given out, once; everybody else is told to hang up, and counted."""

    async def test_an_id_that_was_given_out(self, autojump_clock: MockClock) -> None:
        id = uuid4()
        listener = listening(id)
        async with FakeAsterisk().audiosocket_to(listener.take, id):
            call = await listener.receive()
        assert call.parameters == {"id": str(id)}

    @pytest.mark.parametrize("why", ["unknown_id", "used_id"])
    async def test_another_is_not(self, why: str, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
        id, other = uuid4(), uuid4()
        listener = listening(id)
        listener.ids.take_untrusted(id, 0.0)
        shown = id if why == "used_id" else other
        async with FakeAsterisk().audiosocket_to(listener.take, shown) as far:
            assert await far.outcome() == "rejected"
        assert listener.counters[why] == 1
        assert why in caplog.text
        assert str(shown) not in caplog.text

    @pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n", bytes(100), written(CALL, b"short")])
    async def test_nor_is_garbage(self, garbage: bytes, autojump_clock: MockClock) -> None:
        listener = listening()
        assert await knock(listener, garbage) == GOODBYE
        assert listener.counters["garbage"] == 1

    async def test_nor_is_who_says_nothing_in_time(self, autojump_clock: MockClock) -> None:
        listener = listening()
        began = trio.current_time()
        assert await knock(listener, *([b"\x01"] * 4), wait=1.0) == GOODBYE  # slow loris
        assert listener.counters["no_id"] + listener.counters["garbage"] == 1
        assert trio.current_time() - began <= Timeouts().start + 2

    async def test_who_leaves_before_is_counted_too(self, autojump_clock: MockClock) -> None:
        listener = listening()
        async with FakeAsterisk().audiosocket_to(listener.take, None):
            pass
        assert listener.counters["left"] == 1

    async def test_the_refused_harm_nobody(self, autojump_clock: MockClock) -> None:
        id = uuid4()
        listener = listening(id)
        async with FakeAsterisk().audiosocket_to(listener.take, id) as far, (await listener.receive()).answer() as source:
            await knock(listener, b"garbage")
            far.press("1")
            assert await source.receive() == Dtmf("1")


async def received(source: object, count: int) -> list[Frame | Event]:
    return [await source.receive() for _ in range(count)]  # type: ignore[attr-defined]  # a source


class TestACall:
    async def test_its_format_is_that_of_its_first_audio(self, autojump_clock: MockClock) -> None:
        id = uuid4()
        listener = listening(id)
        async with FakeAsterisk(PCM16_24K).audiosocket_to(listener.take, id) as far:
            far.speak(tone(0.1, PCM16_24K))
            async with (await listener.receive()).answer() as source:
                assert source.input_format == source.output_format == PCM16_24K
                [first] = await received(source, 1)
                assert first == Frame(tone(0.1, PCM16_24K).data[:960], PCM16_24K)

    async def test_who_is_silent_is_answered_all_the_same(self, autojump_clock: MockClock) -> None:
        id = uuid4()
        listener = listening(id)
        async with FakeAsterisk().audiosocket_to(listener.take, id), (await listener.receive()).answer() as source:
            assert source.input_format == PCM16_8K

    async def test_audio_of_another_rate_is_converted(self, autojump_clock: MockClock) -> None:
        async with answered(PCM16_8K) as (source, far):
            said, converter = tone(0.1, PCM16_24K).split(480), Converter(PCM16_24K, PCM16_8K)
            for piece in said:
                far.send_bytes(written_audio(piece))
            expected = b"".join(converter.convert(piece).data for piece in said)
            got = [frame for frame in await received(source, 5) if isinstance(frame, Frame)]
            assert {frame.format for frame in got} == {PCM16_8K}
            assert b"".join(frame.data for frame in got) == expected  # one stream, not five
            assert [frame.media_time for frame in got] == [sum(each.num_samples for each in got[:i]) for i in range(5)]

    async def test_it_hears_whole_frames_never_more_than_one_ahead(self, autojump_clock: MockClock) -> None:
        async with answered() as (source, far), open_channel(source) as channel:
            began = trio.current_time()
            channel.turn("a").send_nowait(tone(1.0, PCM16_8K))
            await far.wait_heard(1.0)
            assert {frame.num_samples for frame in far.heard()} == {160}
            due = [began + (number - 1) * PTIME for number in range(50)]
            assert all(when >= time - 1e-9 for (when, _), time in zip(far.arrivals, due, strict=True))
            assert far.dropped is None

    async def test_an_interruption_stops_the_sending_and_knows_what_was_heard(self, autojump_clock: MockClock) -> None:
        async with answered() as (source, far), open_channel(source) as channel:
            turn = channel.turn("a")
            turn.send_nowait(tone(2.0, PCM16_8K))
            await trio.sleep(0.5)
            decided = await channel.interrupt().settled()
            await trio.sleep(1.0)
            heard = sum(frame.num_samples for frame in far.heard())
            assert heard == decided.turns[0].heard  # what was handed over cannot be taken back
            assert heard < 0.6 * 8_000

    async def test_keys_and_a_hang_up(self, autojump_clock: MockClock) -> None:
        events: list[Event] = []
        async with answered() as (source, far), open_channel(source) as channel:
            channel.on(Dtmf, events.append).on(Hangup, events.append)
            far.press("1#")
            await trio.sleep(0.1)
            far.hang_up()
            assert (await channel.wait_closed()).kind == "hangup"
        assert events == [Dtmf("1"), Dtmf("#"), Hangup()]

    async def test_asterisk_that_closes_while_we_speak_has_hung_up(self, autojump_clock: MockClock) -> None:
        """It closes with our audio unread: the system calls that a reset, and it is how every call ends that the caller ends."""
        async with answered() as (source, far), open_channel(source) as channel:
            channel.turn("a").send_nowait(tone(2.0, PCM16_8K))
            await trio.sleep(0.5)
            far.hang_up()
            assert (await channel.wait_closed()).kind == "hangup"

    async def test_a_reset_is_a_hang_up_and_other_failures_are_not(self, autojump_clock: MockClock) -> None:
        for error, end in ((ConnectionResetError(), trio.EndOfChannel), (TimeoutError(), trio.BrokenResourceError)):
            ours, theirs = memory_pipes()
            source = AudioSocketSource(theirs, AudioSocketReader(), deque(), PCM16_8K)
            ours.fail(error)
            with pytest.raises(end):
                await source.receive()

    async def test_who_receives_learns_of_a_hang_up_before_who_sends(self, autojump_clock: MockClock) -> None:
        ours, theirs = memory_pipes()
        source = AudioSocketSource(theirs, AudioSocketReader(), deque(), PCM16_8K)
        ours.fail(BrokenPipeError())
        await source.send(tone(PTIME, PCM16_8K))
        with pytest.raises(trio.EndOfChannel):
            await source.receive()
        with pytest.raises(trio.BrokenResourceError):
            await source.send(tone(PTIME, PCM16_8K))

    async def test_a_failure_is_none(self, autojump_clock: MockClock) -> None:
        async with answered() as (source, far), open_channel(source) as channel:
            far.send_bytes(b"\xff\0\x01\x04")
            assert (await channel.wait_closed()).kind == "broken"

    async def test_we_hang_up_with_a_frame_that_says_so(self, autojump_clock: MockClock) -> None:
        async with answered() as (source, far):
            async with open_channel(source):
                pass
            await far.outcome()
            assert far.told_to_hang_up


class TestOpened:
    """Over real sockets, with ids from the admin port."""

    async def test_the_admin_port_gives_out_ids_with_what_the_dialplan_knows(self) -> None:
        async with open_admin_port(0) as admin, open_audiosocket(port=0, admin=admin) as listener:
            answer = await get(admin.url, "/audiosocket/new?caller=%2B4930123&called=100&floor=7")
            id = UUID(answer)
            port = int(listener.where.split()[0].rpartition(":")[2])
            async with FakeAsterisk().audiosocket("127.0.0.1", port, id):
                call: Invitation = await listener.receive()
        assert (call.caller, call.called) == ("+4930123", "100")
        assert call.parameters["floor"] == "7"

    async def test_pages_of_others_get_none(self) -> None:
        async with open_admin_port(0) as admin, open_audiosocket(port=0, admin=admin):
            assert "not for web pages" in await get(admin.url, "/audiosocket/new", "Origin: http://evil.example\r\n")
            assert "not for web pages" in await get(admin.url, "/audiosocket/new", "Sec-Fetch-Site: cross-site\r\n")

    async def test_without_ids_nobody_could_call(self) -> None:
        with pytest.raises(OptionError, match=r"--admin-port.*--id"):
            async with open_audiosocket(port=0):
                pass

    async def test_an_id_that_is_none_is_not_quoted(self) -> None:
        with pytest.raises(OptionError, match="an id is a UUID") as raised:
            async with open_audiosocket("secret", port=0):
                pass
        assert "secret" not in str(raised.value)

    async def test_an_id_is_a_secret(self) -> None:
        assert choose_listener(f"audiosocket:{uuid4()}").text == "audiosocket:***"

    async def test_a_caller_is_answered_and_heard(self) -> None:
        """The whole call, with the parrot: the caller speaks, and hears what they said."""
        id, heard = uuid4(), list[float]()
        async with open_audiosocket(str(id), port=0) as listener, open_server(listener, model="parrot?hangover_ms=200") as server:
            port = int(listener.where.rpartition(":")[2])
            async with FakeAsterisk(line_open=True).audiosocket("127.0.0.1", port, id) as far:
                far.speak(hello(PCM16_8K))
                await far.wait_heard(0.1)
                heard += [frame.duration for frame in far.heard()]
            server.drain(2.0)
            await server.wait_ended()
            assert server.statistics().ended["caller"] == 1
        assert sum(heard) >= 0.1
        assert far.dropped is None


async def get(url: str, target: str, headers: str = "") -> str:
    """What is answered to a request."""
    host, port = url.removeprefix("http://").rstrip("/").split(":")
    async with connect_tcp(host, int(port)) as pipe:
        await pipe.write(f"GET {target} HTTP/1.1\r\nHost: {host}:{port}\r\n{headers}Connection: close\r\n\r\n".encode())
        answer = b""
        while data := await pipe.read():
            answer += data
    return answer.partition(b"\r\n\r\n")[2].decode()
