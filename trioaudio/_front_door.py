"""The contract of the front door: the one HTTP and websocket server that all listeners of a program share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias
from urllib.parse import parse_qsl

from ._errors import RemoteProtocolError
from ._options import Injected
from ._socket import WebSocket

FORM = "application/x-www-form-urlencoded"
MAX_FIELDS = 1_000

Auth: TypeAlias = Literal["signature", "token", "cookie", "none"]
"""How a handler makes sure who asks: a signature over what was sent, a token that was given out, a cookie of a browser; or not at all."""


class Fields(Mapping[str, str]):
    """Names with values, of a query, a form or headers. ``fields[name]`` is the first value of a name. Its repr shows names only.

    Args:
        pairs: in the order in which they came; a name may come several times.
    """

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self.pairs: tuple[tuple[str, str], ...] = tuple(pairs)
        """All names and values, as they came."""

    def all(self, name: str) -> list[str]:
        """All values of a name."""
        return [value for key, value in self.pairs if key == name]

    def __getitem__(self, name: str) -> str:
        for key, value in self.pairs:
            if key == name:
                return value
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self.pairs))

    def __len__(self) -> int:
        return len(dict(self.pairs))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {', '.join(self)}>"


class Headers(Fields):
    """Headers of a request: names are in lower case, and found in any case."""

    def all(self, name: str) -> list[str]:
        """All values of a header, in the order in which they came."""
        return super().all(name.lower())

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks of the front door. Its repr shows nothing that may be a secret."""

    method: str
    path: str
    """Without the query, its percent escapes decoded."""
    url: str = field(repr=False)
    """The whole address as the outside world sees it, query and all, exactly as it was sent: what signatures are made over."""
    query: Fields = field(repr=False)
    headers: Headers = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    client: str = ""
    """The address of who asks: that of the connection, or what a trusted proxy says of it."""
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What stood in the places ``{name}`` of the route's path."""

    def form(self) -> Fields:
        """The fields of a form that was posted.

        Raises:
            RemoteProtocolError: the body is no form; left to the front door, it becomes the answer 400.
        """
        if self.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
            raise RemoteProtocolError(f"a form was expected ({FORM})")
        return Fields(fields_untrusted(self.body.decode("latin-1")))


def fields_untrusted(text: str) -> list[tuple[str, str]]:
    """The fields of a query or of a form.

    Raises:
        RemoteProtocolError: there are too many, or they are no UTF-8.
    """
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as exc:
        raise RemoteProtocolError(f"these are no form fields: at most {MAX_FIELDS} of them, in UTF-8") from exc


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: ``Response("<Response/>", content_type="text/xml")``, ``Response("not you", 403)``."""

    body: str | bytes = field(default=b"", repr=False)
    status: int = 200
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class Upgrade(ABC):
    """Somebody asks for a websocket: accept or reject it. What was checked before: that ``Host`` and ``Origin`` are ours."""

    request: Request
    subprotocols: tuple[str, ...]
    """What the client would speak, in its order of preference."""

    @abstractmethod
    async def accept(self, subprotocol: str | None = None) -> WebSocket:
        """Open the websocket. The front door closes it when the handler returns.

        Checkpoint: yes. On cancel: the connection ends.

        Raises:
            trio.BrokenResourceError: the client is gone.
            LocalProtocolError: it has been accepted or rejected before, or the client did not offer that subprotocol.
        """

    @abstractmethod
    async def reject(self, status: int = 403, reason: str = "") -> None:
        """Answer with an ordinary HTTP response instead.

        Checkpoint: yes. On cancel: the connection ends.

        Args:
            status: 400 to 599.
            reason: one line for people to read.

        Raises:
            trio.BrokenResourceError, LocalProtocolError: as `accept`.
        """


Handler: TypeAlias = Callable[[Request], Awaitable[Response]]
"""Answers a request, within `Timeouts.http_response`."""
UpgradeHandler: TypeAlias = Callable[[Upgrade], Awaitable[None]]
"""Accepts a websocket and uses it until it returns, or rejects it; must decide within `Timeouts.handshake`."""


class Route(ABC):
    """A path that is being served; also a context manager that closes it."""

    @abstractmethod
    def close(self) -> None:
        """Serve it no longer: 404 from now on. Handlers that run go on."""

    def __enter__(self) -> Route:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AdminDoor(Injected, ABC):
    """The admin port of the program, which only programs of this machine reach: for what a listener offers to them alone.

    A listener that declares a parameter ``admin: AdminDoor | None = None`` is given it, if there is one.
    """

    @abstractmethod
    def route(self, method: str, path: str, handler: Handler) -> Route:
        """Answer requests to a path, as `FrontDoor.route` does; nobody is asked who they are.

        Web pages that others made run on this machine too: ``Host`` must be ours, and a request that a page makes is refused.

        Raises:
            FrontDoorError: the path is taken.
        """

    @abstractmethod
    def local_url(self, path: str) -> str:
        """The address of a path: ``http://127.0.0.1:9090/...``."""


class FrontDoor(Injected, ABC):
    """Where listeners meet the web. A listener that declares a parameter of this type is given the door of the program.

    A handler runs in a task of its own connection. One that raises costs its own request alone: it is answered 500 (a websocket
    is closed with 1011), the error is logged once and counted. `RemoteProtocolError` is the other side's mistake: 400.
    """

    @abstractmethod
    def route(self, method: str, path: str, handler: Handler, *, auth: Auth) -> Route:
        """Answer requests to a path.

        Args:
            method: ``GET`` (which answers ``HEAD`` too), ``POST`` ...
            path: ``/calls/{name}``: a ``{name}`` stands for one part, and its text is in `Request.values`.
            handler: answers them.
            auth: how it makes sure who asks. Unless it is ``signature``, the header ``Host`` must be ours, and ``Origin`` too if
                the method may change something.

        Raises:
            FrontDoorError: the path is taken, or open to everybody though others than this machine can reach it.
        """

    @abstractmethod
    def websocket(self, path: str, handler: UpgradeHandler, *, auth: Auth, origins: Sequence[str] = ()) -> Route:
        """Let websockets be opened at a path; arguments and errors as for `route`, and ``Host`` and ``Origin`` are looked at likewise.

        Args:
            origins: whose pages may open it, beside those that may use the whole door: ``https://app.example.com``, in full.

        Raises:
            FrontDoorError: as `route`, or one of them is no origin.
        """

    @abstractmethod
    def public_url(self, path: str, *, websocket: bool = False) -> str:
        """The address of a path as the outside world has it: ``https://...``, or ``wss://...`` for a websocket."""
