"""SignalWire's webhooks and media websockets at the front door: Twilio's documents and REST interface, with signatures of its own.

The webhook of a number is ``PUBLIC-URL/signalwire/voice``; a media websocket shows in its address a token that is good once.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from .._secret import Secret
from ..abc import Fields, FrontDoor, PhoneExchange, PhoneStream, Request
from ..wire import twiml
from ..wire.phone import PhoneDialect
from ..wire.signalwire_signature import is_signed
from ._carrier_streams import TOKEN, StreamCall, key_route
from ._dialling import DialRules
from ._twilio_account import TwilioAccount, open_account
from ._twilio_dialling import TwilioDialler
from ._xml_calls import CallXml
from ._xml_listener import TokenListener, offered

log: logging.Logger = logging.getLogger("trioaudio.signalwire")


class SignalWireListener(TwilioDialler, TokenListener):
    """Calls of SignalWire's; made by `open_signalwire_calls`."""

    name = "signalwire"
    label = "SignalWire"
    xml: CallXml = twiml

    def __init__(
        self,
        door: FrontDoor,
        path: str,
        project: str | None,
        keys: Sequence[Secret],
        dialect: PhoneDialect,
        *,
        rest: TwilioAccount | None = None,
        rules: DialRules | None = None,
        own_streams: bool = False,
    ) -> None:
        unannounced = self._take_unannounced if own_streams else None
        super().__init__(door, path, PhoneExchange("signalwire", dialect, TOKEN, unannounced=unannounced), rules)
        self.rest = rest
        self._project, self._keys = project, keys

    # ---- at the door

    def identify(self, form: Fields) -> tuple[str, str]:
        """As `XmlListener.identify`."""
        return form.get("CallSid", ""), form.get("AccountSid", "")

    def is_signed(self, request: Request, account: str, form: Fields) -> bool:
        """As `XmlListener.is_signed`; another project's calls are not taken, whoever has signed them."""
        keys = [key.reveal() for key in self._keys] if self._project in (None, account) else []
        return is_signed(request.url, request.body, form.pairs, keys, request.headers)

    def stream_told(self, form: Fields) -> None:
        """As `XmlListener.stream_told`."""
        if form.get("StreamEvent") == "stream-error":
            self.exchange.note("stream_error")

    # ---- inside

    def connect_document(self, account: str, token: str, *before: str) -> str:
        """The cXML that joins a call to its stream."""
        stream = twiml.connect_stream(self.url(f"media/{token}", websocket=True), {}, self.url("status"))
        return twiml.response(*before, stream, twiml.redirect(self.url("next")))

    def _take_unannounced(self, stream: PhoneStream) -> None:
        if not self.ring(StreamCall(self.exchange, stream, commands=self.rest)):
            stream.over.set()


@asynccontextmanager
async def open_signalwire_calls(
    door: FrontDoor,
    path: str,
    keys: Sequence[Secret],
    dialect: PhoneDialect,
    *,
    project: str | None = None,
    stream_key: Secret | None = None,
    api_token: Secret | None = None,
    rest_url: str | None = None,
    rules: DialRules | None = None,
) -> AsyncGenerator[SignalWireListener, None]:
    """Take the calls of numbers whose webhook is ``PUBLIC-URL/signalwire/voice``.

    Args:
        door, path: where.
        keys: the signing keys that are accepted.
        dialect: of the streams.
        project: take the calls of this one only.
        stream_key: take streams of the user's own cXML too, at ``PUBLIC-URL/signalwire/KEY``.
        api_token: of the project, for its REST interface.
        rest_url: where that is: ``https://SPACE/api/laml``; None does without.
        rules: whom it may dial.
    """
    path = path.rstrip("/")
    async with AsyncExitStack() as stack:
        rest = None
        if rest_url is not None and project is not None and api_token is not None:
            rest = await stack.enter_async_context(open_account(project, api_token, base_url=rest_url))
        listener = SignalWireListener(door, path, project, keys, dialect, rest=rest, rules=rules, own_streams=stream_key is not None)
        if not door.public_url("/").startswith("https://"):
            log.warning("SignalWire opens media websockets by wss:// only: say with --public-url how it reaches this server")
        stack.enter_context(offered(door, path, listener, "{token}", "token"))
        if stream_key is not None:
            stack.enter_context(key_route(door, path, stream_key, listener.exchange))
        yield listener
