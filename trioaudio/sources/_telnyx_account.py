"""Telnyx's call control, as far as calls need it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from uuid import uuid4

from .._errors import RemoteProtocolError, RestError
from .._secret import Secret
from ..abc import Rest, SourceCapability, open_rest
from ..wire import telnyx_rest
from ..wire.dialled import check_numbers


class TelnyxAccount:
    """An account, as its REST interface has it; made by `open_telnyx_account`. Several tasks may ask at once.

    Commands have an id of their own, by which Telnyx knows one that it has had already: they are asked again when nobody answers.
    """

    capabilities: frozenset[SourceCapability] = frozenset({"transfer", "digits"})
    """What it can do about a call whose stream goes on."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def dial(self, body: Mapping[str, object]) -> str:
        """Dial; Telnyx's name for the call (``call_control_id``). Checkpoint: yes. On cancel: it may ring all the same.

        Raises:
            RestError: Telnyx refused.
            UnansweredError: nobody knows whether it rings: it is not dialled again.
            trio.BrokenResourceError: Telnyx cannot be reached.
            RemoteProtocolError: what came back makes no sense; it may ring.
        """
        answer = (await self._rest.request("POST", telnyx_rest.CALLS_PATH, body={**body, "command_id": str(uuid4())})).json()
        data = answer.get("data") if isinstance(answer, dict) else None
        call = data.get("call_control_id") if isinstance(data, dict) else None
        if not isinstance(call, str) or not call:
            raise RemoteProtocolError("Telnyx's answer to a dial does not name the call; it may ring")
        return call

    async def command(self, call: str, command: str, body: Mapping[str, object] | None = None) -> bool:
        """Tell a call something; False if it has ended already. Errors as for `dial`. Checkpoint: yes."""
        path, whole = telnyx_rest.command_path(call, command), {**(body or {}), "command_id": str(uuid4())}
        try:
            await self._rest.request("POST", path, body=whole, repeatable=True)
        except RestError as error:
            if not telnyx_rest.is_over(error.status, error.said):
                raise
            return False
        return True

    async def hang_up(self, call: str) -> None:
        """End a call; that it has ended already is no error. Errors as for `dial`. Checkpoint: yes."""
        await self.command(call, "hangup")

    async def transfer(self, call: str, target: str) -> None:
        """Hand a call over to a number or an address of SIP. ValueError if it is neither, else as for `dial`. Checkpoint: yes."""
        check_numbers(target)
        await self.command(call, "transfer", {"to": target})

    async def send_digits(self, call: str, digits: str) -> float:
        """Press keys; the stream goes on. Returns 0. Errors as for `dial`. Checkpoint: yes."""
        await self.command(call, "send_dtmf", {"digits": digits})
        return 0


@asynccontextmanager
async def open_telnyx_account(api_key: Secret, *, base_url: str = telnyx_rest.BASE_URL) -> AsyncGenerator[TelnyxAccount, None]:
    """Speak with Telnyx's call control (extra ``rest``) for as long as the block lasts.

    Raises:
        MissingExtraError, OptionError, InsecureConnectionError: the URL cannot be used, or the extra is missing.
    """
    async with open_rest(base_url, headers={"Authorization": api_key.prefixed("Bearer ")}) as rest:
        yield TelnyxAccount(rest)
