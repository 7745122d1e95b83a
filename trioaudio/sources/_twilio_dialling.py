"""Dialling through a REST interface that is Twilio's: its own, and SignalWire's."""

from __future__ import annotations

from ..wire import twilio_rest
from ._dialling import no_rest
from ._twilio_account import TwilioAccount
from ._xml_listener import XmlListener


class TwilioDialler(XmlListener):
    """A listener that dials so, if the interface was opened."""

    label: str
    """Whose the interface is."""
    rest: TwilioAccount | None = None
    """The REST interface, if it was opened."""

    def check_can_dial(self) -> None:
        """As `Dialler.check_can_dial`."""
        if self.rest is None:
            raise no_rest(self.label)

    async def place(self, to: str, caller: str, *, ring: int, longest: int | None, detect_machine: bool) -> str:
        """As `Dialler.place`."""
        assert self.rest is not None
        form = twilio_rest.dial_form(
            to, caller, self.url("voice"), self.url("status"), ring=ring, longest=longest, detect_machine=detect_machine
        )
        return await self.rest.dial(form)

    async def end_dialled(self, call: str) -> None:
        """As `Dialler.end_dialled`."""
        assert self.rest is not None
        await self.rest.hang_up(call)
