"""The official packages are the judges of signatures: what they would make we accept, what we make they accept."""

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trioaudio.wire import plivo_signature, signalwire_signature, twilio_signature
from trioaudio.wire.telnyx_webhook import SIGNATURE_HEADER, TIMESTAMP_HEADER, signed_bytes

TEXTS = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=1, max_size=12)
PAIRS = st.dictionaries(TEXTS, TEXTS, max_size=6)
URLS = st.sampled_from(
    [
        "https://voice.example.com/voice",
        "https://voice.example.com:8443/voice?customer=7&plan=b%20c",
        "http://localhost:8080/voice/",
    ]
)


@given(URLS, PAIRS)
@settings(max_examples=60, deadline=None)
def test_plivo(url: str, form: dict[str, str]) -> None:
    validate = pytest.importorskip("plivo.utils").validate_v3_signature
    made = plivo_signature.signature(url, list(form.items()), "n0nce", "tok")
    assert validate("POST", url, "n0nce", "tok", made, dict(form))
    assert not validate("POST", url, "n0nce", "tok", plivo_signature.signature(url, list(form.items()), "n0nce", "other"), dict(form))


@given(URLS, PAIRS, TEXTS)
@settings(max_examples=60, deadline=None)
def test_signalwire(url: str, form: dict[str, str], body: str) -> None:
    validator = pytest.importorskip("signalwire.request_validator").RequestValidator("PSK_1")
    pairs = list(form.items())
    assert validator.build_signature(url, body) == signalwire_signature.signature(url, body.encode(), "PSK_1")
    compatible = validator.build_signature_with_compatibility(url, form)
    assert signalwire_signature.is_signed(url, body.encode(), pairs, ["PSK_1"], {"x-signalwire-signature": compatible})
    assert validator.validate(url, form, twilio_signature.signature(url, pairs, "PSK_1"))


def test_telnyx() -> None:
    telnyx = pytest.importorskip("telnyx")
    signing = pytest.importorskip("nacl.signing")
    key = signing.SigningKey.generate()
    now, body = str(int(time.time())), '{"data":{"event_type":"call.initiated","payload":{}}}'
    signed = base64.b64encode(key.sign(signed_bytes(now, body.encode())).signature).decode()
    client = telnyx.Telnyx(api_key="none", public_key=base64.b64encode(bytes(key.verify_key)).decode())
    assert client.webhooks.unwrap(body, headers={SIGNATURE_HEADER: signed, TIMESTAMP_HEADER: now})
    with pytest.raises(ValueError, match="Signature verification failed"):
        client.webhooks.unwrap(body + " ", headers={SIGNATURE_HEADER: signed, TIMESTAMP_HEADER: now})
