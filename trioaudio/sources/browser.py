"""Calls of browsers: a page with a microphone, served at the front door, and the websocket that it opens.

Any page of the web can open a websocket to any server, and the visitor's cookies go along. So a page must be of an origin that may:
our own, or one that was named. A program that is no browser names no origin; it must show a token.
"""

from __future__ import annotations

import inspect
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from functools import partial
from typing import Annotated, TypeAlias

import trio

from .._errors import OptionError
from .._secret import Secret
from ..abc import Auth, FrontDoor, Invitation, Listener, Option, Request, Upgrade, WebSocket, listener_plugin
from ..wire.browser import RATE, RATES, SUBPROTOCOL
from ._browser_asgi import open_asgi as open_asgi
from ._browser_call import LEAD, BrowserCall, Refusal, greeted, turned_away
from ._browser_call import BrowserSource as BrowserSource
from ._browser_page import page_files

log: logging.Logger = logging.getLogger("trioaudio.browser")

Authorise: TypeAlias = Callable[[Request], "bool | str | Awaitable[bool | str | None] | None"]
"""Who may call, by the request for the websocket, with its cookies: whether, or by which name. Bounded by `Timeouts.handshake`."""

MOST_UNGREETED = 200
"""Websockets that may be there without a hello at a time."""
MOST_WAITING = 1_000
SOCKET = "/ws"


class BrowserListener(Listener):
    """Calls of browsers; made by `listen`, or opened by name.

    Args:
        token: what a page must show.
        authorise: who may call.
        rate: at which pages are sent audio.
        lead: how far ahead of real time they are fed, in seconds.
    """

    name = "browser"

    def __init__(self, token: Secret | None = None, authorise: Authorise | None = None, *, rate: int = RATE, lead: float = LEAD) -> None:
        self._token, self._authorise, self._rate, self._lead = token, authorise, rate, lead
        self._counts = Counter(dict.fromkeys(("no_origin", "unauthorized", "no_protocol", "left", "hello", "token", "late", "crowd"), 0))
        self._came, self._calls = trio.open_memory_channel[Invitation](MOST_WAITING)
        self._ungreeted = 0

    @property
    def counters(self) -> Mapping[str, int]:
        """Who was turned away, by the reason; and who had ``left`` before."""
        return dict(self._counts)

    @property
    def auth(self) -> Auth:
        """How it makes sure who asks."""
        return "token" if self._token is not None else "cookie" if self._authorise is not None else "none"

    async def receive(self) -> Invitation:
        return await self._calls.receive()

    async def take(self, upgrade: Upgrade) -> None:
        """The front door's handler, which has looked at ``Host`` and ``Origin``. Checkpoint: yes."""
        caller = await self._caller(upgrade)
        if isinstance(caller, _Rejection):
            self._count(caller.why)
            await upgrade.reject(caller.status, caller.words)
            return
        websocket = await upgrade.accept(SUBPROTOCOL)
        self._ungreeted += 1
        try:
            call = await self._greet(websocket, upgrade)
        finally:
            self._ungreeted -= 1
        if call is not None:
            call.introduce(caller, dict(upgrade.request.query), dict(upgrade.request.headers))
            await self._ring(websocket, call)

    async def _caller(self, upgrade: Upgrade) -> str | _Rejection:
        """Who asks for a websocket, if they may have one."""
        request = upgrade.request
        if "origin" not in request.headers and self._token is None:
            return _Rejection("no_origin", 403, "no origin: a program that is no browser needs a token, and none is taken here")
        if SUBPROTOCOL not in upgrade.subprotocols:
            return _Rejection("no_protocol", 400, f"the subprotocol {SUBPROTOCOL} is spoken here")
        if self._ungreeted >= MOST_UNGREETED:
            return _Rejection("crowd", 503, "too many are waiting to say hello; try again")
        if self._authorise is None:
            return request.client
        answer = self._authorise(request)
        allowed = await answer if inspect.isawaitable(answer) else answer
        if not allowed:
            return _Rejection("unauthorized", 403, "you may not call here")
        return allowed if isinstance(allowed, str) else request.client

    async def _greet(self, websocket: WebSocket, upgrade: Upgrade) -> BrowserCall | None:
        try:
            hello = await greeted(websocket, self._token, upgrade.subprotocols)
        except Refusal as refusal:
            self._count(refusal.code)
            await turned_away(websocket, refusal)
        except (trio.EndOfChannel, trio.BrokenResourceError):
            self._count("left")
            await trio.lowlevel.checkpoint()
        else:
            return BrowserCall(websocket, hello, rate=self._rate, lead=self._lead)
        return None

    async def _ring(self, websocket: WebSocket, call: BrowserCall) -> None:
        try:
            self._came.send_nowait(call)
        except trio.WouldBlock:
            self._count("crowd")
            await call.reject("busy")
        await call.over.wait()

    def _count(self, why: str) -> None:
        self._counts[why] += 1
        log.warning("a browser was turned away: %s", why.replace("_", " "))


