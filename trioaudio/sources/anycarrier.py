"""Media websockets of whichever carrier: whose words they are is told from what they say first."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Annotated

from .._limits import Timeouts
from .._secret import Secret
from ..abc import FrontDoor, Invitation, Listener, Option, PhoneExchange, PhoneStream, listener_plugin
from ..wire.carriers import detect_untrusted
from ..wire.genesys import GenesysDialect
from ._carrier_streams import StreamCall, StreamListener, key_route
from ._genesys_call import GenesysCall

CLOSING_ENDS = frozenset({"vonage"})
"""Carriers at which a call is over when its websocket is closed."""


class AnyCall(StreamCall):
    """A call of a carrier that has been found out."""

    def __init__(self, exchange: PhoneExchange, stream: PhoneStream) -> None:
        carrier = stream.wire.dialect.name
        super().__init__(exchange, stream, closing_ends=carrier in CLOSING_ENDS)
        self.headers: Mapping[str, str] = {"carrier": carrier}
        """Which carrier it is."""


class AnyCarrierListener(StreamListener):
    """Streams of any carrier that is known here; made by `listen`, or opened by name."""

    def __init__(self) -> None:
        super().__init__("anycarrier", detect_untrusted)

    def call_of(self, stream: PhoneStream) -> Invitation:
        """The call of a stream that has started."""
        call = GenesysCall if isinstance(stream.wire.dialect, GenesysDialect) else AnyCall
        return call(self.exchange, stream)


@listener_plugin("anycarrier")
@asynccontextmanager
async def open_anycarrier(
    door: FrontDoor,
    *,
    key: Annotated[Secret, Option(env="CARRIER_STREAM_KEY")],
    path: str = "/anycarrier",
    timeouts: Timeouts | None = None,
) -> AsyncGenerator[AnyCarrierListener, None]:
    """Take the media streams of any of these carriers, Twilio too, at ``PUBLIC-URL/anycarrier/KEY``: which it is, its first messages tell.

    Args:
        key: a secret of your own, of letters and digits; who knows the address may call.
        path: what stands before it.
    """
    listener = AnyCarrierListener()
    with key_route(door, path, key, listener.exchange):
        listener.exchange.heed(timeouts)
        yield listener


def listen(door: FrontDoor, *, key: Secret, path: str = "/anycarrier") -> Callable[[], AbstractAsyncContextManager[Listener]]:
    """The same for a program: ``await serve(anycarrier.listen(door, key=...), handle_call)``.

    Args:
        door: where it is offered.
        key: what stands at the end of its address.
        path: what stands before that.
    """
    return partial(open_anycarrier, door, key=key, path=path)
