"""A provider's REST interface: a few requests beside a call, such as a dial or an ephemeral key.

The HTTP client is httpx2, which runs on Trio (extra ``rest``). What is added here: keys stay secret until their header is written,
answers are bounded, and a request is repeated only when that cannot do a thing twice.
"""

from __future__ import annotations

import json
import ssl
from base64 import b64encode
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import trio

from ._errors import OptionError, RemoteProtocolError, RestError, UnansweredError
from ._extras import require
from ._secret import Secret, require_private

if TYPE_CHECKING:
    import httpx2

ATTEMPTS: Final = 3
FIRST_PAUSE: Final = 0.5
"""Seconds before a request is repeated for the first time; twice as long before the next."""
LONGEST_BODY: Final = 2**20
"""Bytes of an answer."""
LONGEST_QUOTE: Final = 300
"""Characters of what a provider said that an error repeats."""
BUSY: Final = 429
SERVER_FAULT: Final = 500
ERROR: Final = 400


@dataclass(frozen=True, slots=True)
class RestAnswer:
    """What a provider answered: ``status`` below 400, and the ``body`` as it came."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The body, read as JSON.

        Raises:
            RemoteProtocolError: it is none.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise RemoteProtocolError(f"expected JSON in the answer, which has {len(self.body)} bytes of something else") from None


class Rest:
    """A provider's REST interface; made by `open_rest`. Several tasks may ask at once."""

    def __init__(self, client: httpx2.AsyncClient, headers: Mapping[str, str | Secret], within: float) -> None:
        self._client, self._headers, self._within = client, headers, within

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        form: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
    ) -> RestAnswer:
        """Ask for something, and wait for the answer. Checkpoint: yes. On cancel: it may have been done.

        Args:
            method: such as GET.
            path: below the base URL, with a slash.
            query: what stands behind the question mark.
            body: sent as JSON.
            form: sent as a form instead.
            repeatable: doing it twice does no harm, so that it is asked again when nobody answers or the server fails; by default for
                every method but POST and PATCH. Whatever never left, or was refused for being one too many (429), is asked again
                in any case.

        Raises:
            RestError: the provider refused; has its status and what it said.
            UnansweredError: it was asked and no answer came: it may have been done.
            trio.BrokenResourceError: the provider cannot be reached; nothing has been done.
            RemoteProtocolError: what came back is no HTTP, or too long.
        """
        harmless = method not in ("POST", "PATCH") if repeatable is None else repeatable
        with trio.move_on_after(self._within):
            for attempt in range(ATTEMPTS):
                try:
                    return await self._ask(method, path, query, body, form)
                except (RestError, trio.BrokenResourceError) as error:
                    if attempt == ATTEMPTS - 1 or not _worth_repeating(error, harmless):
                        raise
                await trio.sleep(FIRST_PAUSE * 2**attempt)
        raise UnansweredError(f"{self._where(method, path)}: no answer within {self._within:g} s; it may have been done")

    async def _ask(
        self, method: str, path: str, query: Mapping[str, str] | None, body: object, form: Mapping[str, str] | None
    ) -> RestAnswer:
        import httpx2

        where = self._where(method, path)
        try:
            async with self._client.stream(
                method, path.lstrip("/"), params=query, json=body, data=form, headers=self._revealed()
            ) as response:
                answer = RestAnswer(response.status_code, await _bounded(response, where))
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as exc:
            raise trio.BrokenResourceError(f"{where}: the server cannot be reached ({exc or type(exc).__name__})") from None
        except (httpx2.RemoteProtocolError, httpx2.DecodingError) as exc:
            raise UnansweredError(f"{where}: what came back is no HTTP ({exc}); it may have been done") from None
        except httpx2.TransportError as exc:
            raise UnansweredError(f"{where}: the connection failed ({exc or type(exc).__name__}); it may have been done") from None
        if answer.status >= ERROR:
            raise RestError(where, answer.status, _quote(answer.body))
        return answer

    def _where(self, method: str, path: str) -> str:
        return f"{method} {path} at {self._client.base_url.host}"

    def _revealed(self) -> dict[str, str]:
        return {name: value.reveal() if isinstance(value, Secret) else value for name, value in self._headers.items()}


def _worth_repeating(error: Exception, harmless: bool) -> bool:
    if isinstance(error, RestError):
        return error.status == BUSY or (harmless and error.status >= SERVER_FAULT)
    return harmless or not isinstance(error, UnansweredError)


async def _bounded(response: httpx2.Response, where: str) -> bytes:
    """The body; one that is too long is read to its end all the same, since an httpx2 stream that is left early warns of it."""
    body, length = bytearray(), 0
    async for piece in response.aiter_bytes():
        length += len(piece)
        if length <= LONGEST_BODY:
            body += piece
    if length > LONGEST_BODY:
        raise RemoteProtocolError(f"{where}: the answer has {length} bytes; at most {LONGEST_BODY} are expected")
    return bytes(body)


def _quote(body: bytes) -> str:
    return "".join(c if c.isprintable() else " " for c in body[:LONGEST_QUOTE].decode("utf-8", "replace")).strip()


def basic(user: str, password: Secret) -> Secret:
    """The value of an ``Authorization`` header of the Basic scheme (RFC 7617)."""
    return Secret(lambda: "Basic " + b64encode(f"{user}:{password.reveal()}".encode()).decode())


@asynccontextmanager
async def open_rest(
    base_url: str,
    *,
    headers: Mapping[str, str | Secret] | None = None,
    within: float = 10.0,
    ssl_context: ssl.SSLContext | None = None,
    insecure: bool = False,
) -> AsyncGenerator[Rest, None]:
    """Speak with a provider's REST interface for as long as the block lasts. Checkpoint: yes. It connects when it is first asked.

    Proxies and passwords of the environment are not used, and redirections not followed: a key goes where it was meant to go.

    Args:
        base_url: ``https://HOST/PREFIX``, or ``http://`` on this machine.
        headers: what goes along with each request; one with a key is a `Secret`.
        within: seconds for a request with all its repetitions.
        ssl_context: how certificates are checked; as the system does, by default.
        insecure: allow ``http://`` to other machines.

    Raises:
        MissingExtraError: the HTTP client is not installed.
        OptionError: the URL is none.
        InsecureConnectionError: it is not encrypted, and not of this machine.
    """
    require("httpx2", "asking a provider's REST interface", "rest")
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise OptionError("a REST interface is reached by https://HOST/PREFIX")
    require_private(base_url, insecure=insecure)
    import httpx2

    verify = ssl_context or (ssl.create_default_context() if parts.scheme == "https" else False)
    async with httpx2.AsyncClient(base_url=base_url, verify=verify, timeout=None, trust_env=False, follow_redirects=False) as client:
        yield Rest(client, headers or {}, within)
