"""asyncio functions awaited from Trio: what crosses, how it ends, and that nothing is left."""

from __future__ import annotations

import asyncio
import inspect
import signal
import threading
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import partial
from types import SimpleNamespace

import anyio
import anyio.lowlevel
import pytest
import trio
from trio.testing import assert_checkpoints, wait_all_tasks_blocked

from trioaudio import Dtmf, from_asyncio, open_channel
from trioaudio.testing import ScriptedFarEnd

language: ContextVar[str] = ContextVar("language", default="none")


async def add(a: int, b: int = 1) -> int:
    """The sum."""
    await asyncio.sleep(0)
    return a + b


async def which_thread() -> threading.Thread:
    return threading.current_thread()


def threads() -> set[threading.Thread]:
    return set(threading.enumerate())


class Witness:
    """An asyncio function that sleeps until it is cancelled, and tells what it saw."""

    def __init__(self, farewell: Callable[[], Awaitable[object]] | None = None) -> None:
        self.begun, self.seen = trio.Event(), list[str]()
        self._token = trio.lowlevel.current_trio_token()
        self._farewell = farewell

    async def __call__(self) -> str:
        self.seen.append("begun")
        self._token.run_sync_soon(self.begun.set)
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:  # noqa: ASYNC103 - asyncio lets a task end as it likes
            self.seen.append("cancelled")
            await asyncio.sleep(0.01)  # noqa: ASYNC102 - asyncio cancels once
            self.seen.append("cleaned up")
            if self._farewell is None:
                raise
            await self._farewell()  # noqa: ASYNC102 - as above
        return "ended all the same"


async def cancel_once_begun(witness: Witness, scope: trio.CancelScope) -> None:
    await witness.begun.wait()
    scope.cancel()


# what crosses


async def test_arguments_go_over_and_the_result_comes_back() -> None:
    assert await from_asyncio(add)(1, b=2) == 3


async def test_an_exception_comes_back_as_it_is() -> None:
    error = LookupError("no such account")

    async def look_up() -> None:
        await asyncio.sleep(0)
        raise error

    with pytest.raises(LookupError) as caught:
        await from_asyncio(look_up)()
    assert caught.value is error


async def test_it_is_a_checkpoint_even_if_nothing_is_awaited_over_there() -> None:
    with assert_checkpoints():
        await from_asyncio(which_thread)()


def test_name_docstring_and_signature_are_those_of_the_function() -> None:
    bridged = from_asyncio(add)
    assert (bridged.__name__, bridged.__doc__, inspect.signature(bridged)) == ("add", "The sum.", inspect.signature(add))
    assert inspect.iscoroutinefunction(bridged)


async def test_context_variables_go_over_and_do_not_come_back() -> None:
    async def greet() -> str:
        before = language.get()
        language.set("french")
        await asyncio.sleep(0)
        return before

    language.set("danish")
    assert await from_asyncio(greet)() == "danish"
    assert language.get() == "danish"
    language.set("polish")
    assert await from_asyncio(greet)() == "polish"


async def test_whatever_returns_an_awaitable_will_do() -> None:
    assert await from_asyncio(partial(add, 40, b=2))() == 42
    assert await from_asyncio(lambda: asyncio.ensure_future(add(2)))() == 3
    witness = Witness()
    with trio.move_on_after(0):
        await from_asyncio(witness)()
    assert witness.seen == []


async def test_a_plain_function_is_refused_with_its_name() -> None:
    def look_up() -> str:
        return "Smith"

    with pytest.raises(TypeError, match=r"look_up returned str, nothing to await"):
        await from_asyncio(look_up)()  # type: ignore[arg-type]


async def test_a_call_in_place_of_the_function_is_refused() -> None:
    called = add(1)
    with pytest.raises(TypeError, match=r"takes the function itself"):
        from_asyncio(called)  # type: ignore[arg-type]
    called.close()


# one thread for all


async def test_there_is_no_thread_before_the_first_call() -> None:
    before = threads()
    bridged = from_asyncio(which_thread)
    await trio.lowlevel.checkpoint()
    assert threads() == before
    assert {await bridged()} == threads() - before


