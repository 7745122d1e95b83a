"""Calls of Twilio's sister carriers: ``trioaudio serve NAME``, with a key in the address of the media websocket."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Annotated

from .._secret import Secret
from ..abc import FrontDoor, Option, listener_plugin
from ..wire.exotel import EXOTEL
from ..wire.plivo import PLIVO
from ..wire.signalwire import SIGNALWIRE
from ..wire.telnyx import TELNYX
from ..wire.vonage import VONAGE
from ._carrier_streams import StreamListener, open_streams


@listener_plugin("signalwire")
@asynccontextmanager
async def open_signalwire(
    door: FrontDoor,
    *,
    key: Annotated[Secret, Option(env="SIGNALWIRE_STREAM_KEY")],
    path: str = "/signalwire",
    big_endian: bool = False,
) -> AsyncGenerator[StreamListener, None]:
    """Take the calls of SignalWire's that cXML opens with ``<Connect><Stream url="wss://...">``, at ``PUBLIC-URL/signalwire/KEY``.

    Args:
        key: a secret of your own, of letters and digits; who knows the address may call.
        path: what stands before it.
        big_endian: samples of 16 bits have their high byte first; which it is, nobody has written down.
    """
    async with open_streams("signalwire", replace(SIGNALWIRE, big_endian=big_endian), door, key, path) as listener:
        yield listener


@listener_plugin("telnyx")
@asynccontextmanager
async def open_telnyx(
    door: FrontDoor,
    *,
    key: Annotated[Secret, Option(env="TELNYX_STREAM_KEY")],
    path: str = "/telnyx",
    big_endian: bool = False,
) -> AsyncGenerator[StreamListener, None]:
    """Take the calls of Telnyx's that are started by API with ``stream_bidirectional_mode`` ``rtp``, at ``PUBLIC-URL/telnyx/KEY``.

    Args:
        key: a secret of your own, of letters and digits; who knows the address may call.
        path: what stands before it.
        big_endian: samples of 16 bits have their high byte first; which it is, nobody has written down.
    """
    async with open_streams("telnyx", replace(TELNYX, big_endian=big_endian), door, key, path) as listener:
        yield listener


@listener_plugin("plivo")
@asynccontextmanager
async def open_plivo(
    door: FrontDoor,
    *,
    key: Annotated[Secret, Option(env="PLIVO_STREAM_KEY")],
    path: str = "/plivo",
    big_endian: bool = False,
) -> AsyncGenerator[StreamListener, None]:
    """Take the calls of Plivo's that XML opens with ``<Stream bidirectional="true" keepCallAlive="true">``, at ``PUBLIC-URL/plivo/KEY``.

    Args:
        key: a secret of your own, of letters and digits; who knows the address may call.
        path: what stands before it.
        big_endian: samples of 16 bits have their high byte first; which it is, nobody has written down.
    """
    async with open_streams("plivo", replace(PLIVO, big_endian=big_endian), door, key, path) as listener:
        yield listener


@listener_plugin("exotel")
@asynccontextmanager
async def open_exotel(
    door: FrontDoor,
    *,
    key: Annotated[Secret, Option(env="EXOTEL_STREAM_KEY")],
    path: str = "/exotel",
) -> AsyncGenerator[StreamListener, None]:
    """Take the calls of Exotel's that a flow opens with its Voicebot applet, at ``PUBLIC-URL/exotel/KEY``.

    Args:
        key: a secret of your own, of letters and digits; who knows the address may call.
        path: what stands before it.
    """
    async with open_streams("exotel", EXOTEL, door, key, path) as listener:
        yield listener


@listener_plugin("vonage")
@asynccontextmanager
async def open_vonage(
    door: FrontDoor,
    *,
    key: Annotated[Secret, Option(env="VONAGE_STREAM_KEY")],
    path: str = "/vonage",
) -> AsyncGenerator[StreamListener, None]:
    """Take the calls of Vonage's that an NCCO connects to with an endpoint of the type ``websocket``, at ``PUBLIC-URL/vonage/KEY``.

    Args:
        key: a secret of your own, of letters and digits; who knows the address may call.
        path: what stands before it.
    """
    async with open_streams("vonage", VONAGE, door, key, path, closing_ends=True) as listener:
        yield listener
