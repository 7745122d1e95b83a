"""Genesys AudioHook: numbered messages, a choice of formats, and nobody's marks; and how its upgrades are signed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from wire.carriers_say import GENESYS_OPEN, SESSION, genesys_says

from trioaudio import Dtmf, RemoteProtocolError
from trioaudio.audio import MULAW_8K, PCM16_8K, AudioFormat, Frame
from trioaudio.wire.genesys import GENESYS, GenesysDialect
from trioaudio.wire.genesys_signature import Nonces, is_signed, signature_headers
from trioaudio.wire.phone import PhonePlayed, PhoneWire

NOBODY = "00000000-0000-0000-0000-000000000000"
LOUD = Frame(b"\x12" * 1600, MULAW_8K)


class Server:
    """A session; what it says is read."""

    def __init__(self, dialect: GenesysDialect = GENESYS, **changed: Any) -> None:
        self.wire = PhoneWire(dialect)
        self.heard = self.wire.receive_untrusted(genesys_says("open", 1, **{**GENESYS_OPEN, **changed}), 0.0)
        self.seq = 1

    def told(self, kind: str, now: float = 1.0, **parameters: object) -> list[Any]:
        self.seq += 1
        return self.wire.receive_untrusted(genesys_says(kind, self.seq, **parameters), now)

    def said(self) -> list[tuple[str, Any]]:
        return [(each["type"], each["parameters"]) for each in map(json.loads, self.wire.owed())]


def media(*channels: str, format: str = "PCMU", rate: int = 8000) -> dict[str, Any]:
    return {"type": "audio", "format": format, "channels": list(channels), "rate": rate}


@pytest.mark.parametrize(
    ("offered", "chosen", "format"),
    [
        ([media("external", "internal"), media("internal"), media("external")], media("external"), MULAW_8K),
        ([media("external", format="L16"), media("external")], media("external"), MULAW_8K),
        ([media("external", format="OPUS"), media("external", format="L16")], media("external", format="L16"), PCM16_8K),
        ([media("internal"), media("internal", "external")], media("internal", "external"), MULAW_8K),
    ],
)
def test_of_what_is_offered_the_best_is_chosen_and_said(offered: list[Any], chosen: Any, format: AudioFormat) -> None:
    server = Server(media=offered)
    assert server.said() == [("opened", {"media": [chosen], "startPaused": False})]
    assert server.wire.format == format


def test_of_two_channels_the_one_is_heard() -> None:
    for channel, heard in (("external", b"\x01"), ("internal", b"\x02")):
        server = Server(GenesysDialect(channel), media=[media("external", "internal")])
        (frame,) = server.wire.receive_untrusted(b"\x01\x02" * 160, 0.1)
        assert isinstance(frame, Frame)
        assert frame.data == heard * 160
        assert server.wire.receive_untrusted(b"\x01\x02\x03", 0.2) == []
        assert server.wire.counts.malformed == 1


@pytest.mark.parametrize("offered", [[], [media("external", format="OPUS")], [media("external", rate=16000)], [7], None])
def test_who_offers_nothing_that_is_understood_is_told_so(offered: Any) -> None:
    wire = PhoneWire(GENESYS)
    with pytest.raises(RemoteProtocolError, match="PCMU or L16"):
        wire.receive_untrusted(genesys_says("open", 1, **{**GENESYS_OPEN, "media": offered}), 0.0)
    assert [json.loads(message)["type"] for message in wire.owed()] == ["opened", "disconnect"]


def test_messages_are_numbered_on_both_sides() -> None:
    server = Server()
    server.told("ping")
    numbered = [(each["seq"], each["clientseq"], each["id"]) for each in map(json.loads, server.wire.owed())]
    numbered += [(each["seq"], each["clientseq"], each["id"]) for each in map(json.loads, server.wire.clear(1.0))]
    assert numbered == [(1, 2, SESSION), (2, 2, SESSION), (3, 2, SESSION)]


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (genesys_says("ping", 3), "number 2"),
        (genesys_says("ping", 1), "number 2"),
        (genesys_says("ping", 2, 5), "serverseq"),
        (genesys_says("ping", 2).replace(SESSION, NOBODY), "another session"),
        (genesys_says("ping", 2).replace('"2"', '"1"'), "version"),
        (genesys_says("open", 2, **GENESYS_OPEN), "opened before"),
    ],
)
def test_what_is_not_the_next_message_of_this_session_ends_it(message: str, why: str) -> None:
    server = Server()
    server.said()
    with pytest.raises(RemoteProtocolError, match=why):
        server.wire.receive_untrusted(message, 1.0)
    ((kind, parameters),) = server.said()
    assert (kind, parameters["reason"]) == ("disconnect", "error")


def test_nothing_comes_before_open_and_no_audio_either() -> None:
    for message in (genesys_says("ping", 1), b"\xff" * 160):
        with pytest.raises(RemoteProtocolError):
            PhoneWire(GENESYS).receive_untrusted(message, 0.0)


def test_who_is_expected_is_taken_and_nobody_else() -> None:
    assert Server(GenesysDialect(session=SESSION, organization=str(GENESYS_OPEN["organizationId"]))).wire.phase == "started"
    for other in (GenesysDialect(session="other"), GenesysDialect(organization="other")):
        with pytest.raises(RemoteProtocolError, match="another"):
            Server(other)


def test_a_ping_is_answered_and_its_round_trip_is_known() -> None:
    server = Server()
    server.said()
    assert server.told("ping", rtt="PT0.25S") == []
    assert server.said() == [("pong", {})]
    assert server.wire.round_trip == 0.25


def test_an_update_is_answered_and_an_error_is_counted() -> None:
    server = Server()
    server.said()
    server.told("update", language="de-DE")
    server.told("error", code=429, message="too many", retryAfter="PT1S")
    assert server.said() == [("updated", {})]
    assert server.wire.counts.complaints == 1


def test_the_server_asks_for_a_pause_and_the_client_says_that_it_has_paused() -> None:
    server = Server()
    server.said()
    dialect = server.wire.dialect
    assert isinstance(dialect, GenesysDialect)
    assert [json.loads(each)["type"] for each in (dialect.pause(), dialect.resume())] == ["pause", "resume"]
    server.told("paused")
    assert dialect.paused
    server.told("resumed", start="PT0S", discarded="PT2S")
    assert not dialect.paused
    assert server.said() == []


def test_what_was_discarded_is_silence() -> None:
    server = Server()
    server.wire.receive_untrusted(LOUD.data, 0.2)
    server.told("discarded", 0.9, start="PT0.2S", discarded="PT0.5S")
    silence, frame = server.wire.receive_untrusted(LOUD.data, 0.9)
    assert isinstance(silence, Frame)
    assert isinstance(frame, Frame)
    assert (silence.data, frame.media_time) == (b"\xff" * 4000, 5600)


def test_a_connection_that_is_only_tried_is_no_call() -> None:
    for nobody in ({"conversationId": NOBODY}, {"participant": {"id": NOBODY}}):
        server = Server(**nobody)
        assert (server.wire.phase, server.heard) == ("tested", [])
        server.told("close", reason="end")
        assert [kind for kind, _ in server.said()] == ["opened", "closed"]
        assert server.wire.phase == "stopped"


def test_a_goodbye_says_what_came_of_the_call_and_close_is_answered() -> None:
    server = Server()
    server.said()
    (goodbye,) = server.wire.goodbye({"transfer": "sales"})
    assert json.loads(goodbye)["parameters"] == {"reason": "completed", "info": "", "outputVariables": {"transfer": "sales"}}
    assert server.wire.goodbye() == []
    server.told("dtmf", digit="5")
    server.told("close", reason="disconnect")
    assert server.said() == [("closed", {})]
    assert server.wire.phase == "stopped"


def test_a_key_is_a_key() -> None:
    assert Server().told("dtmf", digit="#") == [Dtmf("#")]


# ---- what was played


def test_what_was_played_is_reckoned_and_told_when_it_ends() -> None:
    server = Server()
    server.wire.play(LOUD, 1.0)
    assert server.wire.due < 1.3
    assert server.wire.news(1.1) == []
    assert server.wire.news(1.3) == [PhonePlayed(1600, 0)]
    assert server.wire.news(1.4) == []


def test_a_clear_is_settled_at_once_by_what_will_have_been_played_when_it_arrives() -> None:
    server = Server()
    for _ in range(10):
        server.wire.play(LOUD, 1.0)
    server.told("playback_started", 1.1)  # 100 ms to there and back: it began at 1.05
    (barge_in,) = server.wire.clear(2.0)  # it is carried out at 2.05
    assert json.loads(barge_in)["parameters"] == {"entities": [{"type": "barge_in", "data": {}}]}
    (played,) = server.wire.news(2.0)
    assert isinstance(played, PhonePlayed)
    assert played == PhonePlayed(pytest.approx(8000, abs=1), 0, final=True)
    server.told("playback_completed", 2.1)
    assert server.wire.news(2.2) == []


def test_the_carrier_s_word_that_all_is_played_is_believed_unless_more_was_on_its_way() -> None:
    server = Server()
    for _ in range(2):
        server.wire.play(LOUD, 1.0)
    assert server.told("playback_completed", 1.3) == [PhonePlayed(3200, 0)]
    for _ in range(10):
        server.wire.play(LOUD, 2.0)
    assert server.told("playback_completed", 2.1) == []


# ---- the signature: the example of Genesys's own page, developer.genesys.cloud/devapps/audiohook/security, read 2026-11

URL = "wss://audiohook.example.com/api/v1/voicebiometrics/ws"
SECRET = "TXlTdXBlclNlY3JldEtleVRlbGxOby0xITJAMyM0JDU="
HEADERS = {
    "audiohook-organization-id": "d7934305-0972-4844-938e-9060eef73d05",
    "audiohook-session-id": "30b0e395-84d3-4570-ac13-9a62d8f514c0",
    "audiohook-correlation-id": "e160e428-53e2-487c-977d-96989bf5c99d",
    "x-api-key": "SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh",
    "signature-input": 'sig1=("@request-target" "@authority" "audiohook-organization-id" "audiohook-session-id" '
    '"audiohook-correlation-id" "x-api-key");keyid="SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh";nonce="VGhpc0lzQVVuaXF1ZU5vbmNl";'
    'alg="hmac-sha256";created=1641013200;expires=3282026430',
    "signature": "sig1=:NZBwyBHRRyRoeLqy1IzOa9VYBuI8TgMFt2GRDkDuJh4=:",
}
SIGNED_AT = 1641013200.0


def signs(now: float = SIGNED_AT + 5, url: str = URL, **changed: str) -> bool:
    return is_signed(url, {**HEADERS, **{name.replace("_", "-"): value for name, value in changed.items()}}, SECRET, Nonces(), now)


def test_the_example_of_the_vendor_is_signed() -> None:
    assert signs()


@pytest.mark.parametrize(
    "changed",
    [
        {"now": SIGNED_AT + 30},
        {"now": SIGNED_AT - 10},
        {"url": URL + "?a=b"},
        {"url": URL.replace("example.com", "example.org")},
        {"x_api_key": "other"},
        {"audiohook_session_id": "other"},
        {"signature": HEADERS["signature"].replace("NZ", "ZN")},
        {"signature": ""},
        {"signature": "sig2" + HEADERS["signature"][4:]},
        {"signature_input": ""},
        {"signature_input": HEADERS["signature-input"].replace('"@authority" ', "")},
        {"signature_input": HEADERS["signature-input"].replace("VGhpc0lzQVVuaXF1ZU5vbmNl", "short")},
        {"signature_input": HEADERS["signature-input"].replace("hmac-sha256", "none")},
    ],
)
def test_what_differs_from_it_is_not(changed: dict[str, Any]) -> None:
    assert not signs(**changed)


def test_a_signature_is_good_once() -> None:
    nonces, plain = Nonces(), {name: value for name, value in HEADERS.items() if not name.startswith("signature")}
    ours = {**plain, **signature_headers(URL, plain, SECRET, "n" * 24, 1000.0)}
    assert [is_signed(URL, ours, SECRET, nonces, now) for now in (1001.0, 1002.0)] == [True, False]
    later = {**plain, **signature_headers(URL, plain, SECRET, "n" * 24, 1100.0)}
    assert is_signed(URL, later, SECRET, nonces, 1100.0)
