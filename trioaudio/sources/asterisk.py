"""Calls from Asterisk over its media websocket: it connects to us, or we to it."""

from __future__ import annotations

import hmac
import logging
from collections import Counter, deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Annotated

import trio

from .._errors import OptionError, RemoteProtocolError
from .._limits import Timeouts
from .._secret import Secret
from ..abc import (
    FrontDoor,
    Invitation,
    Listener,
    MessageLine,
    Option,
    Request,
    Upgrade,
    WebSocket,
    basic,
    listener_plugin,
    open_socket,
    source_plugin,
)
from ..wire.asterisk_websocket import AsteriskMedia, MediaItem
from ..wire.http_credentials import basic_untrusted
from ._asterisk_call import AsteriskCall, AsteriskSource, begun

log: logging.Logger = logging.getLogger("trioaudio.asterisk")

PATH = "/asterisk/media"
SUBPROTOCOL = "media"
NO_PINGS = 86_400.0
"""Seconds: a ping hangs up the call of an Asterisk of before January 2026."""


class AsteriskListener(Listener):
    """Calls by websockets that Asterisk opens; made by ``open_asterisk_listener``.

    Args:
        user, password: what Asterisk must show (HTTP Basic); without a password nobody is asked.
        lead: how far ahead of real time Asterisk is fed, in seconds.
        timeouts: ``start`` counts: for a call to begin on an open websocket.
    """

    name = "asterisk"

    def __init__(self, user: str = "asterisk", password: Secret | None = None, lead: float = 1.5, timeouts: Timeouts | None = None) -> None:
        self._user, self._password, self._lead, self._timeouts = user, password, lead, timeouts or Timeouts()
        self._counts = Counter(dict.fromkeys(("unauthorized", "garbage", "no_start", "left"), 0))
        self._came, self._calls = trio.open_memory_channel[Invitation](1_000)

    @property
    def counters(self) -> Mapping[str, int]:
        """Who was refused: ``unauthorized``, ``garbage`` instead of a call, ``no_start`` in time; and who had ``left`` before it could."""
        return dict(self._counts)

    async def receive(self) -> Invitation:
        return await self._calls.receive()

    async def take(self, upgrade: Upgrade) -> None:
        """The front door's handler. Checkpoint: yes."""
        if not self._lets_in(upgrade.request):
            self._count("unauthorized")
            await upgrade.reject(401, "the user or the password is wrong")
            return
        websocket = await upgrade.accept(SUBPROTOCOL if SUBPROTOCOL in upgrade.subprotocols else None)
        await self.serve(websocket, dict(upgrade.request.query))

    def _lets_in(self, request: Request) -> bool:
        if self._password is None:
            return True
        user, password = basic_untrusted(request.headers.get("authorization", ""))
        known = hmac.compare_digest(user.encode("utf-8", "replace"), self._user.encode())
        return self._password.matches(password) and known

    async def serve(self, websocket: WebSocket, parameters: Mapping[str, str] | None = None) -> None:
        """Be there for one websocket until its call is over. Checkpoint: yes.

        Args:
            parameters: of the call: what stood in the query of the address.
        """
        line = MessageLine(websocket)
        try:
            media, items = await begun(line, self._timeouts)
        except RemoteProtocolError as exc:
            self._count("garbage")
            await websocket.aclose(1002, str(exc))
        except (trio.EndOfChannel, trio.BrokenResourceError):
            self._count("left" if line.end[0] is not None else "no_start")
            await websocket.aclose(1008, "no call has begun")
        else:
            call = self._call(line, media, items, parameters or {})
            await self._came.send(call)
            await call.over.wait()
            await websocket.aclose()

    def _call(self, line: MessageLine, media: AsteriskMedia, items: deque[MediaItem], parameters: Mapping[str, str]) -> AsteriskCall:
        assert media.started is not None
        call = AsteriskCall(line, media, items, self._lead)
        names = {"channel": media.started.channel, "channel_id": media.started.channel_id}
        call.parameters = {**media.started.variables, **parameters, **names}
        call.caller, call.called = parameters.get("caller") or None, parameters.get("called") or None
        return call

    def _count(self, why: str) -> None:
        self._counts[why] += 1
        log.warning("a websocket was refused: %s", why)


@listener_plugin("asterisk")
@asynccontextmanager
async def open_asterisk_listener(
    door: FrontDoor,
    *,
    user: str = "asterisk",
    password: Annotated[Secret | None, Option(env="ASTERISK_PASSWORD")] = None,
    lead: float = 1.5,
    path: str = PATH,
    timeouts: Timeouts | None = None,
) -> AsyncGenerator[AsteriskListener, None]:
    """Take calls that Asterisk connects to the front door: ``Dial(WebSocket/NAME/...)``, with NAME in its websocket_client.conf.

    Args:
        user: what Asterisk must call itself (username in websocket_client.conf).
        password: what it must show; needed where others than this machine can reach the front door.
        lead: how far ahead of real time Asterisk is fed, in seconds; at most 15.
        path: where it connects to.
    """
    listener = AsteriskListener(user, password, _checked(lead), timeouts)
    with door.websocket(path, listener.take, auth="none" if password is None else "token"):
        yield listener


@source_plugin("asterisk")
@asynccontextmanager
async def open_asterisk(
    url: Secret | str,
    *,
    user: str = "",
    password: Annotated[Secret | None, Option(env="ASTERISK_PASSWORD")] = None,
    insecure: bool = False,
    lead: float = 1.5,
    timeouts: Timeouts | None = None,
) -> AsyncGenerator[AsteriskSource, None]:
    """Take a call that waits in an Asterisk: ``Dial(WebSocket/INCOMING/...)``, or an externalMedia channel of its REST interface.

    Args:
        url: ``ws://HOST:8088/media/ID``; the ID, in the variable MEDIA_WEBSOCKET_CONNECTION_ID, is all that protects the call.
        user: of what stands before that Asterisk and asks who comes.
        password: for that.
        insecure: allow ``ws://`` to other machines.
        lead: how far ahead of real time Asterisk is fed, in seconds; at most 15.

    Raises:
        trio.BrokenResourceError: there is no such call (Asterisk answers 404), somebody has taken it (409), or nobody is there.
        RemoteProtocolError: what is there is no Asterisk, or the call is in a codec that cannot be cut.
    """
    headers = {"Authorization": basic(user, password)} if password is not None else None
    url = Secret(url) if isinstance(url, str) else url
    lead, timeouts = _checked(lead), timeouts or Timeouts()
    quiet = replace(timeouts, keepalive=NO_PINGS)
    async with open_socket(url, headers=headers, subprotocols=[SUBPROTOCOL], insecure=insecure, timeouts=quiet) as websocket:
        line = MessageLine(websocket)
        media, items = await begun(line, timeouts)
        await line.send(media.answer())
        yield AsteriskSource(line, media, items, lead)


def _checked(lead: float) -> float:
    if not 0 <= lead <= 15:
        raise OptionError(f"lead={lead:g}; Asterisk keeps 18 s, so feed it at most 15 s ahead")
    return lead
