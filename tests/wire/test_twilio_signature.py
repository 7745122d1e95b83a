"""Twilio's signature; the vectors were made with the official package, with the token ``tok``."""

from __future__ import annotations

import pytest

from trioaudio.wire.twilio_signature import has_body_hash, is_signed, is_signed_with_shared_key, signature, spellings

URL = "https://voice.example.com/voice"
FORM = [("CallSid", "CA1"), ("From", "+15550001111"), ("Digits", "1234")]


def test_the_signature_is_that_of_the_official_package() -> None:
    assert signature("wss://voice.example.com/media", [], "tok") == "ll5VxJ1GfY70OEyjaZMBOWMdAYI="
    assert signature(URL, FORM, "tok") == "DikxwSZbKQU7UnsY/6lE3ApsheU="


@pytest.mark.parametrize(
    ("signed", "seen"),
    [
        ("wss://voice.example.com:443/media", "wss://voice.example.com/media"),
        ("wss://voice.example.com/media", "wss://voice.example.com:443/media"),
        ("wss://voice.example.com/media/", "wss://voice.example.com/media"),
        ("https://voice.example.com/v/?a=1", "https://voice.example.com:443/v?a=1"),
        ("https://user:pw@voice.example.com:443/v", "https://user:pw@voice.example.com/v"),
        ("http://[::1]:80/v", "http://[::1]/v"),
        ("http://[::1]/v", "http://[::1]:80/v"),
        ("https://voice.example.com/v?", "https://voice.example.com/v?"),
    ],
)
def test_one_url_has_several_spellings(signed: str, seen: str) -> None:
    assert is_signed(seen, FORM, ["tok"], signature(signed, FORM, "tok"))


@pytest.mark.parametrize(
    "other", ["https://voice.example.com/other", "http://voice.example.com/voice", "https://voice.example.com:8443/voice", URL + "?a=1"]
)
def test_another_url_is_not_signed(other: str) -> None:
    assert not is_signed(other, FORM, ["tok"], signature(URL, FORM, "tok"))
    assert other not in spellings(URL)


def test_two_tokens_are_good_while_one_is_changed_for_another() -> None:
    assert is_signed(URL, FORM, ["new", "tok"], signature(URL, FORM, "tok"))
    assert not is_signed(URL, FORM, ["new"], signature(URL, FORM, "tok"))
    assert not is_signed(URL, FORM, [], signature(URL, FORM, "tok"))


@pytest.mark.parametrize("claimed", [None, "", "no base64", "ü", "A" * 4096, signature(URL, FORM[:2], "tok"), signature(URL, [], "tok")])
def test_what_is_no_signature_of_this_is_refused(claimed: str | None) -> None:
    assert not is_signed(URL, FORM, ["tok"], claimed)


def test_a_shared_key_signs_by_the_name_its_header_gives() -> None:
    signed = signature(URL, FORM, "shared", algorithm="sha256")
    keys = {"SK1": "shared"}
    assert is_signed_with_shared_key(URL, FORM, keys, "key=SK1,algorithm=HMAC_SHA256", signed)
    for settings in ("key=SK1,algorithm=HMAC_MD5", "key=SK2,algorithm=HMAC_SHA256", "", "key", ",,=,"):
        assert not is_signed_with_shared_key(URL, FORM, keys, settings, signed)


def test_a_body_that_is_no_form_is_signed_by_its_hash() -> None:
    url = URL + "?bodySHA256=44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert has_body_hash(url, b"{}")
    assert not has_body_hash(url, b"{ }")
    assert not has_body_hash(URL, b"{}")
