"""One call from the command line: check everything first, make the call, tell it, and leave whole files behind whatever happens."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import combinations
from pathlib import Path
from types import FrameType
from typing import Protocol, TypeAlias, TypedDict

import trio

from .._agent import Agent
from .._audiofiles import check_writable
from .._channel import Channel
from .._config import Config
from .._errors import AudioFileError, OptionError, TrioAudioError
from .._events import Event
from .._extras import require
from .._instruments import Instrument
from .._limits import Limits, Timeouts
from .._logs import current_call_id, new_call_id
from .._open_channel import open_channel
from .._options import format_spec, parse_spec
from .._plugins import Opener, choose_model, choose_source
from .._sessions.open_session import open_session
from .._sessions.session import Session
from .._timeline import Timeline
from ..abc import Model, Source
from .account import TOLD_BY_CHANNEL, TOLD_BY_SESSION, Account
from .draft import Draft
from .linger import WATCHED_IN_CHANNEL, WATCHED_IN_SESSION, Linger
from .screen import complain, libraries_silenced, open_screen

DONE, BROKEN = 0, 1
"""Exit codes: the call was made; it broke. A file that could not be completed is complained of, and changes neither."""

Listeners: TypeAlias = "dict[str | type[Event], Callable[[Event], None]]"


@dataclass(frozen=True, slots=True)
class Call:
    """What was asked for on the command line; everything that can be known to be wrong with it is known before it begins."""

    source: Opener[Source]
    model: Opener[Model]
    record: Path | None
    timeline: Path | None
    fast: bool
    linger: float
    config: Config
    agent: Agent | None
    fallback: tuple[Opener[Model], ...] = ()

    @property
    def title(self) -> str:
        """Who talks with whom, without folders and secrets."""
        return f"{_without_folders(self.source.text)} calls, {_without_folders(self.model.text)} answers"


def checked_call(
    source: str,
    model: str,
    record: Path | None,
    timeline: Path | None,
    *,
    fast: bool,
    linger: float,
    config: Config,
    agent: Agent | None = None,
    fallback: Sequence[str] = (),
) -> Call:
    """A call that can be made.

    Raises:
        TrioAudioError: it cannot, and why.
    """
    call = Call(choose_source(source, config), choose_model(model, config), record, timeline, fast, linger, config, agent)
    call = replace(call, fallback=tuple(choose_model(each, config) for each in fallback))
    plugins: list[Opener[Source] | Opener[Model]] = [call.source, call.model, *call.fallback]
    for plugin in plugins:
        if fast and not plugin.virtual:
            raise OptionError(f"--fast runs on a virtual clock, and {plugin.name!r} needs the real one; leave --fast out")
    if call.source.embedded:
        raise OptionError(f"the far end of {call.source.text!r} is in the program that opens it, and here is none; use another source")
    if timeline is not None:
        require("PIL", "drawing the timeline", "demo")
    _check_files(call)
    return call


def _check_files(call: Call) -> None:
    """Every file that is to be written can be, and is nothing that is needed for something else."""
    written = [(name, path) for name, path in (("--record", call.record), ("--timeline", call.timeline)) if path is not None]
    plugins = [(f"the {kind}", path) for kind, plugin in (("source", call.source), ("model", call.model)) for path in plugin.files]
    for (name, path), (other, taken) in [*combinations(written, 2), *((mine, theirs) for mine in written for theirs in plugins)]:
        if _same(path, taken):
            raise AudioFileError(f"{name} {path} is the file of {other}; write to another one")
    for name, path in written:
        check_writable(path)
        if path.exists() and not path.is_file():
            raise AudioFileError(f"{name} {path} is no ordinary file, and cannot be replaced; write to another one")


def _same(path: Path, other: Path) -> bool:
    return os.path.realpath(path) == os.path.realpath(other) or (path.exists() and other.exists() and path.samefile(other))


def _without_folders(text: str) -> str:
    spec = parse_spec(text)
    return format_spec(replace(spec, positional=spec.positional and (os.path.basename(spec.positional) or spec.positional)))


def make_call(call: Call) -> int:
    """Make one call; return the exit code.

    Raises:
        TrioAudioError: the source or the model could not be opened after all.
        trio.BrokenResourceError, OSError: so it is, and the world is to blame.
        KeyboardInterrupt: Ctrl-C, after the files have been completed; it may be in a group.
        SystemExit: a signal to end, likewise.
    """
    _load_what_is_slow(call)
    with _ending_like_ctrl_c("SIGTERM", "SIGHUP"):
        return trio.run(_made, call, clock=_virtual_clock() if call.fast else None, restrict_keyboard_interrupt_to_checkpoints=True)


def _load_what_is_slow(call: Call) -> None:
    """What a call needs anyway: once its clock runs, loading it would keep the first frame waiting, and Ctrl-C."""
    import_module("numpy")
    if call.timeline is not None:
        import_module("trioaudio._timeline_picture")


async def _made(call: Call) -> int:
    """Open both sides before anything is said or written, make the call, finish it."""
    current_call_id.set(new_call_id())
    async with AsyncExitStack() as both:
        with libraries_silenced():
            far_party = await both.enter_async_context(call.source())
            model = await both.enter_async_context(call.model())
        making = _Making(call, far_party)
        try:
            ended_well = await making.talk(far_party, model)
        finally:
            making.finish()  # no checkpoint in there: Ctrl-C waits until it is done
    return DONE if ended_well else BROKEN


class _Bounds(TypedDict):
    limits: Limits
    timeouts: Timeouts


class _Watcher(Instrument, Protocol):
    """Watches the audio of a call, and its events."""

    def observe(self, event: Event, now: float) -> None:
        """An event of the channel or of the session was emitted at ``now``."""


class _FirstOpen:
    """Gives the model that is open already, and opens another one each time that is lost."""

    def __init__(self, model: Model, again: Opener[Model]) -> None:
        self._model: Model | None = model
        self._again = again

    def __call__(self) -> AbstractAsyncContextManager[Model]:
        model, self._model = self._model, None
        return self._again() if model is None else nullcontext(model)


class _Making:
    """A call being made, with all who watch it."""

    def __init__(self, call: Call, far_party: Source) -> None:
        self._call = call
        self._screen = open_screen(sys.stdout, far_party.length)
        began = trio.current_time()
        self._account, self._linger = Account(self._screen, began), Linger(began, far_party.length, call.linger)
        self._timeline = self._new_timeline(far_party, began) if call.timeline is not None else None
        self._draft = Draft(call.record) if call.record is not None else None
        self._watching: list[_Watcher] = [self._account, self._linger, *([self._timeline] if self._timeline is not None else [])]
        self._channel: Channel | None = None
        self._session: Session | None = None
        self._ended_at = began
        self._bounds: _Bounds = {"limits": call.config.limits, "timeouts": call.config.timeouts}

    async def talk(self, far_party: Source, model: Model) -> bool:
        """From the first word to the goodbye; returns whether all was well. Checkpoint: yes."""
        self._account.tell(trio.current_time(), "", self._call.title, "bold")
        listening: Listeners = dict.fromkeys((*TOLD_BY_CHANNEL, *WATCHED_IN_CHANNEL), self._observe)
        record = self._draft.path if self._draft is not None else None
        opening = open_channel(far_party, record=record, instruments=self._watching, on=listening, **self._bounds)
        async with opening as self._channel:
            try:
                model_stayed = await self._couple(self._channel, model)
            finally:
                self._ended_at = trio.current_time()
        reason = await self._channel.wait_closed()
        return model_stayed and reason.kind in ("closed", "hangup")

    async def _couple(self, channel: Channel, model: Model) -> bool:
        listening: Listeners = dict.fromkeys((*TOLD_BY_SESSION, *WATCHED_IN_SESSION), self._observe)
        models = _FirstOpen(model, self._call.model)
        opening = open_session(channel, models, self._call.agent, fallback=self._call.fallback, on=listening, **self._bounds)
        async with opening as self._session:
            self._keep_recording(channel)
            try:
                await self._linger.wait()
            except KeyboardInterrupt:
                self._account.tell(trio.current_time(), "", "told to stop: hanging up", "yellow")
                raise
            await channel.hang_up()
        end = await self._session.wait_closed()
        if end.kind == "model":
            self._account.tell(trio.current_time(), "model", "has left" if end.error is None else f"is gone: {end.error}", "bold red")
        return end.error is None or end.kind != "model"

    def _observe(self, event: Event) -> None:
        now = trio.current_time()
        for observer in self._watching:
            observer.observe(event, now)

    def finish(self) -> None:
        """Count, draw, name the files; nothing of that when the two never talked."""
        self._screen.close()
        if self._session is None and self._draft is not None:
            self._draft.discard()
        if self._channel is not None and self._session is not None:
            self._account.tell(self._ended_at, "", "the call is over", "bold")
            self._account.sum_up(self._channel.statistics(), self._session.late_audio_ms)
            self._name_recording(self._channel)
            self._draw_timeline()

    def _keep_recording(self, channel: Channel) -> None:
        if self._draft is not None and channel.recording is not None:
            try:
                self._draft.keep(channel.recording)
            except AudioFileError as error:
                complain(error)

    def _name_recording(self, channel: Channel) -> None:
        if channel.recording is None:
            return
        what = "caller left, agent as heard right"
        if channel.recording.error is not None:
            what = f"{what}; stopped after {channel.recording.seconds:.1f} s"
            complain(f"the recording is not complete: {channel.recording.error}")
        self._account.name_file(channel.recording.path, what)

    def _new_timeline(self, far_party: Source, began: float) -> Timeline:
        formats = {"input_format": far_party.input_format, "output_format": far_party.output_format}
        return Timeline(**formats, started_at=began, title=self._call.title)

    def _draw_timeline(self) -> None:
        if self._call.timeline is None or self._timeline is None:
            return
        self._timeline.finish(self._ended_at)
        try:
            self._timeline.draw(self._call.timeline)
        except TrioAudioError as error:
            complain(error)
        else:
            self._account.name_file(self._call.timeline, "both waveforms, turns, interruptions")


@contextmanager
def _ending_like_ctrl_c(*names: str) -> Iterator[None]:
    """Let these signals, which would end the process at once, end the call as Ctrl-C does: with whole files.

    Signals that were ignored (as by nohup) still are.

    Raises:
        SystemExit: with the exit code that shells expect, in place of `KeyboardInterrupt`.
    """
    received: list[int] = []

    def end(number: int, _: FrameType | None) -> None:
        received.append(number)
        signal.raise_signal(signal.SIGINT)

    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # Ctrl-C is ignored or somebody else's: so are these
        numbers = []
    before = {number: signal.signal(number, end) for number in numbers if signal.getsignal(number) is signal.SIG_DFL}
    try:
        yield
    except BaseException:
        if received:
            raise SystemExit(128 + received[0]) from None  # noqa: ASYNC104 - around trio.run: no Cancelled comes here
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _virtual_clock() -> trio.abc.Clock:
    from trio.testing import MockClock  # not above: it imports pytest, where there is one

    return MockClock(autojump_threshold=0)