class _Rejection:
    """Why somebody gets no websocket."""

    def __init__(self, why: str, status: int, words: str) -> None:
        self.why, self.status, self.words = why, status, words


@asynccontextmanager
async def _open(
    door: FrontDoor,
    token: Secret | None,
    authorise: Authorise | None,
    origins: Sequence[str],
    *,
    page: bool,
    rate: int,
    lead: float,
) -> AsyncGenerator[BrowserListener, None]:
    listener = BrowserListener(token, authorise, rate=_checked_rate(rate), lead=_checked_lead(lead))
    auth = listener.auth
    with ExitStack() as routes:
        routes.enter_context(door.websocket(SOCKET, listener.take, auth=auth, origins=origins))
        for file in page_files() if page else ():  # they are the same for everybody, whoever may call then
            routes.enter_context(door.route("GET", f"/{file.name}", file.serve, auth=auth))
            if file.name == "index.html":
                routes.enter_context(door.route("GET", "/", file.serve, auth=auth))
                listener.where = door.public_url("/")
        yield listener


def _checked_rate(rate: int) -> int:
    if rate not in RATES:
        raise OptionError(f"rate={rate}; a page can be sent audio at one of {', '.join(map(str, RATES))}")
    return rate


def _checked_lead(lead: float) -> float:
    if not 0 <= lead <= 10:
        raise OptionError(f"lead={lead:g}; feed a page 0 to 10 s ahead")
    return lead


@listener_plugin("browser")
@asynccontextmanager
async def open_browser(
    door: FrontDoor,
    *,
    token: Annotated[Secret | None, Option(env="BROWSER_TOKEN")] = None,
    token_env: str = "",
    origin: str = "",
    page: bool = True,
    rate: int = RATE,
    lead: float = LEAD,
) -> AsyncGenerator[BrowserListener, None]:
    """Take the calls of browsers: a page to talk to at ``/``, its websocket at ``/ws``.

    Args:
        token: what a page must show; needed where others than this machine can reach the front door.
        token_env: the name of the variable that has the token, if it is another one.
        origin: whose pages may call beside our own, such as https://app.example.com; several are parted by commas.
        page: serve the page that is shipped; without it, there is the websocket alone.
        rate: samples a second at which pages are sent audio.
        lead: how far ahead of real time they are fed, in seconds; at most 10.
    """
    origins = list(filter(None, map(str.strip, origin.split(","))))
    if token_env:
        token = Secret.from_environment(token_env)
    async with _open(door, token, None, origins, page=page, rate=rate, lead=lead) as listener:
        yield listener


def listen(
    door: FrontDoor,
    *,
    token: Secret | None = None,
    authorise: Authorise | None = None,
    origins: Sequence[str] = (),
    page: bool = True,
    rate: int = RATE,
    lead: float = LEAD,
) -> Callable[[], AbstractAsyncContextManager[BrowserListener]]:
    """The same for a program: ``await serve(browser.listen(door), handle_call)``.

    Args:
        door: where it is offered.
        token: what a page must show, in its hello or as a subprotocol.
        authorise: is given the request for the websocket, with its cookies, and says whether it may be, or whose call it is.
        origins: whose pages may call beside our own: ``https://app.example.com``, each one in full.
        page: serve the page that is shipped.
        rate: samples a second at which pages are sent audio.
        lead: how far ahead of real time they are fed, in seconds; at most 10.
    """
    return partial(_open, door, token, authorise, tuple(origins), page=page, rate=rate, lead=lead)
