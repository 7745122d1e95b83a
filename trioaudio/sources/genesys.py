"""Calls of Genesys Cloud: Audio Connector bots, and the AudioHook Monitor that only listens."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated

import trio

from .._errors import OptionError
from .._limits import Timeouts
from .._secret import Secret
from ..abc import (
    FrontDoor,
    Invitation,
    Listener,
    Option,
    PhoneExchange,
    PhoneStream,
    Request,
    Upgrade,
    listener_plugin,
)
from ..wire.genesys import EXTERNAL, GENESYS, INTERNAL, GenesysDialect
from ..wire.genesys_signature import Nonces, is_signed, key_of
from ._genesys_call import GenesysCall

log: logging.Logger = logging.getLogger("trioaudio.phone")

TOKEN = "trioaudio-token"
MOST_WAITING = 1_000


class GenesysListener(Listener):
    """Sessions of Genesys Cloud's; made by ``open_genesys``.

    Args:
        key: the API key that every upgrade must show.
        client_secret: what every upgrade must be signed with, base64; without it a signature is not asked for.
        one_way: the sessions only listen.
        channel: to whom.
    """

    name = "genesys"

    def __init__(self, key: Secret, client_secret: Secret | None = None, *, one_way: bool = False, channel: str = EXTERNAL) -> None:
        self._key, self._client_secret, self._channel = key, client_secret, channel
        self._nonces = Nonces()
        self._came, self._calls = trio.open_memory_channel[Invitation](MOST_WAITING)
        self.exchange: PhoneExchange = PhoneExchange(self.name, GENESYS, TOKEN, unannounced=self._take, one_way=one_way)
        """Its websockets."""

    async def receive(self) -> Invitation:
        return await self._calls.receive()

    @property
    def counters(self) -> Mapping[str, int]:
        return dict(self.exchange.counters)

    async def media(self, upgrade: Upgrade) -> None:
        """A websocket is asked for. Checkpoint: yes."""
        refused = self._refusal(upgrade.request)
        if refused:
            self.exchange.note(refused)
            await upgrade.reject(401, "this is not who it must be")
            return
        headers = upgrade.request.headers
        session, organization = headers.get("audiohook-session-id", ""), headers.get("audiohook-organization-id", "")
        dialect = GenesysDialect(self._channel, session=session, organization=organization)
        await self.exchange.serve(await upgrade.accept(), dialect)

    def _refusal(self, request: Request) -> str:
        """Why nobody is let in; empty if somebody is."""
        if not self._key.matches(request.headers.get("x-api-key", "")):
            return "wrong_key"
        if self._client_secret is None:
            return ""
        headers = dict(request.headers)
        return "" if is_signed(request.url, headers, self._client_secret.reveal(), self._nonces, time.time()) else "bad_signature"

    def _take(self, stream: PhoneStream) -> None:
        try:
            self._came.send_nowait(GenesysCall(self.exchange, stream))
        except trio.WouldBlock:
            self.exchange.note("too_many_ringing")
            stream.over.set()


@listener_plugin("genesys")
@asynccontextmanager
async def open_genesys(
    door: FrontDoor,
    *,
    key: Annotated[Secret, Option(env="GENESYS_API_KEY")],
    client_secret: Annotated[Secret | None, Option(env="GENESYS_CLIENT_SECRET")] = None,
    path: str = "/genesys",
    one_way: bool = False,
    channel: str = EXTERNAL,
    timeouts: Timeouts | None = None,
) -> AsyncGenerator[GenesysListener, None]:
    """Take the sessions of a Genesys Cloud integration (Audio Connector, AudioHook Monitor) whose connection URI is ``PUBLIC-URL/genesys``.

    Args:
        key: the API key of the integration, which every upgrade must show.
        client_secret: its client secret, base64: every upgrade must be signed with it then.
        path: where it connects to.
        one_way: it is an AudioHook Monitor, which takes no audio.
        channel: whom to listen to there, external (the customer) or internal (the agent).
    """
    if channel not in (EXTERNAL, INTERNAL):
        raise OptionError(f"there is no channel {channel!r}; choose {EXTERNAL} or {INTERNAL}")
    if client_secret is None:
        log.warning("genesys: without a client secret nothing is signed: whoever knows the API key may call")
    else:
        _check(client_secret)
    listener = GenesysListener(key, client_secret, one_way=one_way, channel=channel)
    with door.websocket(path.rstrip("/"), listener.media, auth="token" if client_secret is None else "signature"):
        listener.exchange.heed(timeouts)
        yield listener


def _check(client_secret: Secret) -> None:
    try:
        key_of(client_secret.reveal())
    except ValueError as exc:
        raise OptionError(str(exc)) from None
