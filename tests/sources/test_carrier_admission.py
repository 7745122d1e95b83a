"""What Vonage's and Exotel's websockets may have to show besides the key in their address."""

from __future__ import annotations

from base64 import b64encode
from contextlib import nullcontext
from typing import Any

import pytest
import trio
from testing.carrier_pairs import KEY, address

from trioaudio import OptionError, Secret
from trioaudio.sources import carriers
from trioaudio.testing import open_memory_door
from trioaudio.wire.vonage_signature import is_signed, token

pytestmark = pytest.mark.usefixtures("virtual_clock")
SECRET = "a signature secret of thirty-two bits or more"
BASIC = "Basic " + b64encode(b"asterix:obelix").decode()


def signed(secret: str = SECRET, **claims: Any) -> str:
    return "Bearer " + token(secret, {"iss": "Vonage", "iat": 1000, **claims})


def test_what_the_account_s_secret_has_signed_just_now_is_vonage_s() -> None:
    assert is_signed(signed(), SECRET, 1010)
    assert is_signed(signed(exp=1100), SECRET, 1010)


@pytest.mark.parametrize(
    ("authorization", "now"),
    [
        ("", 1000),
        ("Bearer a.b.c", 1000),
        ("Bearer a.b", 1000),
        (signed("another"), 1000),
        (signed().removeprefix("Bearer "), 1000),
        (signed()[:-3], 1000),
        (signed(), 2000),
        (signed(), 900),
        (signed(exp=1005), 1200),
        (signed(iat="1000"), 1000),
        (signed(iat=None), 1000),
        ("Bearer " + "eyJhbGciOiJub25lIn0." + signed().split(".")[1] + ".", 1000),
        ("Bearer \xff.\xff.\xff", 1000),
    ],
)
def test_anything_else_is_not(authorization: str, now: float) -> None:
    assert not is_signed(authorization, SECRET, now)


async def test_an_upgrade_that_vonage_has_not_signed_is_refused_and_counted() -> None:
    async with open_memory_door() as door, carriers.open_vonage(door, key=KEY, signature_secret=Secret(SECRET)) as listener:
        with pytest.raises(trio.BrokenResourceError, match="401"):
            await door.open_websocket(address("vonage"), {"Authorization": signed("another")})
        assert listener.counters == {"bad_signature": 1}


@pytest.mark.parametrize(
    ("options", "headers", "counted"),
    [
        ({"user": "asterix", "password": Secret("obelix")}, {"Authorization": BASIC}, {}),
        ({"user": "asterix", "password": Secret("idefix")}, {"Authorization": BASIC}, {"wrong_password": 1}),
        ({"user": "obelix", "password": Secret("obelix")}, {}, {"wrong_password": 1}),
        ({"allow": "10.0.0.0/8, 127.0.0.1"}, {}, {}),
        ({"allow": "10.0.0.0/8"}, {}, {"wrong_address": 1}),
    ],
)
async def test_exotel_may_have_to_show_a_password_and_come_from_its_addresses(
    options: dict[str, Any], headers: dict[str, str], counted: dict[str, int]
) -> None:
    async with open_memory_door() as door, carriers.open_exotel(door, key=KEY, **options) as listener:
        with pytest.raises(trio.BrokenResourceError, match="401") if counted else nullcontext():
            await door.open_websocket(address("exotel"), headers)
        assert listener.counters == counted


@pytest.mark.parametrize("options", [{"user": "asterix"}, {"allow": "somewhere"}])
async def test_half_a_credential_and_no_network_are_mistakes(options: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        async with open_memory_door() as door, carriers.open_exotel(door, key=KEY, **options):
            pass
