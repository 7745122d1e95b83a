"""One connection of the front door: HTTP/1.1 out of h11, request after request, until it ends or becomes a websocket."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import h11
import trio

from .._errors import RemoteProtocolError
from .._front_door import Handler, Request, Response
from .._limits import Limits, Timeouts
from .http_request import Asked, Refused, as_h11, asked_untrusted, refusal, size_of
from .http_upgrade import HttpUpgrade, Switch, decide, handshake_untrusted
from .lean_socket import LeanSocket, Spawn
from .perimeter import Perimeter, Visitor
from .pipe import Pipe
from .routes import WEBSOCKET, Entry, Match, Routes
from .statistics import Tally
from .websocket_codec import WebSocketCodec

log = logging.getLogger("trioaudio.front_door")

LINGER = 1.0
"""Seconds in which a client that was refused may still send what it has begun, so that it gets to read why."""
MOST_LINGERED = 1 << 20


@dataclass(slots=True)
class House:
    """What all connections of a server share."""

    limits: Limits
    timeouts: Timeouts
    perimeter: Perimeter
    spawn: Spawn
    routes: Routes = field(default_factory=Routes)
    tally: Tally = field(default_factory=Tally)
    draining: bool = False


class HttpConnection:
    """One client, from its first byte to the end.

    Args:
        pipe: open; TLS, if any, is agreed on.
        peer: the address it comes from.
        house: the server.
    """

    def __init__(self, pipe: Pipe, peer: str, house: House) -> None:
        self._pipe, self._peer, self._house = pipe, peer, house
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=house.limits.http_header)
        self._patience = house.timeouts.http_header
        self._waiting: trio.CancelScope | None = None
        self._method = ""
        self._whole = False  # the request has been read to its end
        self._kept = False  # it is not the first one

    def end_if_idle(self) -> None:
        """The server ends: a connection that only waits for its next request is not waited for; a new one is still answered."""
        if self._waiting is not None and self._kept and not self._begun:
            self._waiting.cancel()

    @property
    def _begun(self) -> bool:
        return bool(self._http.trailing_data[0])

    async def serve(self) -> None:
        """Answer until there is nobody to answer. Checkpoint: yes."""
        try:
            while await self._exchange():
                self._whole, self._kept = False, True
                self._http.start_next_cycle()
                self._patience = self._house.timeouts.http_idle
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the client has gone, as clients do
        finally:
            self._pipe.close()

    async def _exchange(self) -> bool:
        """One request; whether another one may follow."""
        try:
            asked = await self._next_request()
            response = await self._answer(asked) if asked is not None else None
        except Refused as refused:
            response = _told(refused.response)
        except RemoteProtocolError as exc:
            response = _told(refusal(400, str(exc)))
        if response is None:  # nobody asks any more, or it became a websocket
            return False
        await self._respond(response)
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            return True
        await self._linger()
        return False

    # ---- what is asked

    async def _next_request(self) -> Asked | None:
        if self._house.draining and self._kept and not self._begun:
            return None
        with trio.CancelScope(deadline=trio.current_time() + self._patience) as self._waiting:
            return await self._head()
        if self._begun:
            raise Refused(408, f"the headers did not arrive within {self._house.timeouts.http_header:g} s")
        return None

    async def _head(self) -> Asked | None:
        try:
            while (event := self._event()) is h11.NEED_DATA:
                begun = self._begun
                await self._read()
                if self._waiting is not None and not begun:
                    self._waiting.deadline = trio.current_time() + self._house.timeouts.http_header
        finally:
            self._waiting = None
        if not isinstance(event, h11.Request):
            return None
        if size_of(event) > self._house.limits.http_header:
            raise Refused(431, f"the headers are at most {self._house.limits.http_header} bytes here")
        self._method = event.method.decode("latin-1")
        return asked_untrusted(event)

    def _event(self) -> object:
        try:
            return self._http.next_event()
        except h11.RemoteProtocolError as exc:
            raise Refused(exc.error_status_hint, str(exc)) from exc

    async def _read(self) -> None:
        self._http.receive_data(await self._pipe.read(self._house.limits.http_header))

    async def _body(self) -> bytes:
        """The body of the request, if it is short enough and arrives in time."""
        body = bytearray()
        with trio.move_on_after(self._house.timeouts.http_body):
            while not isinstance(event := self._event(), h11.EndOfMessage):
                if isinstance(event, h11.Data):
                    body += event.data
                    self._check_length(len(body))
                elif event is h11.NEED_DATA:
                    await self._let_more_come()
                else:
                    raise trio.BrokenResourceError("the client went away in the middle of a request")
            self._whole = True
            return bytes(body)
        raise Refused(408, f"the body did not arrive within {self._house.timeouts.http_body:g} s")

    async def _let_more_come(self) -> None:
        if self._http.they_are_waiting_for_100_continue:
            await self._write(h11.InformationalResponse(status_code=100, headers=[], reason="Continue"))
        await self._read()

    def _check_length(self, length: int) -> None:
        if length > self._house.limits.http_body:
            raise Refused(413, f"a body is at most {self._house.limits.http_body} bytes here")

    # ---- who answers

    async def _answer(self, asked: Asked) -> Response | None:
        """The answer of whoever serves the path; None if it became a websocket.

        Raises:
            Refused, RemoteProtocolError: nobody does, or not this.
        """
        self._check_length(asked.content_length)
        if asked.bodiless:
            self._event()  # the end of the message
            self._whole = True
        visitor = self._house.perimeter.visitor_untrusted(self._peer, asked.headers)
        match = self._house.routes.find(asked.raw_path)
        if match is None:
            raise Refused(404, "there is nothing at this path")
        if asked.upgrade and WEBSOCKET in match.entries:
            return await self._websocket(asked, match, visitor)
        return await self._plain(asked, match, visitor)

    async def _plain(self, asked: Asked, match: Match, visitor: Visitor) -> Response:
        entry = match.entries.get("GET" if asked.method == "HEAD" else asked.method)
        if entry is None:
            raise _other_method(match)
        self._check_names(entry, asked, visitor, check_origin=asked.method not in ("GET", "HEAD"))
        request = self._request(asked, match, visitor, body=b"" if asked.bodiless else await self._body())
        with trio.move_on_after(self._house.timeouts.http_response):
            return await self._handled(entry, request)
        self._failed(entry, f"took longer than {self._house.timeouts.http_response:g} s")
        raise Refused(503, "this takes too long; try again later")

    async def _handled(self, entry: Entry, request: Request) -> Response:
        handler: Handler = entry.handler  # type: ignore[assignment]  # its method is none of a websocket's
        try:
            response = await handler(request)
            as_h11(response, keep=True)  # whether it can be sent at all
        except RemoteProtocolError:
            raise
        except Exception as exc:  # a handler's mistake costs its own request alone
            self._failed(entry, "raised", exc)
            raise Refused(500, "something went wrong here") from exc
        return response

    def _failed(self, entry: Entry, what: str, error: Exception | None = None) -> None:
        self._house.tally.handler_failures += 1
        log.error("the handler of %s %s %s", entry.method, entry.path, what, exc_info=error)

    def _check_names(self, entry: Entry, asked: Asked, visitor: Visitor, *, check_origin: bool) -> None:
        complaint = self._house.perimeter.complaint(visitor, asked.headers, check_origin=check_origin, origins=entry.origins)
        if complaint is not None and entry.auth != "signature":
            raise Refused(403, complaint)

    def _request(self, asked: Asked, match: Match, visitor: Visitor, *, body: bytes = b"", websocket: bool = False) -> Request:
        return Request(
            method=asked.method,
            path=asked.path,
            url=self._house.perimeter.base_url(visitor, websocket=websocket) + asked.target,
            query=asked.query,
            headers=asked.headers,
            body=body,
            client=visitor.client,
            values=match.values,
        )

    # ---- websockets

    async def _websocket(self, asked: Asked, match: Match, visitor: Visitor) -> Response | None:
        entry = match.entries[WEBSOCKET]
        handshake = handshake_untrusted(asked)
        self._check_names(entry, asked, visitor, check_origin=True)
        self._event()  # paused: what follows is no HTTP any more
        switch = Switch(handshake, self._switch, self._write_response)
        upgrade = HttpUpgrade(self._request(asked, match, visitor, websocket=True), switch)
        try:
            await self._decided(entry, upgrade, switch)
        finally:
            if switch.websocket is not None:
                await self._end_websocket(switch)  # noqa: ASYNC102 - cancelled, it closes without waiting
        return None if switch.decided else refusal(500, "something went wrong here")

    async def _decided(self, entry: Entry, upgrade: HttpUpgrade, switch: Switch) -> None:
        try:
            with trio.CancelScope(deadline=trio.current_time() + self._house.timeouts.handshake) as switch.deciding:
                await decide(entry, upgrade)
        except Exception as exc:  # noqa: BLE001 - a handler's mistake costs its own websocket alone
            switch.failed = True
            self._failed(entry, "raised", exc)
        if switch.deciding.cancelled_caught:
            self._failed(entry, f"did not decide about a websocket within {self._house.timeouts.handshake:g} s")
            await switch.reject(503, "nobody decided in time; try again later")
        elif not switch.decided and not switch.failed:
            self._failed(entry, "neither accepted nor rejected a websocket")

    async def _switch(self, headers: list[tuple[str, str]], subprotocol: str | None) -> LeanSocket:
        await self._write(h11.InformationalResponse(status_code=101, headers=headers, reason="Switching Protocols"))
        house = self._house
        house.tally.count_websocket()
        codec, first = WebSocketCodec("server", house.limits.message), self._http.trailing_data[0]
        return LeanSocket(self._pipe, codec, house.spawn, house.timeouts, subprotocol=subprotocol, first=first)

    async def _end_websocket(self, switch: Switch) -> None:
        assert switch.websocket is not None
        self._house.tally.websockets -= 1
        code, reason = (1011, "something went wrong here") if switch.failed else (1001 if self._house.draining else 1000, "")
        await switch.websocket.aclose(code, reason)

    # ---- what is answered

    async def _write_response(self, response: Response) -> None:
        self._whole = False  # somebody who wanted a websocket has nothing else to ask
        await self._respond(response)
        await self._linger()

    async def _respond(self, response: Response) -> None:
        if self._http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return  # half of another answer is out
        head, body = as_h11(response, keep=self._whole and not self._house.draining)
        self._house.tally.requests[response.status] += 1
        data = [] if self._method == "HEAD" or not body else [h11.Data(data=body)]
        await self._write(head, *data, h11.EndOfMessage())

    async def _write(self, *events: h11.Event) -> None:
        data = b"".join(self._http.send(event) or b"" for event in events)
        with trio.move_on_after(self._house.timeouts.write) as scope:
            await self._pipe.write(data)
        if scope.cancelled_caught:
            raise trio.BrokenResourceError("the client did not take its answer in time")

    async def _linger(self) -> None:
        """Let the client read what we said: a socket that is closed over unread bytes takes its last words with it."""
        self._pipe.end_writing()
        left = MOST_LINGERED
        with trio.move_on_after(LINGER):
            while left > 0 and (data := await self._pipe.read()):
                left -= len(data)


def _other_method(match: Match) -> Refused:
    methods = [method for method in match.entries if method != WEBSOCKET]
    if not methods:
        return Refused(426, "only websockets are served here", {"Upgrade": "websocket", "Connection": "Upgrade"})
    allowed = sorted({*methods, *(["HEAD"] if "GET" in methods else [])})
    return Refused(405, f"only {', '.join(allowed)} is served here", {"Allow": ", ".join(allowed)})


def _told(response: Response) -> Response:
    """A refusal of the front door itself, logged; not what was said, of which a stranger may have chosen every word."""
    level = logging.DEBUG if response.status == 404 else logging.INFO  # strangers knock at doors that there are not, all day
    log.log(level, "a request was refused: %d", response.status)
    return response
