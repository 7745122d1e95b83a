"""A carrier that nobody has heard of, as a table, and what its author tests."""

import json

from trioaudio.audio import MULAW_8K, PCM16_16K, Frame
from trioaudio.wire.phone import JsonDialect, PhoneWire

ACME = JsonDialect(
    name="acme",
    kinds={"hello": "connected", "begin": "start", "audio": "media", "key": "key", "done": "mark", "flushed": "cleared", "end": "stop"},
    play='{"event":"audio","id":{stream},"data":"{payload}"}',
    ask='{"event":"notify","id":{stream},"name":{name}}',
    forget='{"event":"flush","id":{stream}}',
    formats={("ulaw", 8000): MULAW_8K, ("pcm", 16000): PCM16_16K},
    stream=("id",),
    call=("call",),
    caller=("from",),
    encoding=("codec.name",),
    rate=("codec.rate",),
    payload=("data",),
    digit=("key",),
    mark_name=("name",),
    packet=0.02,  # every message has 20 ms, and the end is filled up
    window=3,  # audio may come out of order, numbered by `chunk`
)


def test_acme() -> None:
    wire = PhoneWire(ACME)
    wire.receive_untrusted('{"event":"begin","id":"s1","call":"c7","codec":{"name":"pcm","rate":16000}}', now=0.0)
    assert wire.format == PCM16_16K
    assert wire.owed() == ['{"event":"notify","id":"s1","name":"g0:0"}']  # measures the round trip
    played = Frame.silence(320, PCM16_16K)
    assert json.loads(wire.play(played, now=0.1)[0])["data"] == played.base64
