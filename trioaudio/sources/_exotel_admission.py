"""Who may open a media websocket of Exotel's besides knowing its key: a user with a password, and addresses."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from .._errors import OptionError
from .._secret import Secret
from ..abc import Request
from ..wire.http_credentials import basic_untrusted


class ExotelAdmission:
    """Finds what is wrong with a request.

    Args:
        user, password: what it must show (HTTP Basic); None asks for nothing.
        networks: where it must come from; none is from anywhere.
    """

    def __init__(self, user: str | None, password: Secret | None, allowed: Sequence[IPv4Network | IPv6Network]) -> None:
        if (user is None) != (password is None):
            raise OptionError("give both a user and a password, or neither")
        self._user, self._password, self._networks = user, password, allowed

    def __call__(self, request: Request) -> str:
        """Its name, to be counted; empty if nothing is."""
        if self._networks and not any(_is_in(request.client, each) for each in self._networks):
            return "wrong_address"
        user, password = basic_untrusted(request.headers.get("authorization", ""))
        if self._password is not None and (user != self._user or not self._password.matches(password)):
            return "wrong_password"
        return ""


def networks(allow: str) -> list[IPv4Network | IPv6Network]:
    """The networks of a list that is parted by commas.

    Raises:
        OptionError: one of them is none.
    """
    try:
        return [ip_network(each.strip()) for each in allow.split(",") if each.strip()]
    except ValueError as exc:
        raise OptionError(f"these are no addresses or networks: {exc}") from None


def _is_in(client: str, network: IPv4Network | IPv6Network) -> bool:
    try:
        return ip_address(client) in network
    except ValueError:
        return False
