"""The official package is the judge of signatures: what it makes we accept, what we make it accepts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trioaudio.wire.twilio_signature import is_signed, signature

RequestValidator = pytest.importorskip("twilio.request_validator").RequestValidator
TEXTS = st.text(max_size=12)
PAIRS = st.lists(st.tuples(TEXTS, TEXTS), max_size=6)
URLS = st.sampled_from(
    [
        "https://voice.example.com/voice",
        "https://voice.example.com:443/voice",
        "https://voice.example.com:8443/voice?customer=7&plan=b%20c",
        "http://localhost:8080/voice/",
        "wss://voice.example.com/media/AC77",
    ]
)


class Posted(dict[str, str]):
    """A form as web frameworks have it."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs

    def getlist(self, name: str) -> list[str]:
        return [value for key, value in self.pairs if key == name]


@given(URLS, PAIRS, st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_both_make_the_same_signature(url: str, pairs: list[tuple[str, str]], token: str) -> None:
    official = RequestValidator(token).compute_signature(url, Posted(pairs))
    assert signature(url, pairs, token) == official
    assert is_signed(url, pairs, [token], official)


@given(URLS, PAIRS)
@settings(max_examples=40, deadline=None)
def test_what_we_sign_it_accepts(url: str, pairs: list[tuple[str, str]]) -> None:
    assert RequestValidator("tok").validate(url, Posted(pairs), signature(url, pairs, "tok"))
