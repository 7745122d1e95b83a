"""Twilio's REST interface, as far as calls need it; SignalWire's is the same elsewhere."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from .._errors import CapabilityError, RemoteProtocolError, RestError
from .._secret import Secret
from ..abc import Rest, SourceCapability, basic, open_rest
from ..wire import twilio_rest, twiml

_SID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{1,80}", re.ASCII)


class TwilioAccount:
    """An account, as its REST interface has it; made by `open_account`. Several tasks may ask at once."""

    capabilities: frozenset[SourceCapability] = frozenset({"transfer"})
    """What it can do about a call whose stream goes on."""

    def __init__(self, rest: Rest, sid: str) -> None:
        self.sid: str = sid
        """The account (AC...)."""
        self._rest = rest

    async def dial(self, form: Mapping[str, str]) -> str:
        """Dial; Twilio's name for the call. Checkpoint: yes. On cancel: it may ring all the same.

        Raises:
            RestError: Twilio refused.
            UnansweredError: nobody knows whether it rings: it is not dialled again.
            trio.BrokenResourceError: Twilio cannot be reached.
            RemoteProtocolError: what came back makes no sense; it may ring.
        """
        answer = (await self._rest.request("POST", twilio_rest.calls_path(self.sid), form=form)).json()
        sid = answer.get("sid") if isinstance(answer, dict) else None
        if not isinstance(sid, str) or not _SID.fullmatch(sid):
            raise RemoteProtocolError("Twilio's answer to a dial does not name the call; it may ring")
        return sid

    async def hang_up(self, call: str) -> None:
        """End a call; that it has ended already is no error. Errors as for `dial`; asked again, since that does no harm."""
        await self._change(call, twilio_rest.hang_up_form(), repeatable=True)

    async def update(self, call: str, document: str) -> None:
        """Let a call go on with another document: its stream ends. Errors as for `dial`. Checkpoint: yes."""
        await self._change(call, twilio_rest.twiml_form(document), repeatable=False)

    async def transfer(self, call: str, target: str) -> None:
        """Hand a call over to a number or an address of SIP. ValueError if it is neither, else as for `dial`. Checkpoint: yes."""
        await self.update(call, twiml.response(twiml.dial(target)))

    async def send_digits(self, call: str, digits: str) -> float:
        """Not while the stream goes on."""
        raise CapabilityError("keys are pressed by a document, which ends the stream")

    async def _change(self, call: str, form: Mapping[str, str], *, repeatable: bool) -> None:
        try:
            await self._rest.request("POST", twilio_rest.call_path(self.sid, call), form=form, repeatable=repeatable)
        except RestError as error:
            if not twilio_rest.is_over(error.status, error.said):
                raise


@asynccontextmanager
async def open_account(
    sid: str, secret: Secret, *, key: str | None = None, base_url: str = twilio_rest.BASE_URL
) -> AsyncGenerator[TwilioAccount, None]:
    """Speak with Twilio's REST interface (extra ``rest``) for as long as the block lasts.

    Args:
        sid: the account (AC...).
        secret: its auth token; with ``key``, the secret of that API key.
        key: an API key (SK...).
        base_url: of a region, such as https://api.dublin.ie1.twilio.com, with that region's credentials.

    Raises:
        MissingExtraError, OptionError, InsecureConnectionError: the URL cannot be used, or the extra is missing.
    """
    async with open_rest(base_url, headers={"Authorization": basic(key or sid, secret)}) as rest:
        yield TwilioAccount(rest, sid)