async def test_many_run_at_once_in_one_thread() -> None:
    barrier = asyncio.Barrier(100)
    seen: set[threading.Thread] = set()

    async def meet() -> None:
        await barrier.wait()
        seen.add(threading.current_thread())

    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(from_asyncio(meet))
    assert len(seen) == 1


async def test_what_asyncio_code_keeps_is_usable_in_the_next_call() -> None:
    kept = SimpleNamespace()

    async def open_pool() -> None:
        kept.answer = asyncio.get_running_loop().create_future()
        kept.worker = asyncio.create_task(asyncio.wait_for(kept.answer, 60))

    async def ask_pool() -> str:
        kept.answer.set_result("Smith")
        return str(await kept.worker)

    await from_asyncio(open_pool)()
    assert await from_asyncio(ask_pool)() == "Smith"


async def test_code_that_blocks_over_there_holds_up_nothing_here() -> None:
    release = threading.Event()

    async def block() -> bool:
        return release.wait(60)

    results: list[bool] = []

    async def call() -> None:
        results.append(await from_asyncio(block)())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        nursery.start_soon(call)
        await wait_all_tasks_blocked()
        release.set()  # a call that waited for the loop would keep us from coming here
    assert results == [True, True]


def test_no_thread_is_left_after_the_run_and_the_next_run_has_its_own() -> None:
    before = threads()
    first = trio.run(from_asyncio(which_thread))
    assert not first.is_alive()
    assert trio.run(from_asyncio(which_thread)) is not first
    assert threads() == before


def test_what_still_runs_over_there_is_cancelled_at_the_end_of_the_run() -> None:
    seen: list[str] = []

    async def hum() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0)  # noqa: ASYNC102 - asyncio cancels once
            seen.append("hushed")

    async def begin() -> None:
        seen.append("begun")
        seen.append(repr(asyncio.create_task(hum()))[:5])
        await asyncio.sleep(0)

    trio.run(from_asyncio(begin))
    assert seen == ["begun", "<Task", "hushed"]


# the end of a call


async def test_cancelling_cancels_the_asyncio_task_once_and_waits_for_it() -> None:
    witness = Witness()
    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:
            nursery.start_soon(cancel_once_begun, witness, scope)
            await from_asyncio(witness)()
        assert scope.cancelled_caught
        assert witness.seen == ["begun", "cancelled", "cleaned up"]


async def test_a_function_that_returns_although_cancelled_has_its_result_kept() -> None:
    witness = Witness(farewell=lambda: asyncio.sleep(0))
    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:
            nursery.start_soon(cancel_once_begun, witness, scope)
            assert await from_asyncio(witness)() == "ended all the same"


async def test_an_error_while_cleaning_up_is_not_lost() -> None:
    async def stumble() -> None:
        raise OSError("cannot say goodbye")

    witness = Witness(farewell=stumble)
    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:
            nursery.start_soon(cancel_once_begun, witness, scope)
            with pytest.raises(OSError, match="cannot say goodbye"):
                await from_asyncio(witness)()


async def test_a_call_that_is_cancelled_already_does_not_begin_and_starts_no_thread() -> None:
    before, witness = threads(), Witness()
    with trio.CancelScope() as scope:
        scope.cancel()
        await from_asyncio(witness)()
    assert scope.cancelled_caught
    assert (witness.seen, threads()) == ([], before)


async def test_cancelling_one_leaves_the_others_alone() -> None:
    witness, other = Witness(), trio.Event()

    async def go_on() -> None:
        assert await from_asyncio(add)(1) == 2
        other.set()

    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:
            nursery.start_soon(cancel_once_begun, witness, scope)
            await from_asyncio(witness)()
        nursery.start_soon(go_on)
    assert other.is_set()


async def test_asyncio_code_that_cancels_its_own_task_is_named() -> None:
    async def give_up() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match=r"give_up was cancelled by asyncio code"):
        await from_asyncio(give_up)()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # it is told on stderr as well
