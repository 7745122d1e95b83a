"""Plivo's REST interface, as far as calls need it."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from .._errors import RemoteProtocolError, RestError
from .._secret import Secret
from ..abc import Rest, basic, open_rest
from ..wire import plivo_rest

_ID = re.compile(r"[0-9A-Za-z-]{1,80}", re.ASCII)


class PlivoAccount:
    """An account, as its REST interface has it; made by `open_plivo_account`. Several tasks may ask at once."""

    def __init__(self, rest: Rest, id: str) -> None:
        self.id: str = id
        """The account's auth id (MA...)."""
        self._rest = rest

    async def dial(self, body: Mapping[str, object]) -> str:
        """Dial; Plivo's name for the request, which is not always that of the call. Checkpoint: yes. On cancel: it may ring all the same.

        Raises:
            RestError: Plivo refused.
            UnansweredError: nobody knows whether it rings: it is not dialled again.
            trio.BrokenResourceError: Plivo cannot be reached.
            RemoteProtocolError: what came back makes no sense; it may ring.
        """
        answer = (await self._rest.request("POST", plivo_rest.calls_path(self.id), body=dict(body))).json()
        request = answer.get("request_uuid") if isinstance(answer, dict) else None
        if not isinstance(request, str) or not _ID.fullmatch(request):
            raise RemoteProtocolError("Plivo's answer to a dial does not name the call; it may ring")
        return request

    async def hang_up(self, call: str) -> None:
        """End a call; that it has ended already is no error. Errors as for `dial`; asked again, since that does no harm."""
        await self._end(plivo_rest.call_path(self.id, call))

    async def cancel(self, request: str) -> None:
        """End a call that was dialled, by the name that `dial` gave it; as `hang_up`."""
        await self._end(plivo_rest.request_path(self.id, request))

    async def redirect(self, call: str, url: str) -> None:
        """Let a call go on with the XML at a URL: its stream ends. Errors as for `dial`. Checkpoint: yes."""
        body = {"legs": "aleg", "aleg_url": url, "aleg_method": "POST"}
        await self._rest.request("POST", plivo_rest.call_path(self.id, call), body=body)

    async def send_digits(self, call: str, digits: str) -> None:
        """Press keys; the stream goes on. Not asked twice. Errors as for `dial`. Checkpoint: yes."""
        await self._rest.request("POST", plivo_rest.digits_path(self.id, call), body={"digits": digits, "leg": "aleg"})

    async def _end(self, path: str) -> None:
        try:
            await self._rest.request("DELETE", path)
        except RestError as error:
            if error.status != plivo_rest.GONE:
                raise


@asynccontextmanager
async def open_plivo_account(id: str, token: Secret, *, base_url: str = plivo_rest.BASE_URL) -> AsyncGenerator[PlivoAccount, None]:
    """Speak with Plivo's REST interface (extra ``rest``) for as long as the block lasts.

    Raises:
        MissingExtraError, OptionError, InsecureConnectionError: the URL cannot be used, or the extra is missing.
    """
    async with open_rest(base_url, headers={"Authorization": basic(id, token)}) as rest:
        yield PlivoAccount(rest, id)
