"""Fixtures for pytest, on top of pytest-trio; the only module of the kit that needs either (the extra ``test``).

In your ``conftest.py``: ``pytest_plugins = ["trioaudio.testing.fixtures"]``. A test that asks for one of them runs on a virtual clock.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TypeAlias

import pytest

from .. import Session
from ._call import open_call
from ._carriers.asterisk import FakeAsterisk
from ._carriers.browser import FakeBrowser
from ._carriers.sisters import FakeExotel, FakeGenesys, FakePlivo, FakeSignalWire, FakeTelnyx, FakeVonage
from ._carriers.twilio import FakeTwilio
from ._clocks import LATE, run_virtual
from ._emulators.elevenlabs import ElevenLabsEmulator
from ._emulators.gemini import GeminiEmulator
from ._emulators.openai import OpenAIEmulator
from ._emulators.openai_live import OpenAILiveEmulator
from ._far_end import ScriptedFarEnd

OpenCall: TypeAlias = Callable[..., AbstractAsyncContextManager[tuple[ScriptedFarEnd, Session]]]
"""What the fixture ``call`` is, for annotations."""


def _run_with(request: pytest.FixtureRequest, run: Callable[..., object]) -> None:
    """Let pytest-trio run the test that asks for a fixture by ``run``: its marker's own way to say so."""
    if inspect.iscoroutinefunction(request.function):
        request.node.add_marker(pytest.mark.trio(run=run), append=False)


@pytest.fixture
def virtual_clock(request: pytest.FixtureRequest) -> None:
    """The test runs on a clock that jumps ahead whenever everybody sleeps."""
    _run_with(request, run_virtual)


@pytest.fixture
def late_clock(request: pytest.FixtureRequest) -> None:
    """As ``virtual_clock``, and every sleeper wakes 0.3 ms late, as on a real one."""
    _run_with(request, partial(run_virtual, late=LATE))


@pytest.fixture
def call(virtual_clock: None) -> OpenCall:
    """`open_call`, on the virtual clock: ``async with call(model=Script(...)) as (caller, session)``."""
    return open_call


@pytest.fixture
def openai_emulator() -> OpenAIEmulator:
    """An `OpenAIEmulator` that says again what it hears: ``call(model=openai_emulator.model)``, or ``openai_emulator.listen()``."""
    return OpenAIEmulator()


@pytest.fixture
def openai_live_emulator() -> OpenAILiveEmulator:
    """An `OpenAILiveEmulator`, which says again what it hears: ``call(model=openai_live_emulator.model)``, or its ``listen()``."""
    return OpenAILiveEmulator()


@pytest.fixture
def fake_asterisk() -> FakeAsterisk:
    """A `FakeAsterisk` whose callers send silence while they say nothing: ``fake_asterisk.audiosocket_to(listener.take, id)``."""
    return FakeAsterisk(line_open=True)


@pytest.fixture
def fake_browser(virtual_clock: None) -> FakeBrowser:
    """A `FakeBrowser`, on the virtual clock: ``async with fake_browser.call(door) as call`` calls what is served at a door in memory."""
    return FakeBrowser()


@pytest.fixture
def elevenlabs_emulator() -> ElevenLabsEmulator:
    """An `ElevenLabsEmulator` that says again what it hears: as ``openai_emulator``."""
    return ElevenLabsEmulator()


@pytest.fixture
def fake_twilio(virtual_clock: None) -> FakeTwilio:
    """A `FakeTwilio`, on the virtual clock: ``async with fake_twilio.dial(door) as call`` calls the number that your listener serves."""
    return FakeTwilio()


@pytest.fixture
def gemini_emulator() -> GeminiEmulator:
    """A `GeminiEmulator` that says again what it hears: ``call(model=gemini_emulator.model)``, or ``gemini_emulator.listen()``."""
    return GeminiEmulator()


@pytest.fixture
def fake_signalwire(virtual_clock: None) -> FakeSignalWire:
    """A `FakeSignalWire`, on the virtual clock: ``async with fake_signalwire.dial(door, url) as line`` starts a stream."""
    return FakeSignalWire()


@pytest.fixture
def fake_telnyx(virtual_clock: None) -> FakeTelnyx:
    """A `FakeTelnyx`, on the virtual clock: ``async with fake_telnyx.dial(door, url) as line`` starts a stream."""
    return FakeTelnyx()


@pytest.fixture
def fake_plivo(virtual_clock: None) -> FakePlivo:
    """A `FakePlivo`, on the virtual clock: ``async with fake_plivo.dial(door, url) as line`` starts a stream."""
    return FakePlivo()


@pytest.fixture
def fake_exotel(virtual_clock: None) -> FakeExotel:
    """A `FakeExotel`, on the virtual clock: ``async with fake_exotel.dial(door, url) as line`` starts a stream."""
    return FakeExotel()


@pytest.fixture
def fake_vonage(virtual_clock: None) -> FakeVonage:
    """A `FakeVonage`, on the virtual clock: ``async with fake_vonage.dial(door, url) as line`` starts a stream."""
    return FakeVonage()


@pytest.fixture
def fake_genesys(virtual_clock: None) -> FakeGenesys:
    """A `FakeGenesys`, on the virtual clock: ``async with fake_genesys.dial(door, url) as line`` starts a stream."""
    return FakeGenesys()
