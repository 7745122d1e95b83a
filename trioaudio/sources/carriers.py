"""Calls of Twilio's sister carriers: by their webhooks where their account is given, or at a media websocket with a key in its address."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Annotated

from .._errors import OptionError
from .._limits import Timeouts
from .._secret import Secret
from ..abc import FrontDoor, Listener, Option, Request, listener_plugin
from ..wire import plivo_rest, telnyx_rest, vonage_signature
from ..wire.exotel import EXOTEL
from ..wire.plivo import PLIVO
from ..wire.signalwire import SIGNALWIRE
from ..wire.telnyx import TELNYX
from ..wire.telnyx_rest import Codec
from ..wire.vonage import VONAGE
from ._carrier_streams import StreamListener, open_streams
from ._dialling import DialRules
from ._exotel_admission import ExotelAdmission, networks
from ._plivo_listener import open_plivo_calls
from ._signalwire_listener import open_signalwire_calls
from ._telnyx_listener import open_telnyx_calls


@listener_plugin("signalwire")
@asynccontextmanager
async def open_signalwire(
    door: FrontDoor,
    *,
    signing_key: Annotated[Secret | None, Option(env="SIGNALWIRE_SIGNING_KEY")] = None,
    old_signing_key: Annotated[Secret | None, Option(env="SIGNALWIRE_OLD_SIGNING_KEY")] = None,
    key: Annotated[Secret | None, Option(env="SIGNALWIRE_STREAM_KEY")] = None,
    path: str = "/signalwire",
    rest: bool = False,
    space: Annotated[str | None, Option(env="SIGNALWIRE_SPACE")] = None,
    project: Annotated[str | None, Option(env="SIGNALWIRE_PROJECT_ID")] = None,
    api_token: Annotated[Secret | None, Option(env="SIGNALWIRE_API_TOKEN")] = None,
    rest_url: str | None = None,
    dial_allow: str = "",
    dials_a_minute: int = 10,
    big_endian: bool = False,
    timeouts: Timeouts | None = None,
) -> AsyncGenerator[Listener, None]:
    """Take the calls of a SignalWire number whose webhook (cXML, HTTP POST) is ``PUBLIC-URL/signalwire/voice``.

    Args:
        signing_key: of the space (PSK_...); all webhooks must be signed with it.
        old_signing_key: accepted too, while the key is being changed.
        key: take streams of cXML of your own too, at ``PUBLIC-URL/signalwire/KEY``: a secret that you make up, of letters and digits.
        path: where the addresses begin.
        rest: use SignalWire's REST interface: to dial, and to hang up and hand over calls of your own cXML.
        space: its host, such as example.signalwire.com.
        project: take the calls of this project only; needed for REST.
        api_token: of the project.
        rest_url: where the interface is, if not at the space.
        dial_allow: what numbers that are dialled must begin with, parted by commas; without it nobody is called.
        dials_a_minute: how many calls are dialled in a minute.
        big_endian: samples of 16 bits have their high byte first; which it is, nobody has written down.
    """
    dialect = replace(SIGNALWIRE, big_endian=big_endian)
    if not _has_account("signalwire", key, {_SIGNING_KEY: signing_key}) or signing_key is None:
        assert key is not None
        async with open_streams("signalwire", dialect, door, key, path) as streams:
            streams.exchange.heed(timeouts)
            yield streams
        return
    if rest:
        _require("SignalWire's REST interface", {_PROJECT: project, _API_TOKEN: api_token, _SPACE: rest_url or space})
        rest_url = rest_url or f"https://{space}/api/laml"
    async with open_signalwire_calls(
        door,
        path,
        [each for each in (signing_key, old_signing_key) if each is not None],
        dialect,
        project=project,
        stream_key=key,
        api_token=api_token,
        rest_url=rest_url if rest else None,
        rules=DialRules.parsed(dial_allow, dials_a_minute),
    ) as listener:
        listener.exchange.heed(timeouts)
        yield listener


@listener_plugin("telnyx")
@asynccontextmanager
async def open_telnyx(
    door: FrontDoor,
    *,
    api_key: Annotated[Secret | None, Option(env="TELNYX_API_KEY")] = None,
    public_key: Annotated[str | None, Option(env="TELNYX_PUBLIC_KEY")] = None,
    old_public_key: Annotated[str | None, Option(env="TELNYX_OLD_PUBLIC_KEY")] = None,
    key: Annotated[Secret | None, Option(env="TELNYX_STREAM_KEY")] = None,
    path: str = "/telnyx",
    codec: Codec = "PCMU",
    rest_url: str = telnyx_rest.BASE_URL,
    connection: Annotated[str | None, Option(env="TELNYX_CONNECTION_ID")] = None,
    dial_allow: str = "",
    dials_a_minute: int = 10,
    big_endian: bool = False,
    timeouts: Timeouts | None = None,
) -> AsyncGenerator[Listener, None]:
    """Take the calls of a Telnyx number whose Voice API application posts its webhooks to ``PUBLIC-URL/telnyx/voice``.

    Args:
        api_key: calls are answered and ended with it.
        public_key: of the account; all webhooks must be signed with its other half.
        old_public_key: accepted too, while the key is being changed.
        key: take streams too that you start yourself, at ``PUBLIC-URL/telnyx/KEY``: a secret that you make up, of letters and digits.
        path: where the addresses begin.
        codec: of the audio: PCMU and PCMA at 8 kHz, L16 at 16 kHz.
        rest_url: where the call control is.
        connection: the id of the application that dials.
        dial_allow: what numbers that are dialled must begin with, parted by commas; without it nobody is called.
        dials_a_minute: how many calls are dialled in a minute.
        big_endian: samples of 16 bits have their high byte first; which it is, nobody has written down.
    """
    dialect = replace(TELNYX, big_endian=big_endian)
    account = {_TELNYX_API_KEY: api_key, _TELNYX_PUBLIC_KEY: public_key}
    if not _has_account("telnyx", key, account) or api_key is None or public_key is None:
        assert key is not None
        async with open_streams("telnyx", dialect, door, key, path) as streams:
            streams.exchange.heed(timeouts)
            yield streams
        return
    async with open_telnyx_calls(
        door,
        path,
        api_key,
        [each for each in (public_key, old_public_key) if each is not None],
        dialect,
        stream_key=key,
        rest_url=rest_url,
        connection=connection,
        codec=codec,
        rules=DialRules.parsed(dial_allow, dials_a_minute),
    ) as listener:
        listener.exchange.heed(timeouts)
        yield listener


@listener_plugin("plivo")
@asynccontextmanager
async def open_plivo(
    door: FrontDoor,
    *,
    auth_id: Annotated[str | None, Option(env="PLIVO_AUTH_ID")] = None,
    auth_token: Annotated[Secret | None, Option(env="PLIVO_AUTH_TOKEN")] = None,
    old_auth_token: Annotated[Secret | None, Option(env="PLIVO_OLD_AUTH_TOKEN")] = None,
    key: Annotated[Secret | None, Option(env="PLIVO_STREAM_KEY")] = None,
    path: str = "/plivo",
    rest: bool = False,
    rest_url: str = plivo_rest.BASE_URL,
    dial_allow: str = "",
    dials_a_minute: int = 10,
    big_endian: bool = False,
    timeouts: Timeouts | None = None,
) -> AsyncGenerator[Listener, None]:
    """Take the calls of a Plivo number whose application asks at ``PUBLIC-URL/plivo/voice`` (answer URL, POST).

    Args:
        auth_id: of the account (MA...).
        auth_token: its token; all webhooks must be signed with it.
        old_auth_token: accepted too, while the token is being changed.
        key: take streams of XML of your own too, at ``PUBLIC-URL/plivo/KEY``: a secret that you make up, of letters and digits.
        path: where the addresses begin.
        rest: use Plivo's REST interface: to dial, to press keys, and to hang up and hand over calls of your own XML.
        rest_url: where it is.
        dial_allow: what numbers that are dialled must begin with, parted by commas; without it nobody is called.
        dials_a_minute: how many calls are dialled in a minute.
        big_endian: samples of 16 bits have their high byte first; which it is, nobody has written down.
    """
    dialect = replace(PLIVO, big_endian=big_endian)
    account = {_PLIVO_AUTH_ID: auth_id, _PLIVO_AUTH_TOKEN: auth_token}
    if not _has_account("plivo", key, account) or auth_id is None or auth_token is None:
        assert key is not None
        async with open_streams("plivo", dialect, door, key, path) as streams:
            streams.exchange.heed(timeouts)
            yield streams
        return
    async with open_plivo_calls(
        door,
        path,
        auth_id,
        [each for each in (auth_token, old_auth_token) if each is not None],
        dialect,
        stream_key=key,
        rest_url=rest_url if rest else None,
        rules=DialRules.parsed(dial_allow, dials_a_minute),
    ) as listener:
        listener.exchange.heed(timeouts)
        yield listener


@listener_plugin("exotel")
@asynccontextmanager
async def open_exotel(
    door: FrontDoor,
    *,
    key: Annotated[Secret, Option(env="EXOTEL_STREAM_KEY")],
    path: str = "/exotel",
    user: Annotated[str | None, Option(env="EXOTEL_STREAM_USER")] = None,
    password: Annotated[Secret | None, Option(env="EXOTEL_STREAM_PASSWORD")] = None,
    allow: str = "",
    timeouts: Timeouts | None = None,
) -> AsyncGenerator[StreamListener, None]:
    """Take the calls of Exotel's that a flow opens with its Voicebot applet, at ``PUBLIC-URL/exotel/KEY``.

    Args:
        key: a secret of your own, of letters and digits; who knows the address may call.
        path: what stands before it.
        user: what must be shown besides (HTTP Basic), if the address in the flow has it: ``wss://USER:PASSWORD@...``.
        password: of that user.
        allow: addresses that calls may come from, or networks, parted by commas; behind a proxy, the proxy must be trusted.
    """
    admission = ExotelAdmission(user, password, networks(allow))
    async with open_streams("exotel", EXOTEL, door, key, path, admission=admission) as listener:
        listener.exchange.heed(timeouts)
        yield listener


@listener_plugin("vonage")
@asynccontextmanager
async def open_vonage(
    door: FrontDoor,
    *,
    key: Annotated[Secret, Option(env="VONAGE_STREAM_KEY")],
    path: str = "/vonage",
    signature_secret: Annotated[Secret | None, Option(env="VONAGE_SIGNATURE_SECRET")] = None,
    timeouts: Timeouts | None = None,
) -> AsyncGenerator[StreamListener, None]:
    """Take the calls of Vonage's that an NCCO connects to with an endpoint of the type ``websocket``, at ``PUBLIC-URL/vonage/KEY``.

    Args:
        key: a secret of your own, of letters and digits; who knows the address may call.
        path: what stands before it.
        signature_secret: of the account: every upgrade must be signed with it, for which the endpoint in the NCCO asks with
            ``"authorization": {"type": "vonage"}``.
    """

    def admission(request: Request) -> str:
        if signature_secret is None:
            return ""
        signed = vonage_signature.is_signed(request.headers.get("authorization", ""), signature_secret.reveal(), time.time())
        return "" if signed else "bad_signature"

    async with open_streams("vonage", VONAGE, door, key, path, closing_ends=True, admission=admission) as listener:
        listener.exchange.heed(timeouts)
        yield listener


_SIGNING_KEY = "SIGNALWIRE_SIGNING_KEY (dashboard, API, Signing Key)"
_PROJECT = "SIGNALWIRE_PROJECT_ID"
_API_TOKEN = "SIGNALWIRE_API_TOKEN"
_SPACE = "SIGNALWIRE_SPACE (such as example.signalwire.com)"
_TELNYX_API_KEY = "TELNYX_API_KEY (portal, API Keys)"
_TELNYX_PUBLIC_KEY = "TELNYX_PUBLIC_KEY (portal, Keys & Credentials, Public Key)"
_PLIVO_AUTH_ID = "PLIVO_AUTH_ID (console, MA...)"
_PLIVO_AUTH_TOKEN = "PLIVO_AUTH_TOKEN"


def _has_account(name: str, key: Secret | None, account: Mapping[str, object]) -> bool:
    """Whether a carrier's account is given, so that its webhooks can be answered; else there is a key for streams.

    Raises:
        OptionError: there is neither.
    """
    if all(value is not None for value in account.values()):
        return True
    if key is None:
        missing = " and ".join(variable for variable, value in account.items() if value is None)
        own = f"to take streams that you start yourself, set {name.upper()}_STREAM_KEY to a secret that you make up"
        raise OptionError(f"{name}: to answer its webhooks, set {missing}; {own}")
    return False


def _require(what: str, variables: Mapping[str, object]) -> None:
    """Raises OptionError if one of these is not set."""
    if missing := [variable for variable, value in variables.items() if value is None]:
        raise OptionError(f"{what} needs {' and '.join(missing)}: set it")
