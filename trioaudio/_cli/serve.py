"""A server from the command line: check everything first, open it, say where it is, and go away in order when told to."""

from __future__ import annotations

import argparse
import gc
import signal
import ssl
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import trio

from .._agent import Agent
from .._config import Config
from .._door.admin import AdminPort, open_admin_port
from .._door.server import OpenFrontDoor, open_front_door
from .._door.tls import server_tls
from .._errors import OptionError
from .._plugins import Opener, choose_listener, choose_model
from .._serving.server import Server, open_server
from ..abc import Auth, FrontDoor, Injected, Listener, Model
from .page import open_page
from .screen import complain, fall_silent, printable

DONE, BROKEN = 0, 1
TOLD_EVERY = 5.0
"""Seconds between two lines of progress while it goes away and nothing changes."""


@dataclass(frozen=True, slots=True)
class Service:
    """What was asked for; everything that can be known to be wrong with it is known before anything is opened."""

    options: argparse.Namespace
    config: Config
    listeners: list[Opener[Listener]]
    model: Opener[Model]
    agent: Agent | None
    ssl_context: ssl.SSLContext | None
    fallback: tuple[Opener[Model], ...] = ()
    opens_page: bool = False
    """Whether the page at the front door is opened in a browser of whoever started it."""

    @property
    def wants_door(self) -> bool:
        """Whether any listener wants the front door."""
        return any(issubclass(wanted, FrontDoor) for listener in self.listeners for wanted in listener.wants)

    def open_door(self) -> AbstractAsyncContextManager[OpenFrontDoor]:
        """The front door, as the options have it."""
        asked = self.options
        return open_front_door(
            asked.host,
            asked.port,
            ssl_context=self.ssl_context,
            public_url=asked.public_url,
            trusted_proxies=asked.trusted_proxy,
            allowed_origins=asked.allow_origin,
            no_auth=asked.no_auth,
            limits=self.config.limits,
            timeouts=self.config.timeouts,
        )


def run_service(service: Service) -> int:
    """Serve until it is told to go away; return the exit code.

    Raises:
        TrioAudioError: something asked for cannot be after all, such as a port that is in use.
        KeyboardInterrupt: Ctrl-C before it has begun.
    """
    import_module("numpy")  # a call needs it anyway: once the clock runs, loading it would keep a caller waiting
    gc.freeze()  # what has been loaded stays: a collection, in which all callers wait, need not look through it
    try:
        return trio.run(_served, service, restrict_keyboard_interrupt_to_checkpoints=True)
    except ExceptionGroup as group:
        failed, mistakes = group.split((OSError, trio.BrokenResourceError))
        if failed is None or mistakes is not None:
            raise
        complain(f"a listener failed: {_first(failed)}")
        return BROKEN
    finally:
        gc.unfreeze()


def _first(group: BaseException) -> BaseException:
    return _first(group.exceptions[0]) if isinstance(group, BaseExceptionGroup) else group


def checked_service(options: argparse.Namespace, config: Config) -> Service:
    """A service that can be opened.

    Raises:
        TrioAudioError: it cannot, and why.
    """
    if options.tls_key is not None and options.tls_cert is None:
        raise OptionError("--tls-key is given without --tls-cert; a key alone proves nothing to anybody")
    listeners = [choose_listener(spec, config) for spec in options.listeners]
    for listener in listeners:
        if listener.embedded:
            raise OptionError(f"the callers of {listener.text!r} are in the program that opens it, and here is none; use another listener")
    return Service(
        options,
        config,
        listeners,
        choose_model(options.model, config),
        Agent.from_file(options.agent) if options.agent is not None else None,
        server_tls(options.tls_cert, options.tls_key) if options.tls_cert is not None else None,
        tuple(choose_model(each, config) for each in options.fallback),
    )


@dataclass
class _Account:
    """What the operator is told, on standard output; nobody has to listen."""

    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def tell(self, text: str) -> None:
        """One line, at once."""
        try:
            print(printable(text), flush=True)
        except OSError:
            fall_silent(sys.stdout)

    def open(self, service: Service, admin_url: str | None, record: Path | None) -> None:
        """Where everything is, and how it ends."""
        self.tell(f"trioaudio {version('trioaudio')} is ready for calls")
        for what, name, where in self.rows:
            self.tell(f"  {what:10}{name:11} {where}".rstrip())
        self.tell(f"  {'model':10}{service.model.text}")
        if service.options.agent is not None:
            self.tell(f"  {'agent':10}{service.options.agent}")
        if record is not None:
            self.tell(f"  {'calls in':10}{record}")
        if admin_url is not None:
            self.tell(f"  {'admin':10}{admin_url}healthz, {admin_url}readyz, {admin_url}metrics")
        self.tell("Ctrl-C ends it in order, a second Ctrl-C at once.")


