"""What a request says, taken out of h11's events; and what is answered when it cannot be served."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

import h11

from .._errors import RemoteProtocolError
from .._front_door import Fields, Headers, Response, fields_untrusted
from .routes import decoded_untrusted

WITHOUT_BODY = (204, 304)


class Refused(Exception):  # noqa: N818 - it is an answer, not an error
    """A request is answered by the front door itself."""

    def __init__(self, status: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, reason)
        self.response: Response = refusal(status, reason, headers)


def refusal(status: int, reason: str, headers: Mapping[str, str] | None = None) -> Response:
    """A short answer in plain words."""
    return Response(f"{status}: {reason}\n", status, headers=headers or {})


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came, its body not read yet."""

    method: str
    target: str
    raw_path: str
    path: str
    query: Fields
    headers: Headers
    upgrade: bool
    """It asks for a websocket."""

    @property
    def content_length(self) -> int:
        """What it says of its body; 0 if it does not say."""
        return int(self.headers.get("content-length", "0"))

    @property
    def bodiless(self) -> bool:
        """Whether it has no body at all."""
        return not self.content_length and "transfer-encoding" not in self.headers


def asked_untrusted(event: h11.Request) -> Asked:
    """What a request asks.

    Raises:
        RemoteProtocolError: its target is no path, or is no UTF-8.
    """
    target = event.target.decode("latin-1")
    headers = Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers)
    if not target.startswith("/") or "#" in target:
        raise RemoteProtocolError("a request is for a path here, such as /healthz")
    path, _, query = target.partition("?")
    return Asked(
        method=event.method.decode("latin-1"),
        target=target,
        raw_path=path,
        path=decoded_untrusted(path),
        query=Fields(fields_untrusted(query)),
        headers=headers,
        upgrade=_tokens(headers, "upgrade") == ["websocket"] and "upgrade" in _tokens(headers, "connection"),
    )


def size_of(event: h11.Request) -> int:
    """Bytes of the first line and the headers, near enough."""
    return len(event.target) + sum(len(name) + len(value) + 4 for name, value in event.headers)


def websocket_key_untrusted(asked: Asked) -> str:
    """The key of a handshake.

    Raises:
        RemoteProtocolError: there is none.
    """
    key = asked.headers.get("sec-websocket-key", "").strip()
    try:
        sound = len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        sound = False
    if not sound or asked.method != "GET":
        raise RemoteProtocolError("this is no handshake of a websocket")
    return key


def offered_subprotocols(headers: Headers) -> tuple[str, ...]:
    """What a client would speak, in its order of preference."""
    return tuple(filter(None, (name.strip() for name in ",".join(headers.all("sec-websocket-protocol")).split(","))))


def _tokens(headers: Headers, name: str) -> list[str]:
    return [token.strip().lower() for token in ",".join(headers.all(name)).split(",")]


def as_h11(response: Response, *, keep: bool) -> tuple[h11.Response, bytes]:
    """A response as h11 sends it, and its body.

    Raises:
        h11.LocalProtocolError: it is no response that HTTP can carry.
    """
    body = response.body.encode() if isinstance(response.body, str) else bytes(response.body)
    headers = [("Content-Type", response.content_type), *response.headers.items(), ("X-Content-Type-Options", "nosniff")]
    if response.status not in WITHOUT_BODY:
        headers.append(("Content-Length", str(len(body))))
    if not keep:
        headers.append(("Connection", "close"))
    try:
        phrase = HTTPStatus(response.status).phrase
    except ValueError:
        phrase = ""
    return h11.Response(status_code=response.status, headers=headers, reason=phrase), b"" if response.status in WITHOUT_BODY else body
