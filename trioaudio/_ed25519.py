"""Signatures of Ed25519 (RFC 8032), with which some providers sign their webhooks: only checked, never made."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from ._errors import OptionError
from ._extras import require

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

KEY_BYTES, SIGNATURE_BYTES = 32, 64
LONGEST = 128
"""Characters of a signature that are looked at."""


class Ed25519Key:
    """A public key; it is no secret.

    Args:
        text: 32 bytes in base64, as Telnyx's portal shows them.

    Raises:
        MissingExtraError: what reckons with such keys (cryptography) is not installed.
        OptionError: this is no such key.
    """

    def __init__(self, text: str) -> None:
        require("cryptography", "checking signatures of Ed25519", "telnyx")
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        data = _decoded(text.strip())
        if data is None or len(data) != KEY_BYTES:
            raise OptionError(f"a public key of Ed25519 has {KEY_BYTES} bytes in base64; this one is something else")
        self._key: Ed25519PublicKey = Ed25519PublicKey.from_public_bytes(data)

    def has_signed(self, message: bytes, claimed: str | None) -> bool:
        """Whether a signature, in base64, is this key's over the message; False for all that is none."""
        from cryptography.exceptions import InvalidSignature

        signature = _decoded(claimed) if claimed and len(claimed) <= LONGEST else None
        if signature is None or len(signature) != SIGNATURE_BYTES:
            return False
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
