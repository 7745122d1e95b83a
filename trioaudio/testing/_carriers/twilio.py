"""Twilio for tests: it calls a number whose webhook is yours, does what the TwiML says, and knows what was truly heard.

``trioaudio call`` is the same over real sockets.
"""

from __future__ import annotations

import json
import secrets
from base64 import b64encode
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Literal, TypeAlias
from xml.etree import ElementTree

import trio

from ... import Secret, open_front_door
from ...abc import Request, Response
from ...wire.twilio_carrier import TwilioCarrier
from ...wire.twilio_signature import signature
from .._memory_door import MemoryFrontDoor
from .._network import Network, through_network
from .company import open_company
from .line import CarrierLine
from .web import CarrierWeb, MemoryWeb

FakeOutcome: TypeAlias = Literal["ringing", "connected", "rejected", "redirected", "transferred", "ended", "failed"]
"""What has become of a call, as its caller sees it."""

FakePickUp: TypeAlias = Literal["human", "machine_start", "machine_end_beep", "fax", "busy", "no-answer"]
"""Who picks up where the app dials, if anybody does."""

FakeTrack: TypeAlias = Literal["inbound_track", "outbound_track", "both_tracks"]
"""What a stream of ``<Start>`` sends, in Twilio's words."""

MOST_DOCUMENTS = 20
_TRACKS: Mapping[FakeTrack | None, tuple[str, ...]] = {
    None: ("inbound",),
    "inbound_track": ("inbound",),
    "outbound_track": ("outbound",),
    "both_tracks": ("inbound", "outbound"),
}