async def test_asyncio_code_that_stops_the_loop_fails_its_calls_and_the_next_gets_a_new_one() -> None:
    async def stop() -> None:
        asyncio.get_running_loop().stop()
        await asyncio.sleep(3600)

    with pytest.raises(RuntimeError, match=r"by asyncio code|did asyncio code stop it"):
        await from_asyncio(stop)()
    assert await from_asyncio(add)(1) == 2


def test_sys_exit_over_there_ends_the_run_and_the_other_calls_with_it() -> None:
    seen: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            seen.append("ended")

    async def leave() -> None:
        raise SystemExit(3)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(from_asyncio(work))
            await wait_all_tasks_blocked()
            await from_asyncio(leave)()

    with pytest.RaisesGroup(pytest.RaisesExc(SystemExit, check=lambda exc: exc.code == 3)):
        trio.run(main)
    assert seen == ["ended"]


def test_ctrl_c_cancels_the_asyncio_task_waits_for_it_and_leaves_no_thread() -> None:
    before, seen = threads(), list[str]()

    async def work() -> None:
        seen.append("begun")
        signal.raise_signal(signal.SIGINT)
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            await asyncio.sleep(0.01)  # noqa: ASYNC102 - asyncio cancels once
            seen.append("cleaned up")
            raise

    with pytest.raises(KeyboardInterrupt):
        trio.run(from_asyncio(work))
    assert seen == ["begun", "cleaned up"]
    assert threads() == before


# among the others


@pytest.mark.usefixtures("virtual_clock")
async def test_on_a_virtual_clock_no_time_passes_meanwhile() -> None:
    async def work() -> str:
        await asyncio.sleep(0.02)
        return "done"

    await trio.sleep(1.0)
    before = trio.current_time()
    with trio.fail_after(1.0):
        assert await from_asyncio(work)() == "done"
    assert trio.current_time() == before


@pytest.mark.usefixtures("virtual_clock")
async def test_on_a_virtual_clock_a_deadline_ends_what_hangs_at_its_time() -> None:
    witness, ticks = Witness(), list[float]()

    async def tick() -> None:
        while True:
            await trio.sleep(0.02)
            ticks.append(trio.current_time())

    before = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tick)
        with trio.move_on_after(30.0):
            await from_asyncio(witness)()
        assert trio.current_time() == pytest.approx(before + 30.0)
        nursery.cancel_scope.cancel()
    assert witness.seen == ["begun", "cancelled", "cleaned up"]
    assert len(ticks) == pytest.approx(1500, abs=1)


def test_anyio_knows_where_it_is_on_both_sides() -> None:
    async def work() -> str:
        await anyio.lowlevel.checkpoint()
        return type(asyncio.current_task()).__name__

    async def main() -> str:
        await anyio.lowlevel.checkpoint()
        return await from_asyncio(work)()

    assert anyio.run(main, backend="trio") == "Task"


@pytest.mark.usefixtures("virtual_clock")
async def test_it_listens_to_a_channel_one_event_at_a_time() -> None:
    pressed: list[str] = []

    async def write_down(event: Dtmf) -> None:
        await asyncio.sleep(0.002 if not pressed else 0)
        pressed.append(event.digit)

    caller = ScriptedFarEnd()
    async with open_channel(caller.source) as channel:
        channel.on(Dtmf, from_asyncio(write_down))
        for digit in "123":
            caller.press(digit)
        await trio.sleep(1.0)
    assert pressed == ["1", "2", "3"]


@pytest.mark.usefixtures("virtual_clock")
async def test_a_listener_that_raises_over_there_ends_the_block() -> None:
    async def look_up(event: Dtmf) -> None:
        await asyncio.sleep(0)
        raise LookupError(event.digit)

    caller = ScriptedFarEnd()
    with pytest.RaisesGroup(pytest.RaisesExc(LookupError, match="7")):
        async with open_channel(caller.source, on={Dtmf: from_asyncio(look_up)}):
            caller.press("7")
            await trio.sleep_forever()
