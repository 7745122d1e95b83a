"""Ephemeral keys of an OpenAI Realtime server: asked for with a real key, good for beginning sessions until they expire.

Source: OpenAI API reference, ``POST /v1/realtime/client_secrets``, read 2026-11.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..._errors import RemoteProtocolError
from .._json import Message, value_untrusted
from .checks import MisuseError, choice, number, shape
from .fields import SESSION
from .session import default_session, updated_session

Answer: TypeAlias = tuple[int, Message]
"""An HTTP status, and the object that is answered."""

DEFAULT_SECONDS, LEAST_SECONDS, MOST_SECONDS = 600, 10, 7_200
MOST_KEPT = 10_000
_body = shape({
    "expires_after": shape({"anchor": choice("created_at"), "seconds": number(LEAST_SECONDS, MOST_SECONDS, whole=True)}),
    "session": SESSION,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Issued:
    session: Message
    expires_at: int


class ClientSecrets:
    """Those that were given out; ``keys`` are the real ones, None for any."""

    def __init__(self, keys: Collection[str] | None = None) -> None:
        self._keys = keys
        self._issued: dict[str, _Issued] = {}

    def issue_untrusted(self, body: bytes, key: str | None, epoch: float) -> Answer:
        """Answer a request for one; nothing that it holds raises. ``epoch`` is the wall clock's time."""
        if self._keys is not None and key not in self._keys:
            return 401, _error("invalid_api_key", "Incorrect API key provided. You can find your API key in your account.")
        try:
            wanted: Any = value_untrusted(body or b"{}")
            _body(wanted, "")
        except RemoteProtocolError:
            return 400, _error("invalid_json", "We could not parse the JSON body of your request.")
        except MisuseError as misuse:
            return 400, _error(misuse.code, str(misuse), misuse.param)
        return 200, self._issue(wanted, epoch)

    def _issue(self, wanted: Message, epoch: float) -> Message:
        session = {"type": "realtime", **wanted.get("session", {})}
        expires_at = int(epoch) + wanted.get("expires_after", {}).get("seconds", DEFAULT_SECONDS)
        number = len(self._issued) + 1
        value = f"ek_{number:032x}"
        if number <= MOST_KEPT:
            self._issued[value] = _Issued(session, expires_at)
        whole = updated_session(default_session(f"sess_{number}", session.get("model", "gpt-realtime"), 0), session)
        return {"value": value, "expires_at": expires_at, "session": whole}

    def accepts(self, key: str | None, epoch: float) -> bool:
        """Whether a session may begin with this key now."""
        if key is not None and (issued := self._issued.get(key)) is not None:
            return epoch < issued.expires_at
        return self._keys is None or key in self._keys

    def session_of(self, key: str | None) -> Message:
        """What of a session was settled when this key was given out."""
        issued = self._issued.get(key or "")
        return {} if issued is None else issued.session


def _error(code: str, message: str, param: str | None = None) -> Message:
    return {"error": {"type": "invalid_request_error", "code": code, "message": message, "param": param}}