class FakeTwilioCall:
    """A call by `FakeTwilio.dial`."""

    def __init__(
        self,
        twilio: FakeTwilio,
        web: CarrierWeb,
        url: str,
        caller: str,
        called: str,
        network: Network | None = None,
        parameters: Mapping[str, str] | None = None,
        track: FakeTrack | None = None,
    ) -> None:
        self.sid: str = f"CA{secrets.token_hex(16)}"
        self.outcome: FakeOutcome = "ringing"
        self.reason: str = ""
        """Why it was rejected, or failed; to whom it was handed over."""
        self.documents: list[str] = []
        """All TwiML that was answered."""
        self.lines: list[CarrierLine] = []
        """Its media streams, the last one last."""
        self.upgrade_errors: list[str] = []
        """Why media websockets were not opened."""
        self.digits: str = ""
        """The keys that were pressed for the caller to hear."""
        self._twilio, self._web, self._url = twilio, web, url
        self._form = {"CallSid": self.sid, "AccountSid": twilio.account, "From": caller, "To": called, "Direction": "inbound"}
        self.asked: dict[str, str] = {}
        """What it was dialled with, if the app did that."""
        self._network, self._parameters, self._track = network, dict(parameters or {}), track
        self.changes: list[dict[str, str]] = []
        """What the app asked for through the REST interface."""
        self._hung_up = False
        self._document_next: str | None = None
        self._changed = trio.lowlevel.ParkingLot()
        self._life = trio.CancelScope()

    # ---- what the caller does

    @property
    def line(self) -> CarrierLine:
        """Its newest media stream: speak, press keys, hear through it.

        Raises:
            trio.BrokenResourceError: there is none.
        """
        if not self.lines:
            raise trio.BrokenResourceError(f"this call has no media stream: {self.outcome} {self.reason}")
        return self.lines[-1]

    async def wait_connected(self) -> CarrierLine:
        """Wait for its media stream; raises `trio.BrokenResourceError` if there will be none. Checkpoint: yes."""
        await trio.lowlevel.checkpoint()
        while self.outcome == "ringing":
            await self._changed.park()
        return self.line

    async def wait_ended(self) -> FakeOutcome:
        """Wait for its end; what became of it. Checkpoint: yes."""
        await trio.lowlevel.checkpoint()
        while self.outcome in ("ringing", "connected"):
            await self._changed.park()
        return self.outcome

    def hang_up(self) -> None:
        """Put the receiver down."""
        self._hung_up = True
        if self.outcome == "connected":
            self.line.hang_up()
        else:
            self._life.cancel("the caller hung up")

    # ---- what the carrier does

    async def run(self) -> None:
        """The whole call. Checkpoint: yes."""
        try:
            with self._life:
                if self._url.startswith(("ws://", "wss://")):
                    await self._stream(self._url, self._parameters)
                else:
                    await self._obey(self._url)
        except trio.BrokenResourceError as exc:
            self._become("failed", str(exc))
        with trio.move_on_after(5, shield=True):
            await self._tell_status("completed")
        if self.outcome in ("ringing", "connected"):
            self._become("ended")

    async def _obey(self, url: str) -> None:
        for _ in range(MOST_DOCUMENTS):
            next_url = await self._do(_parsed(await self._document(url)))
            if self._document_next is not None:
                document, self._document_next = self._document_next, None
                next_url = await self._do(_parsed(document))
            if next_url is None or self._hung_up:
                return
            url = next_url
        self._become("failed", f"more than {MOST_DOCUMENTS} documents")

    async def _document(self, url: str) -> str:
        status, text = await self._post(url, self._form)
        if status != 200:
            raise trio.BrokenResourceError(f"the webhook answered {status}")
        self.documents.append(text)
        return text

    async def _post(self, url: str, form: Mapping[str, str]) -> tuple[int, str]:
        return await self._web.post(url, form, {"X-Twilio-Signature": self._twilio.sign(url, form)})

    async def _do(self, response: ElementTree.Element) -> str | None:
        """Carry out a document; where to go on, if anywhere."""
        for verb in response:
            if self._hung_up:
                return None
            match verb.tag:
                case "Reject":
                    self._become("rejected", verb.get("reason", "rejected"))
                    return None
                case "Hangup":
                    return None
                case "Redirect":
                    return (verb.text or "").strip()
                case "Dial":
                    self._become("transferred" if self.lines else "redirected", "".join(verb.itertext()).strip())
                    return None
                case "Play" if digits := verb.get("digits"):
                    await trio.sleep(0.5 * len(digits))
                    self.digits += digits
                case "Connect":
                    await self._connect(verb)
                    if self._document_next is not None:
                        return None
        return None

    async def _connect(self, verb: ElementTree.Element) -> None:
        stream = verb.find("Stream")
        if stream is None:
            return
        url = stream.get("url", "")
        parameters = {each.get("name", ""): each.get("value", "") for each in stream.iter("Parameter")}
        try:
            await self._stream(url, parameters)
        except trio.BrokenResourceError as exc:
            self.upgrade_errors.append(str(exc))

    async def _stream(self, url: str, parameters: Mapping[str, str]) -> None:
        async with AsyncExitStack() as stack:
            websocket = await stack.enter_async_context(self._web.open_websocket(url, {"X-Twilio-Signature": self._twilio.sign(url, {})}))
            if self._network is not None:
                websocket = await stack.enter_async_context(through_network(websocket, self._network))
            stream_sid = f"MZ{secrets.token_hex(16)}"
            carrier = TwilioCarrier(
                stream_sid,
                self.sid,
                self._twilio.account,
                trio.current_time(),
                parameters=parameters,
                tracks=_TRACKS[self._track],
                one_way=self._track is not None,
            )
            line = CarrierLine(websocket, carrier)
            self.lines.append(line)
            self._become("connected")
            await line.run()

    async def _tell_status(self, status: str, **more: str) -> None:
        """Every call ends with a status callback, where one is configured."""
        url = self.asked.get("StatusCallback", self._twilio.status_url)
        if url is not None:
            try:
                await self._post(url, {**self._form, "CallStatus": status, **more})
            except trio.BrokenResourceError:
                await trio.lowlevel.checkpoint()

    async def ring(self, picked_up: FakePickUp) -> None:
        """As the app dialled it. Checkpoint: yes."""
        if picked_up in ("busy", "no-answer"):
            self._become("failed", picked_up)
            await self._tell_status(picked_up)
            return
        async with trio.open_nursery() as nursery:
            if "MachineDetection" in self.asked:
                nursery.start_soon(partial(self._tell_status, "in-progress", AnsweredBy=picked_up))
            await self.run()

    def change(self, form: Mapping[str, str]) -> bool:
        """Do as the app says through the REST interface; whether the call was going on."""
        if self.outcome not in ("ringing", "connected"):
            return False
        self.changes.append(dict(form))
        if form.get("Status") == "completed":
            self.hang_up()
        elif self.lines:
            self._document_next = form.get("Twiml", "")
            self.line.hang_up()
        return True

    def _become(self, outcome: FakeOutcome, reason: str = "") -> None:
        self.outcome, self.reason = outcome, reason
        self._changed.unpark_all()


def _parsed(document: str) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(document)
    except (ElementTree.ParseError, ValueError) as exc:
        raise trio.BrokenResourceError(f"the webhook answered no XML ({exc}); Twilio calls that 12100") from exc


