"""Law 9: errors are loud and typed. A listener's error leaves the block, and never `emit`; I/O failure shows at the next call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
from speech import babble, push

from trioaudio import (
    Channel,
    Closed,
    CloseReason,
    Commit,
    ControlOverflowError,
    Dtmf,
    Fault,
    Hangup,
    TurnPlayed,
    TurnStarted,
    open_channel,
    start_channel,
)
from trioaudio.abc import Buffering, Source
from trioaudio.audio import PCM16_24K, Frame
from trioaudio.testing import STAMPED, ScriptedFarEnd, say, stamp

pytestmark = pytest.mark.usefixtures("virtual_clock")


class AppError(Exception):
    pass


def fail(*_: object) -> None:
    raise AppError("app bug")


async def fail_later(*_: object) -> None:
    await trio.sleep(0.1)
    raise AppError("app bug")


@pytest.fixture
def far() -> ScriptedFarEnd:
    return ScriptedFarEnd(Buffering(lead=5.0, ear=True))


class TestAListenersError:
    async def test_never_leaves_emit_and_the_other_listeners_still_run(self, far: ScriptedFarEnd):
        told: list[object] = []
        with pytest.RaisesGroup(AppError):
            async with open_channel(far.source) as channel:
                channel.on(Commit, fail).on(Commit, told.append)
                assert channel.emit(Commit())
                assert told == [Commit()]
                await trio.sleep_forever()

    async def test_leaves_the_block_in_a_group_and_cancels_the_body(self, far: ScriptedFarEnd):
        with pytest.RaisesGroup(AppError):
            async with open_channel(far.source, on={Dtmf: fail}):
                far.press("1")
                await trio.sleep_forever()
        assert trio.current_time() == 0

    async def test_says_which_listener_it_was(self, far: ScriptedFarEnd):
        with pytest.RaisesGroup(AppError) as raised:
            async with open_channel(far.source, on={Dtmf: fail}):
                far.press("1")
                await trio.sleep_forever()
        assert "listener fail for 'dtmf'" in str(raised.value.exceptions[0].__notes__)

    async def test_of_an_async_listener_leaves_the_same_way(self, far: ScriptedFarEnd):
        with pytest.RaisesGroup(AppError):
            async with open_channel(far.source, on={Dtmf: fail_later}):
                far.press("1")
                await trio.sleep_forever()
        assert trio.current_time() == 0.1

    async def test_leaves_with_those_of_all_others_and_of_the_body(self, far: ScriptedFarEnd):
        with pytest.RaisesGroup(AppError, AppError, KeyError):
            async with open_channel(far.source) as channel:
                channel.on(Commit, fail).on(Commit, fail).emit("commit")
                raise KeyError("body")

    async def test_is_not_lost_when_the_block_is_being_left(self, far: ScriptedFarEnd):
        with pytest.RaisesGroup(AppError):
            async with open_channel(far.source, on={Closed: fail}):
                pass

    async def test_is_not_lost_when_the_block_is_being_cancelled(self, far: ScriptedFarEnd):
        with pytest.RaisesGroup(AppError), trio.CancelScope() as scope:
            async with open_channel(far.source, on={Closed: fail}):
                scope.cancel()
                await trio.lowlevel.checkpoint()

    @pytest.mark.parametrize("event", [TurnStarted, TurnPlayed])
    async def test_in_the_middle_of_playback_leaves_the_same_way(self, far: ScriptedFarEnd, event: type):
        with pytest.RaisesGroup(AppError):
            async with open_channel(far.source, on={event: fail}) as channel:
                push(channel.turn("a"), say(0.5, "a")).end()
                await trio.sleep_forever()

    async def test_in_an_interruption_does_not_keep_it_from_returning(self, far: ScriptedFarEnd):
        returned = None
        with pytest.RaisesGroup(AppError):
            async with open_channel(far.source) as channel:
                push(channel.turn("a"), say(0.5, "a")).end()
                push(channel.turn("b"), say(0.5, "b")).end()
                await trio.sleep(0.1)
                channel.on(TurnPlayed, fail)
                trio.lowlevel.current_clock().jump(0.6)  # "a" is over, nobody has told of it yet
                returned = channel.interrupt()
                await trio.sleep_forever()
        assert [(r.item_id, r.heard) for r in returned.turns] == [("b", 1600)]

    async def test_is_the_reason_that_wait_closed_gives(self, far: ScriptedFarEnd):
        reasons: list[CloseReason] = []

        async def wait(channel: Channel) -> None:
            reasons.append(await channel.wait_closed())

        async with trio.open_nursery() as nursery:
            with pytest.RaisesGroup(AppError):
                async with open_channel(far.source, on={Dtmf: fail}) as channel:
                    nursery.start_soon(wait, channel)
                    far.press("1")
                    await trio.sleep_forever()
        assert [(reason.kind, type(reason.error)) for reason in reasons] == [("failed", AppError)]

    async def test_that_is_no_exception_but_an_exit_goes_its_own_way(self, far: ScriptedFarEnd):
        def leave(_: Commit) -> None:
            raise SystemExit(3)

        with pytest.raises(SystemExit):
            async with open_channel(far.source, on={Commit: leave}) as channel:
                channel.emit("commit")

    async def test_of_a_started_channel_leaves_through_the_given_nursery(self, far: ScriptedFarEnd):
        with pytest.RaisesGroup(pytest.RaisesGroup(AppError)):
            async with trio.open_nursery() as nursery:
                await start_channel(nursery, far.source, on={Dtmf: fail})
                far.press("1")
                await trio.sleep_forever()


class TestTheBodysError:
    @pytest.mark.parametrize("error", [AppError, KeyboardInterrupt, SystemExit, trio.BrokenResourceError])
    async def test_comes_out_bare(self, far: ScriptedFarEnd, error: type[BaseException]):
        with pytest.raises(error):
            async with open_channel(far.source) as channel:
                push(channel.turn("a"), say(3.0, "a"))
                await trio.sleep(0.5)
                raise error
        assert (far.goodbyes, far.ear.clears) == (1, 1)

    async def test_comes_out_as_it_is_when_it_is_a_group(self, far: ScriptedFarEnd):
        with pytest.RaisesGroup(AppError):
            async with open_channel(far.source), trio.open_nursery():
                raise AppError

    async def test_is_raised_where_it_was_and_not_hidden_by_a_hang_up(self, far: ScriptedFarEnd):
        with pytest.raises(AppError):
            async with open_channel(far.source) as channel:
                far.hang_up()
                await channel.wait_closed()
                raise AppError


class Buggy(Source):
    """A plugin with a bug in one of its methods."""

    def __init__(self, bug: str, error: BaseException) -> None:
        self.far = ScriptedFarEnd(Buffering(lead=5.0))
        source = self.far.source
        self.input_format, self.output_format, self.far_end = source.input_format, source.output_format, source.far_end
        self.bug, self.error = bug, error

    def _trip(self, where: str) -> None:
        if where == self.bug:
            raise self.error

    async def receive(self) -> Frame:
        if self.bug == "receive":
            await trio.sleep(0.1)
        self._trip("receive")
        return await self.far.source.receive()

    def send_nowait(self, frame: Frame) -> None:
        self._trip("send_nowait")
        if self.bug == "send":
            raise trio.WouldBlock
        self.far.source.send_nowait(frame)

    async def send(self, frame: Frame) -> None:
        self._trip("send")
        await self.far.source.send(frame)

    async def clear(self) -> None:
        self._trip("clear")
        await self.far.source.clear()

    async def hang_up(self) -> None:
        self._trip("hang_up")
        await self.far.source.hang_up()


async def talk(source: Source) -> Channel:
    async with open_channel(source) as channel:
        push(channel.turn("a"), say(3.0, "a"))
        await trio.sleep(0.5)
        channel.interrupt()
        await trio.sleep(0.5)
    return channel


class TestAPluginsBug:
    @pytest.mark.parametrize("where", ["receive", "send_nowait", "send", "clear", "hang_up"])
    async def test_is_loud(self, where: str):
        with pytest.RaisesGroup(ZeroDivisionError):
            await talk(Buggy(where, ZeroDivisionError()))
        assert trio.current_time() <= 1

    @pytest.mark.parametrize("where", ["receive", "send_nowait", "send", "clear", "hang_up"])
    async def test_leaves_nobody_waiting(self, where: str):
        reasons: list[CloseReason] = []

        async def wait(channel: Channel) -> None:
            reasons.append(await channel.wait_closed())

        with trio.fail_after(5):
            async with trio.open_nursery() as nursery:
                with pytest.RaisesGroup(ZeroDivisionError):
                    async with open_channel(Buggy(where, ZeroDivisionError())) as channel:
                        nursery.start_soon(wait, channel)
                        push(channel.turn("a"), say(3.0, "a"))
                        await trio.sleep(0.5)
                        channel.interrupt()
        assert len(reasons) == 1

    async def test_of_returning_audio_in_another_format_is_loud_and_names_both(self):
        far = ScriptedFarEnd()
        with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match=r"pcm16/24000.*pcm16/8000/2")):
            async with open_channel(far.source):
                far.signal(Frame(bytes(960), PCM16_24K))
                await trio.sleep_forever()


class TestAFailureOfTheWorld:
    @pytest.mark.parametrize("where", ["receive", "send_nowait", "send", "clear"])
    @pytest.mark.parametrize(
        "error", [OSError("cable cut"), trio.BrokenResourceError("cable cut"), trio.ClosedResourceError("cable cut")], ids=repr
    )
    async def test_raises_nothing_where_nobody_called(self, where: str, error: Exception):
        channel = await talk(Buggy(where, error))
        assert await channel.wait_closed() == CloseReason("broken", error)

    @pytest.mark.parametrize("error", [OSError("cable cut"), trio.BrokenResourceError("cable cut")], ids=repr)
    async def test_in_the_goodbye_is_nobodys_concern(self, error: Exception):
        channel = await talk(Buggy("hang_up", error))
        assert await channel.wait_closed() == CloseReason("closed")

    async def test_shows_at_the_users_next_call_with_its_cause(self, far: ScriptedFarEnd):
        cause = OSError("cable cut")
        async with open_channel(far.source) as channel:
            turn = push(channel.turn("a"), say(1.0, "a"))
            await trio.sleep(0.5)
            far.fail(cause)
            await trio.sleep(0.1)
            for call in (lambda: turn.send_nowait(b""), lambda: channel.turn("b"), lambda: channel.send_audio_nowait(bytes(4))):
                if call is not None:
                    with pytest.raises(trio.BrokenResourceError, match="cable cut") as raised:
                        call() or turn.send_nowait(stamp("a", 0, 1))
                    assert raised.value.__cause__ is cause

    async def test_wakes_who_is_blocked_in_a_call(self, far: ScriptedFarEnd):
        async def fail_soon() -> None:
            await trio.sleep(0.5)
            far.fail(OSError("cable cut"))

        async with open_channel(far.source) as channel, trio.open_nursery() as nursery:
            nursery.start_soon(fail_soon)
            with pytest.raises(trio.BrokenResourceError, match="cable cut"):
                await babble(channel)
            assert trio.current_time() == 0.5

    async def test_is_an_event_too(self, far: ScriptedFarEnd):
        told: list[Hangup] = []
        cause = OSError("cable cut")
        async with open_channel(far.source, on={Hangup: told.append}) as channel:
            far.fail(cause)
            await channel.wait_closed()
        assert told == [Hangup(cause)]

    async def test_ends_a_reader_with_the_error_after_what_has_come(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            reader = aiter(channel)
            far.speak(say(0.1, "caller"))
            await trio.sleep(0.2)
            far.fail(OSError("cable cut"))
            await channel.wait_closed()
            frames = []
            with pytest.raises(trio.BrokenResourceError, match="cable cut"):
                async for frame in reader:
                    frames.append(frame)  # noqa: PERF401 - what comes before the error counts
            assert len(frames) == 5


class TestAHangUp:
    async def test_shows_at_the_users_next_call(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            far.hang_up()
            await trio.sleep(0.1)
            with pytest.raises(trio.BrokenResourceError, match="the far party hung up"):
                await channel.send_audio(stamp("a", 0, 160))

    async def test_does_not_end_the_body(self, far: ScriptedFarEnd):
        async with open_channel(far.source):
            far.hang_up()
            await trio.sleep(10)
        assert trio.current_time() == 10

    async def test_ends_a_reader_quietly(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel, trio.open_nursery() as nursery:
            far.speak(say(0.1, "caller"))

            async def hang_up_later() -> None:
                await trio.sleep(0.2)
                far.hang_up()

            nursery.start_soon(hang_up_later)
            assert len([frame async for frame in channel]) == 5

    async def test_lets_a_program_of_callbacks_end(self, far: ScriptedFarEnd):
        async with open_channel(far.source, on={Dtmf: lambda _: far.hang_up()}) as channel:
            far.press("#")
            assert await channel.wait_closed() == CloseReason("hangup")

    async def test_is_not_answered_with_a_goodbye_nor_a_clear(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            push(channel.turn("a"), say(3.0, "a"))
            await trio.sleep(0.5)
            far.hang_up()
            await channel.wait_closed()
        assert (far.goodbyes, far.ear.clears) == (0, 0)

    async def test_interrupts_what_is_being_said_with_what_was_heard_by_then(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            turn = push(channel.turn("a"), say(3.0, "a"))
            await trio.sleep(0.5)
            far.hang_up()
            receipt = await turn.wait_played()
            assert (receipt.heard, receipt.lost) == (4000, 20_000)

    async def test_after_close_does_not_change_the_reason(self, far: ScriptedFarEnd):
        async with open_channel(far.source) as channel:
            channel.close()
            far.hang_up()
            assert await channel.wait_closed() == CloseReason("closed")


class TestAnInstrumentsError:
    async def test_removes_it_and_never_breaks_the_call(self, far: ScriptedFarEnd):
        class Broken:
            calls = 0

            def caller_heard(self, frame: Frame, now: float) -> None:
                Broken.calls += 1
                raise AppError

            def agent_sent(self, frame: Frame, start: float, epoch: int) -> None:
                Broken.calls += 1
                raise AppError

            def agent_cut(self, at: float, epoch: int) -> None:
                raise AppError

        faults: list[Fault] = []
        async with open_channel(far.source, instruments=[Broken()], on={Fault: faults.append}) as channel:
            far.speak(say(1.0, "caller"))
            push(channel.turn("a"), say(1.0, "a")).end()
            await channel.wait_played()
            await trio.sleep(0.01)
        assert (Broken.calls, [type(fault.error) for fault in faults]) == (1, [AppError])
        assert far.heard("a") == 8000


async def test_listeners_that_emit_in_a_circle_break_the_channel(far: ScriptedFarEnd):
    with pytest.RaisesGroup(pytest.RaisesExc(ControlOverflowError, match="circle")):
        async with open_channel(far.source) as channel:
            channel.on("app.ping", lambda: channel.emit("app.pong")).on("app.pong", lambda: channel.emit("app.ping"))
            channel.emit("app.ping")
            await trio.sleep_forever()


async def test_audio_in_a_wrong_format_is_refused_and_both_are_named(far: ScriptedFarEnd):
    calls: list[Callable[[Channel], object]] = [
        lambda channel: channel.turn("a").send_nowait(Frame(bytes(960), PCM16_24K)),
        lambda channel: channel.send_audio_nowait(Frame(bytes(960), PCM16_24K)),
    ]
    waits: list[Callable[[Channel], Awaitable[object]]] = [
        lambda channel: channel.turn("a").send(Frame(bytes(960), PCM16_24K)),
        lambda channel: channel.send_audio(Frame(bytes(960), PCM16_24K)),
    ]
    async with open_channel(far.source) as channel:
        for call in calls:
            with pytest.raises(ValueError, match=r"pcm16/24000.*pcm16/8000/2"):
                call(channel)
        for wait in waits:
            with pytest.raises(ValueError, match=r"pcm16/24000.*pcm16/8000/2"):
                await wait(channel)
        turn = channel.turn("mine")
        with pytest.raises(ValueError, match="pcm16/24000"):
            await channel.send_audio(Frame(bytes(960), PCM16_24K))
        assert not turn.ended
        assert channel.output_format == STAMPED
