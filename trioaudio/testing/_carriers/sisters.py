"""Twilio's sister carriers and Genesys Cloud for tests: they open a media websocket to you, and know what was truly heard.

What they say, and how strict they are, is in `trioaudio.wire`; here a carrier meets a websocket, a network and the clock.
"""

from __future__ import annotations

import secrets
import time
from base64 import b64encode
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, ClassVar
from uuid import uuid4

import trio

from ... import Secret
from ...audio import AudioFormat
from ...wire.genesys_carrier import GenesysCarrier
from ...wire.genesys_signature import signature_headers
from ...wire.json_carriers import ExotelCarrier, PlivoCarrier, SignalWireCarrier, TelnyxCarrier
from ...wire.phone_carrier import PhoneCarrier
from ...wire.vonage_carrier import VonageCarrier
from .._memory_door import MemoryFrontDoor
from .._network import Network, through_network
from .company import open_company
from .line import CarrierFault, CarrierLine
from .web import CarrierWeb, MemoryWeb


class FakeCarrier:
    """A carrier that opens a media websocket to you, plays what it is sent in its own time, and is as strict as its pages.

    ```python
    fake = FakeTelnyx()
    async with open_memory_door() as door, open_telnyx(door, key=Secret("k3y")) as listener, open_server(listener, handle_call):
        async with fake.dial(door, "wss://voice.example.com/telnyx/k3y", caller="+15550100") as line:
            line.speak(audio)
            await line.wait_hears(8_000)
    ```

    Args:
        format: of the audio of its calls; None for what the carrier has if nobody asks.
        line_open: whether a caller who says nothing sends silence, as a telephone does.
        faults: what goes wrong in each call.
        marks_survive_clear: whether marks that are out come back when the queue is cleared; None for what is known of the carrier.
        account: the id of the account whose calls these are.
    """

    _carrier: ClassVar[type[PhoneCarrier]]

    def __init__(
        self,
        *,
        format: AudioFormat | None = None,
        line_open: bool = True,
        faults: Iterable[CarrierFault] = (),
        marks_survive_clear: bool | None = None,
        account: str | None = None,
    ) -> None:
        self.format: AudioFormat | None = format
        self.line_open: bool = line_open
        self.faults: tuple[CarrierFault, ...] = tuple(faults)
        self.marks_survive_clear: bool | None = marks_survive_clear
        self.account: str = account or str(uuid4())
        self.lines: list[CarrierLine] = []
        """The streams of its calls, the last one last."""

    @asynccontextmanager
    async def dial(
        self,
        web: CarrierWeb | MemoryFrontDoor,
        url: str,
        *,
        caller: str = "+15550100",
        called: str = "+15550199",
        network: Network | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> AsyncGenerator[CarrierLine, None]:
        """Open a media websocket and start a stream; the receiver is put down when the block ends.

        Args:
            web: the way to the server.
            url: the address of the websocket: ``wss://voice.example.com/telnyx/KEY``.
            caller, called: numbers, which are told where the carrier tells them.
            network: between the carrier and the server.
            parameters: custom ones, as the carrier calls them: headers, variables.

        Raises:
            trio.BrokenResourceError: the server does not open it.
        """
        options: dict[str, Any] = {"caller": caller, "called": called, "parameters": parameters, "format": self.format}
        options["marks_survive_clear"] = self.marks_survive_clear
        async with self._opened(MemoryWeb(web) if isinstance(web, MemoryFrontDoor) else web, url, network, options) as line:
            yield line

    @asynccontextmanager
    async def _opened(
        self, web: CarrierWeb, url: str, network: Network | None, options: dict[str, Any]
    ) -> AsyncGenerator[CarrierLine, None]:
        stream = str(uuid4())
        async with AsyncExitStack() as stack:
            websocket = await stack.enter_async_context(web.open_websocket(url, self._headers(url, stream)))
            if network is not None:
                websocket = await stack.enter_async_context(through_network(websocket, network))
            carrier = self._carrier(stream, str(uuid4()), self.account, trio.current_time(), **options)
            line = CarrierLine(websocket, carrier, line_open=self.line_open, faults=self.faults)
            self.lines.append(line)
            nursery = await stack.enter_async_context(open_company())
            nursery.start_soon(line.run)
            yield line
            line.hang_up()
            with trio.move_on_after(carrier.parting + 1):
                await line.wait_over()

    def _headers(self, url: str, stream: str) -> dict[str, str]:
        """What it says of itself when it opens a websocket."""
        return {}


class FakeSignalWire(FakeCarrier):
    """SignalWire; arguments as for `FakeCarrier`."""

    _carrier = SignalWireCarrier


class FakeTelnyx(FakeCarrier):
    """Telnyx; arguments as for `FakeCarrier`."""

    _carrier = TelnyxCarrier


class FakePlivo(FakeCarrier):
    """Plivo; arguments as for `FakeCarrier`."""

    _carrier = PlivoCarrier


class FakeExotel(FakeCarrier):
    """Exotel; arguments as for `FakeCarrier`."""

    _carrier = ExotelCarrier


class FakeVonage(FakeCarrier):
    """Vonage; arguments as for `FakeCarrier`."""

    _carrier = VonageCarrier


class FakeGenesys(FakeCarrier):
    """Genesys Cloud: an Audio Connector, or with two channels an AudioHook Monitor. Its ``errors`` have AudioHook's numbers.

    Args:
        api_key: of the integration.
        client_secret: base64; what upgrades are signed with, None if they are not.
        signed: False leaves the signature out.
        channels: that it offers: ``("external", "internal")``.
        monitor: it takes no audio.
        more: as for `FakeCarrier`.
    """

    _carrier = GenesysCarrier

    def __init__(
        self,
        *,
        api_key: str | None = None,
        client_secret: str | None = None,
        signed: bool = True,
        channels: tuple[str, ...] = ("external",),
        monitor: bool = False,
        **more: Any,
    ) -> None:
        super().__init__(**more)
        self.api_key: Secret = Secret(api_key or secrets.token_urlsafe(18))
        self.client_secret: Secret = Secret(client_secret or b64encode(secrets.token_bytes(32)).decode("ascii"))
        self.signed: bool = signed
        self.channels: tuple[str, ...] = channels
        self.monitor: bool = monitor

    @asynccontextmanager
    async def _opened(
        self, web: CarrierWeb, url: str, network: Network | None, options: dict[str, Any]
    ) -> AsyncGenerator[CarrierLine, None]:
        async with super()._opened(web, url, network, {"channels": self.channels, "one_way": self.monitor, **options}) as line:
            yield line

    def _headers(self, url: str, stream: str) -> dict[str, str]:
        headers = {
            "x-api-key": self.api_key.reveal(),
            "audiohook-organization-id": self.account,
            "audiohook-session-id": stream,
            "audiohook-correlation-id": str(uuid4()),
        }
        if not self.signed:
            return headers
        return {**headers, **signature_headers(url, headers, self.client_secret.reveal(), secrets.token_urlsafe(18), time.time())}

    async def try_connection(self, web: CarrierWeb | MemoryFrontDoor, url: str) -> bool:
        """Only try it, as Genesys does when an integration is activated; whether it was opened and closed as it must be.

        Checkpoint: yes.
        """
        way = MemoryWeb(web) if isinstance(web, MemoryFrontDoor) else web
        async with self._opened(way, url, None, {"only_tries": True}) as line:
            with trio.move_on_after(10):
                await line.wait_over()
        return line.carrier.finished and not line.carrier.errors
