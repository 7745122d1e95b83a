"""The sources and listeners of Twilio's sister carriers and of Genesys, with the fakes that call them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import trio
from testing.phone_pairs import LineVerbs

from trioaudio import Secret
from trioaudio.abc import Listener, PhoneSource, Source, WebSocket
from trioaudio.sources import anycarrier, carriers, genesys
from trioaudio.testing import (
    CarrierLine,
    CarrierWeb,
    FakeCarrier,
    FakeExotel,
    FakeGenesys,
    FakePlivo,
    FakeSignalWire,
    FakeTelnyx,
    FakeVonage,
    MemoryFrontDoor,
    memory_websockets,
    open_memory_door,
)
from trioaudio.wire.exotel import EXOTEL
from trioaudio.wire.genesys import GENESYS
from trioaudio.wire.phone import PhoneDialect, PhoneWire
from trioaudio.wire.plivo import PLIVO
from trioaudio.wire.signalwire import SIGNALWIRE
from trioaudio.wire.telnyx import TELNYX
from trioaudio.wire.vonage import VONAGE

FAKES: dict[str, tuple[type[FakeCarrier], PhoneDialect]] = {
    "signalwire": (FakeSignalWire, SIGNALWIRE),
    "telnyx": (FakeTelnyx, TELNYX),
    "plivo": (FakePlivo, PLIVO),
    "exotel": (FakeExotel, EXOTEL),
    "vonage": (FakeVonage, VONAGE),
    "genesys": (FakeGenesys, GENESYS),
}
KEY = Secret("k3y")
SECRET = "TXlTdXBlclNlY3JldEtleVRlbGxOby0xITJAMyM0JDU="

Opener = Callable[[MemoryFrontDoor], AbstractAsyncContextManager[Listener]]
OPENERS: dict[str, Opener] = {
    "signalwire": lambda door: carriers.open_signalwire(door, key=KEY),
    "telnyx": lambda door: carriers.open_telnyx(door, key=KEY),
    "plivo": lambda door: carriers.open_plivo(door, key=KEY),
    "exotel": lambda door: carriers.open_exotel(door, key=KEY),
    "vonage": lambda door: carriers.open_vonage(door, key=KEY),
    "anycarrier": lambda door: anycarrier.open_anycarrier(door, key=KEY),
    "genesys": lambda door: genesys.open_genesys(door, key=KEY, client_secret=Secret(SECRET)),
}


def fake(name: str, **options: Any) -> FakeCarrier:
    """A carrier that knows the key."""
    knows = {"api_key": KEY.reveal(), "client_secret": SECRET} if name == "genesys" else {}
    return FAKES[name][0](**knows, **options)


def address(name: str, key: str = "k3y") -> str:
    """Where its websocket is."""
    return f"wss://voice.example.com/{name}" + ("" if name == "genesys" else f"/{key}")


class OneSocket(CarrierWeb):
    """A web in which there is one websocket."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket

    async def post(self, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> tuple[int, str]:
        raise NotImplementedError

    @asynccontextmanager
    async def open_websocket(self, url: str, headers: Mapping[str, str]) -> AsyncGenerator[WebSocket, None]:
        yield self._websocket


@asynccontextmanager
async def fake_source(name: str, **options: Any) -> AsyncGenerator[tuple[Source, object], None]:
    """A source that a stream of this carrier's has been started for; its carrier has nothing to complain of."""
    ours, theirs = memory_websockets()
    async with fake(name, **options).dial(OneSocket(theirs), "wss://voice.example.com/") as line:
        wire = PhoneWire(FAKES[name][1])
        while wire.phase == "connecting":
            wire.receive_untrusted(await ours.receive(), trio.current_time())
        yield PhoneSource(ours, wire), LineVerbs(line)
        await ours.aclose()
        assert not line.carrier.errors


class CarrierCallers:
    """Somebody who can call the listener under test, with the verbs of the kit."""

    def __init__(self, name: str, door: MemoryFrontDoor, stack: AsyncExitStack) -> None:
        self._name, self._door, self._stack = name, door, stack
        self._line: CarrierLine | None = None

    async def dial(self) -> None:
        self._line = await self._stack.enter_async_context(fake(self._name).dial(self._door, address(self._name)))

    async def outcome(self) -> str:
        assert self._line is not None
        await trio.sleep(0.01)
        ended = getattr(self._line.carrier, "disconnected", None) or {"outputVariables": {}}
        if "transfer" in ended["outputVariables"]:
            return "redirected"
        return "rejected" if self._line.over and not self._line.ended_here else "ringing"

    def hang_up(self) -> None:
        assert self._line is not None
        self._line.hang_up()


@asynccontextmanager
async def carrier_listener(name: str) -> AsyncGenerator[tuple[Listener, object], None]:
    """A listener of this carrier's, and somebody who calls it."""
    async with open_memory_door() as door, OPENERS[name](door) as listener, AsyncExitStack() as stack:
        yield listener, CarrierCallers(name, door, stack)
