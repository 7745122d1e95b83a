"""Signatures of Plivo's and SignalWire's webhooks, and what Telnyx's say. The vectors were made with the official packages."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trioaudio import RemoteProtocolError
from trioaudio.wire import plivo_rest, plivo_signature, plivo_xml, signalwire_signature, telnyx_rest, twilio_signature
from trioaudio.wire.telnyx_webhook import is_of_now, read_event_untrusted

URL = "https://voice.example.com/plivo/voice"
FORM = [("CallUUID", "c-1"), ("From", "+15550100"), ("Empty", "")]


@pytest.mark.parametrize(
    ("url", "form", "made"),
    [
        (URL, FORM, "QRXEwDzRte/PgZmjrmezxwwf+bX3nktr0zm2kBWuZKo="),
        (URL, [], "kEQ5TnL8YG/ackRfzupQFSuDrsvVDpVIzo56s5t+J1g="),
        (URL + "?b=2&a=1%20x", FORM, "ofUggFOLY3aGy18Hd0EGy41/+JiyiKXLXv4lRfQX+fA="),
        (URL + "?b=2&a=1%20x", [], "KWeUQVMDuP7NlysimPlxOqvX+treF8CwFZSj9aVucDc="),
    ],
)
def test_plivo_s_signature_is_that_of_the_official_package(url: str, form: list[tuple[str, str]], made: str) -> None:
    assert plivo_signature.signature(url, form, "n0nce", "tok") == made
    assert plivo_signature.is_signed(url, form, "n0nce", ["new", "tok"], f"other,{made}")


@pytest.mark.parametrize(
    ("url", "nonce", "tokens", "claimed"),
    [
        (URL + "x", "n0nce", ["tok"], "GOOD"),
        (URL, "another", ["tok"], "GOOD"),
        (URL, "n0nce", ["new"], "GOOD"),
        (URL, "n0nce", [], "GOOD"),
        (URL, None, ["tok"], "GOOD"),
        (URL, "n0nce", ["tok"], None),
        (URL, "n0nce", ["tok"], ""),
        (URL, "n0nce", ["tok"], "," * 9 + "GOOD"),
        (URL, "n0nce", ["tok"], "ü"),
    ],
)
def test_what_plivo_has_not_signed_is_refused(url: str, nonce: str | None, tokens: list[str], claimed: str | None) -> None:
    good = plivo_signature.signature(URL, FORM, "n0nce", "tok")
    assert not plivo_signature.is_signed(url, FORM, nonce, tokens, claimed and claimed.replace("GOOD", good))


BODY = b'{"call":{"id":"c-1"}}'


@pytest.mark.parametrize(
    ("header", "made"),
    [
        ("x-signalwire-signature", "43e6b7ae56fd3fb6704989cf79423789537e562a"),
        ("x-signalwire-sha256-signature", signalwire_signature.signature(URL, BODY, "PSK_1", algorithm="sha256")),
        ("x-signalwire-signature", twilio_signature.signature(URL, FORM, "PSK_1")),
        ("x-twilio-signature", twilio_signature.signature(URL, FORM, "PSK_1")),
    ],
)
def test_signalwire_signs_in_one_of_three_ways(header: str, made: str) -> None:
    assert signalwire_signature.is_signed(URL, BODY, FORM, ["new", "PSK_1"], {header: made})
    assert not signalwire_signature.is_signed(URL, BODY, FORM, ["new"], {header: made})
    assert not signalwire_signature.is_signed(URL + "x", BODY, FORM, ["PSK_1"], {header: made})
    assert not signalwire_signature.is_signed(URL, BODY + b" ", FORM[:1], ["PSK_1"], {header: made})


def test_a_weaker_signature_does_not_make_up_for_a_wrong_stronger_one() -> None:
    weak = signalwire_signature.signature(URL, BODY, "PSK_1")
    headers = {"x-signalwire-signature": weak, "x-signalwire-sha256-signature": "0" * 64}
    assert not signalwire_signature.is_signed(URL, BODY, FORM, ["PSK_1"], headers)
    assert not signalwire_signature.is_signed(URL, BODY, FORM, ["PSK_1"], {})


@pytest.mark.parametrize(
    ("timestamp", "fresh"),
    [("1000", True), ("701", True), ("1299", True), ("699", False), ("1301", False), (None, False), ("", False)]
    + [(each, False) for each in ("1e3", "-1000", "1" * 16, "\u0661\u0660")],
)
def test_a_webhook_of_telnyx_s_is_of_now_or_refused(timestamp: str | None, fresh: bool) -> None:
    assert is_of_now(timestamp, 1000.0) is fresh


def test_telnyx_s_webhook_says_what_happens_to_which_call() -> None:
    payload = {"call_control_id": "v3:abc", "direction": "outgoing", "from": "+15550100", "to": "+15550199", "client_state": "eA=="}
    body = {"data": {"id": "e1", "event_type": "call.initiated", "payload": payload}}
    event = read_event_untrusted(json.dumps(body).encode())
    assert (event.id, event.kind, event.call, event.outgoing) == ("e1", "call.initiated", "v3:abc", True)
    assert (event.caller, event.called, event.state) == ("+15550100", "+15550199", "eA==")
    assert "5550" not in repr(event)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"data":{"event_type":"call.hangup"}}', b"\xff", b"[" * 5000])
def test_a_webhook_that_says_less_is_refused(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        read_event_untrusted(body)


@given(st.text(max_size=20), st.text(max_size=20))
@settings(max_examples=40, deadline=None)
def test_plivo_s_xml_is_xml_whatever_stands_in_it(url: str, digits: str) -> None:
    clean = "".join(c for c in url + digits if c.isprintable())
    document = plivo_xml.response(plivo_xml.connect_stream(clean, clean), plivo_xml.play_digits(clean), plivo_xml.redirect(clean))
    stream, keys, redirect = ElementTree.fromstring(document)
    assert (stream.text or "", keys.text or "", redirect.text or "") == (clean, clean, clean)
    assert stream.get("statusCallbackUrl") == clean


def test_a_call_is_handed_over_to_numbers_and_addresses_only() -> None:
    assert plivo_xml.dial("+15550100") == "<Dial><Number>+15550100</Number></Dial>"
    assert plivo_xml.dial("sip:desk@example.com") == "<Dial><User>sip:desk@example.com</User></Dial>"
    with pytest.raises(ValueError, match="is sent on to a number"):
        plivo_xml.dial("<evil/>")


def test_a_dial_says_what_it_must_and_keeps_within_bounds() -> None:
    telnyx = telnyx_rest.dial_body("+1", "+2", "app", "https://h/v", "s", ring=9_999, longest=5, detect_machine=True)
    assert (telnyx["timeout_secs"], telnyx["time_limit_secs"], telnyx["answering_machine_detection"]) == (600, 30, "detect")
    plivo = plivo_rest.dial_body("+1", "+2", "https://h/v", "https://h/s", ring=1, longest=60, detect_machine=True)
    assert (plivo["ring_timeout"], plivo["time_limit"], plivo["machine_detection_url"]) == (5, 60, "https://h/s")
    assert telnyx_rest.command_path("v3:a/b?c", "hangup") == "/calls/v3%3Aa%2Fb%3Fc/actions/hangup"