class FakeTwilio:
    """A carrier that calls you.

    ```python
    twilio_fake = FakeTwilio()
    async with open_memory_door() as door, open_server(twilio.listen(door, auth_token=twilio_fake.auth_token), handle_call):
        async with twilio_fake.dial(door, caller="+15550100") as call:
            line = await call.wait_connected()
            line.speak(audio)
            ...
    ```

    Args:
        auth_token, account: of the account that is called.
        status_url: where the end of each call is told, as configured for a number.
    """

    def __init__(self, *, auth_token: str | None = None, account: str | None = None, status_url: str | None = None) -> None:
        token = auth_token or secrets.token_hex(16)
        self.auth_token: Secret = Secret(token)
        self.account: str = account or f"AC{secrets.token_hex(16)}"
        self.status_url: str | None = status_url
        self.dialled: list[FakeTwilioCall] = []
        """The calls that the app has dialled."""

    def sign(self, url: str, form: Mapping[str, str]) -> str:
        """The signature of a request."""
        return signature(url, list(form.items()), self.auth_token.reveal())

    @asynccontextmanager
    async def open_rest(
        self, web: CarrierWeb | MemoryFrontDoor, picks_up: FakePickUp = "human", *, failures: Sequence[int] = ()
    ) -> AsyncGenerator[str, None]:
        """Its REST interface, on a port of this machine; the base URL. Checkpoint: yes.

        Args:
            web: the way to the server whose webhook is asked when somebody picks up.
            picks_up: who does.
            failures: statuses that the first requests are answered with, though what they ask for is done if it is 503.
        """
        left, way = list(failures), MemoryWeb(web) if isinstance(web, MemoryFrontDoor) else web
        expected = "Basic " + b64encode(f"{self.account}:{self.auth_token.reveal()}".encode()).decode()
        async with open_company() as nursery, open_front_door(port=0) as door:

            def refused(request: Request) -> Response | None:
                if request.headers.get("authorization") != expected:
                    return Response('{"code": 20003, "message": "Authenticate"}', 401)
                if left and left[0] != 503:
                    return Response('{"code": 20429}', left.pop(0))
                return None

            async def dialled(request: Request) -> Response:
                await trio.lowlevel.checkpoint()
                if (response := refused(request)) is not None:
                    return response
                asked = dict(request.form())
                call = FakeTwilioCall(self, way, asked["Url"], asked["From"], asked["To"])
                call.asked = asked
                call._form["Direction"] = "outbound-api"
                self.dialled.append(call)
                nursery.start_soon(call.ring, picks_up)
                return Response("", left.pop(0)) if left else Response(json.dumps({"sid": call.sid, "status": "queued"}), 201)

            async def changed(request: Request) -> Response:
                await trio.lowlevel.checkpoint()
                if (response := refused(request)) is not None:
                    return response
                sid = request.values["call"].removesuffix(".json")
                call = next((each for each in self.dialled if each.sid == sid), None)
                if call is None:
                    return Response('{"code": 20404, "message": "not found"}', 404)
                going_on = call.change(request.form())
                return Response("{}") if going_on else Response('{"code": 21220, "message": "Call is not in-progress"}', 400)

            base = f"/2010-04-01/Accounts/{self.account}"
            with (
                door.route("POST", f"{base}/Calls.json", dialled, auth="token"),
                door.route("POST", f"{base}/Calls/{{call}}", changed, auth="token"),
            ):
                yield f"http://127.0.0.1:{door.addresses[0][1]}"

    @asynccontextmanager
    async def dial(
        self,
        web: CarrierWeb | MemoryFrontDoor,
        url: str = "https://voice.example.com/twilio/voice",
        *,
        caller: str = "+15550100",
        called: str = "+15550199",
        network: Network | None = None,
        parameters: Mapping[str, str] | None = None,
        track: FakeTrack | None = None,
    ) -> AsyncGenerator[FakeTwilioCall, None]:
        """Call; the receiver is put down when the block ends.

        Args:
            web: the way to the server.
            url: its webhook; or, by ``ws://`` or ``wss://``, a media websocket that is opened at once.
            caller, called: numbers.
            network: between the carrier and the server.
            parameters: custom parameters of a stream that is opened at once.
            track: let that be a stream as ``<Start>`` opens it, which takes nothing, and sends this.
        """
        way = MemoryWeb(web) if isinstance(web, MemoryFrontDoor) else web
        call = FakeTwilioCall(self, way, url, caller, called, network, parameters, track)
        async with open_company() as nursery:
            nursery.start_soon(call.run)
            yield call
            call.hang_up()
            with trio.move_on_after(5):
                await call.wait_ended()