async def _served(service: Service) -> int:
    account = _Account()
    with trio.open_signal_receiver(*_signals()) as signals:
        async with AsyncExitStack() as opened:
            door = await opened.enter_async_context(service.open_door()) if service.wants_door else None
            port = service.options.admin_port
            admin = await opened.enter_async_context(open_admin_port(port, door)) if port is not None else None
            if door is not None and service.options.public_url is not None:
                account.rows.append(("door", "here", "{}:{}, known as {}".format(*door.addresses[0], service.options.public_url)))
            server = await opened.enter_async_context(_open_server(service, door, admin, account))
            if admin is not None:
                admin.server = server
            account.open(service, admin.url if admin is not None else None, service.options.record)
            if service.opens_page and door is not None:
                account.tell(f"Open {door.public_url('/')} in a browser, press the button, and talk.")
                open_page(door.public_url("/"))
            return await _until_told(signals, _Going(service, server, door, account))


def _signals() -> list[signal.Signals]:
    """Those that end it; one that is ignored, as a shell has it for what runs in the background, still is."""
    return [each for each in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(each) is not signal.SIG_IGN]


def _open_server(
    service: Service, door: OpenFrontDoor | None, admin: AdminPort | None, account: _Account
) -> AbstractAsyncContextManager[Server]:
    given: list[Injected] = [each for each in (door, admin) if each is not None]
    return open_server(
        [partial(_noted, opener, given, door, account) for opener in service.listeners],
        model=service.model,
        agent=service.agent,
        fallback=service.fallback,
        limits=service.config.limits,
        timeouts=service.config.timeouts,
        record=service.options.record,
    )


@asynccontextmanager
async def _noted(
    opener: Opener[Listener], given: list[Injected], door: OpenFrontDoor | None, account: _Account
) -> AsyncGenerator[Listener, None]:
    """Open a listener, and note what it offers at the door."""
    before = door.offers() if door is not None else []
    async with opener(*given) as listener:
        offers = [offer for offer in door.offers() if offer not in before] if door is not None else []
        where = [listener.where] if listener.where else [_shown(*offer) for offer in offers]
        account.rows += [("listener", opener.text, each) for each in where or [""]]
        yield listener


def _shown(method: str, url: str, auth: Auth) -> str:
    who = "asks nobody who they are" if auth == "none" else f"checks a {auth}"
    return f"{url}  ({who})" if method == "websocket" else f"{method} {url}  ({who})"


@dataclass(frozen=True, slots=True)
class _Going:
    """All that goes away together."""

    service: Service
    server: Server
    door: OpenFrontDoor | None
    account: _Account

    def begin(self, name: str) -> None:
        """Refuse new calls from now on."""
        seconds = self.seconds
        self.account.tell(f"{name}: going away; calls have {seconds:g} s to end, and new ones are refused")
        self.server.drain(seconds)
        if self.door is not None:
            self.door.drain()

    @property
    def seconds(self) -> float:
        """How long calls may go on."""
        asked: float | None = self.service.options.drain_timeout
        return self.service.config.timeouts.drain if asked is None else asked

    async def show(self) -> None:
        """Say how far it has come, until it is cancelled."""
        began, told, shown = trio.current_time(), -1, 0.0
        while True:
            now, left = trio.current_time(), len(self.server.calls)
            if left and (left != told or now - shown >= TOLD_EVERY):
                told, shown = left, now
                rest = max(0.0, began + self.seconds - now)
                self.account.tell(f"  {left} {'call is' if left == 1 else 'calls are'} left, for at most {rest:.0f} s")
            await trio.sleep(0.5)


async def _until_told(signals: AsyncIterator[int], going: _Going) -> int:
    """Until all calls have ended after a first signal, or at once after a second."""
    impatient: list[int] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_heed, signals, going, nursery, impatient.append)
        await going.server.wait_ended()
        nursery.cancel_scope.cancel("all calls have ended")
    if impatient:
        going.account.tell("at once, then")
        return 128 + impatient[0]
    served = going.server.statistics().total
    going.account.tell(f"gone, after {served} {'call' if served == 1 else 'calls'}")
    return DONE


async def _heed(signals: AsyncIterator[int], going: _Going, nursery: trio.Nursery, end: Callable[[int], None]) -> None:
    first = True
    async for number in signals:
        if not first:
            end(number)
            nursery.cancel_scope.cancel("told a second time")
            return
        first = False
        going.begin("Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name)
        nursery.start_soon(going.show)
