"""Browsers: what a page says to us, and what a server says to a page."""

from __future__ import annotations

from itertools import count

from fuzz.targets import Take, Target, Targets, function

from trioaudio.audio import AudioFormat, Frame
from trioaudio.wire._browser.ears import Ears
from trioaudio.wire.browser import BrowserWire, Hello, hello_untrusted
from trioaudio.wire.browser_page import BrowserPage

HELLO = '{"t":"hello","v":1,"rate":48000,"can":["pos","clear","text"],"token":"abc"}'
PAGE_SAYS = (
    bytes(1_920),
    '{"t":"pos","turn":1,"played_ms":40.0,"underrun_ms":0,"queued_ms":120,"latency_ms":45}',
    '{"t":"cleared","turn":1,"played_ms":90,"dropped_ms":10,"latency_ms":45}',
    '{"t":"commit"}',
    '{"t":"talk"}',
    '{"t":"interrupt"}',
    '{"t":"mute","on":true}',
    '{"t":"text","text":"hello"}',
    '{"t":"dropped","ms":120}',
    '{"t":"bye"}',
)
READY = '{"t":"ready","v":1,"rate":24000,"call":"c1","prebuffer_ms":80,"modes":["open","push"]}'
SERVER_SAYS = (
    READY,
    '{"t":"turn","turn":1}',
    bytes(960),
    '{"t":"end","turn":1}',
    '{"t":"clear","turn":1}',
    '{"t":"transcript","who":"agent","id":"i1","text":"Good day","final":true}',
    '{"t":"status","state":"listening","words":"listening"}',
    '{"t":"receipt","turn":1,"heard_ms":100,"dropped_ms":20,"latency_ms":5,"reason":"interrupted"}',
    '{"t":"muted","on":true}',
    '{"t":"error","code":"busy","words":"try again"}',
    '{"t":"bye","reason":"hung up"}',
)


def _call() -> Take:
    """A call in which something is played and cleared while the page says strange things."""
    wire, times = BrowserWire(Hello(48_000)), count(1)

    def take(data: str | bytes) -> object:
        number = next(times)
        now = number * 0.3
        said = wire.play(Frame(bytes(4_800), wire.output_format), now)
        said += wire.clear(now) if number % 5 == 0 else wire.advance(now)[1]
        return said, wire.receive_untrusted(data, now), wire.owed(), wire.backlog, wire.due, wire.counts

    return take


def _ears() -> Take:
    ears, times = Ears(AudioFormat("pcm16", 48_000)), count(1)
    return lambda data: ears.take_untrusted(data, next(times) * 0.02)


def _page() -> Take:
    page, times = BrowserPage(Hello(48_000)), count(1)
    page.receive_untrusted(READY, 0.0)

    def take(data: str | bytes) -> object:
        now = next(times) * 0.05
        page.receive_untrusted(data, now)
        return page.take(now), page.due, page.heard(now)[-10:]

    return take


TARGETS: Targets = {
    "wire._browser.hello:hello_untrusted": function([HELLO], hello_untrusted),
    "wire._browser.ears:Ears.take_untrusted": Target([bytes(1_920), b"\x01" * 96_000], _ears),
    "wire.browser:BrowserWire.receive_untrusted": Target(PAGE_SAYS, _call, either=True),
    "wire.browser_page:BrowserPage.receive_untrusted": Target(SERVER_SAYS, _page, either=True, remembers=True),
}
