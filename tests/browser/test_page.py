"""The shipped page in a real Chromium, with a real server: what is spoken, played, interrupted, refused, and explained."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import trio
from browser.devtools import CHROMIUM, Page, open_chromium
from browser.house import FIRST, SECOND, TAP, call, likeness, open_house, played, silence, write_wav

from trioaudio import Commit, Interrupt, Mute, Secret, TextMessage, TurnInterrupted, TurnPlayed, open_front_door
from trioaudio.abc import Request, Response

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here: apt-get install chromium"),
]
STATS = "trioaudio.stats()"


async def test_what_is_spoken_is_what_is_played_and_all_of_it_is_in_the_ledger(tmp_path: Path) -> None:
    async with open_house() as house, open_chromium(microphone=write_wav(tmp_path / "in.wav", FIRST)) as browser:
        page = await browser.open_page(house.url)
        await call(page)
        await page.evaluate(TAP)
        receipt = (await house.wait_for(TurnPlayed)).receipt
        stats, heard = await page.evaluate(STATS), await played(page)
    assert likeness(FIRST, heard) > 0.95
    assert likeness(SECOND, heard) < 0.5  # what is asked can be denied
    assert receipt.heard_ms == stats["played"] == stats["received"] > 2000
    assert stats["captured"] - 200 < stats["sent"] <= stats["captured"]
    assert not stats["dropped"]
    assert not page.problems


async def test_speaking_stops_the_agent_and_the_ledger_says_what_had_sounded(tmp_path: Path) -> None:
    microphone = write_wav(tmp_path / "in.wav", FIRST, silence(1.3), SECOND)
    async with open_house() as house, open_chromium(microphone=microphone) as browser:
        page = await browser.open_page(house.url)
        await call(page)
        await page.evaluate(TAP)
        receipt = (await house.wait_for(TurnInterrupted)).receipt
        await page.wait_until("trioaudio.stats().interruptions == 1")
        stats, heard = await page.evaluate(STATS), await played(page)
        shown = await page.evaluate("document.querySelector('#events .receipt').innerText")
    sounded = 1000 * np.ptp(np.flatnonzero(heard)) / 24_000
    assert 200 < receipt.heard_ms < stats["received"] - 200
    assert receipt.heard_ms == pytest.approx(stats["played"], abs=40)
    assert sounded == pytest.approx(stats["played"], abs=40)  # it fell silent, and its counters do not flatter it
    assert stats["discarded"] == pytest.approx(stats["received"] - stats["played"], abs=1)
    assert f"{round(receipt.heard_ms):,} ms" in shown
    assert stats["queued"] == 0


NO_CONVERSION = """(() => {
  const {createMediaStreamSource} = AudioContext.prototype;
  AudioContext.prototype.createMediaStreamSource = function (stream) {
    if (this.sampleRate === 24000) throw new DOMException("as Firefox says", "NotSupportedError");
    return createMediaStreamSource.call(this, stream);
  };
})()"""


async def test_a_browser_that_cannot_change_the_rate_lets_the_worklets_do_it(tmp_path: Path) -> None:
    async with open_house() as house, open_chromium(microphone=write_wav(tmp_path / "in.wav", FIRST)) as browser:
        page = await browser.open_page(house.url)
        await page.evaluate(NO_CONVERSION)
        await call(page)
        await page.evaluate(TAP)
        receipt = (await house.wait_for(TurnPlayed)).receipt
        stats, heard = await page.evaluate(STATS), await played(page)
    assert stats["contextRate"] != 24_000
    times = np.arange(0, len(heard), stats["contextRate"] / 24_000)
    assert likeness(FIRST, np.interp(times, np.arange(len(heard)), heard)) > 0.95
    assert receipt.heard_ms == stats["played"] == stats["received"]


async def test_push_to_talk_by_keys_alone(tmp_path: Path) -> None:
    async with open_house(engine="off") as house, open_chromium(microphone=write_wav(tmp_path / "in.wav", FIRST)) as browser:
        page = await browser.open_page(house.url)
        await page.evaluate("document.querySelector('input[value=push]').click()")
        for _ in range(4):
            if await page.evaluate("document.activeElement.id") == "talk":
                break
            await page.press("Tab")
        await page.press("Enter")
        await page.wait_until("document.getElementById('talk').innerText == 'Hold to talk'")
        await house.wait_answered()
        await page.key("keyDown", " ")
        await page.wait_until("trioaudio.stats().captured > 1800")
        await page.key("keyUp", " ")
        await house.wait_for(Commit)
        await page.wait_until("trioaudio.call.state == 'speaking' && trioaudio.stats().played > 0")
        await page.press("Escape")
        await house.wait_for(Interrupt)
        await house.wait_for(TurnInterrupted)
        await page.press("m")
        assert (await house.wait_for(Mute)).muted
        await page.wait_until("document.getElementById('mute').getAttribute('aria-pressed') == 'true'")
        assert await page.evaluate("trioaudio.call.level") < 0.01


async def test_what_is_written_reaches_the_session() -> None:
    async with open_house(engine="off") as house, open_chromium() as browser:
        page = await browser.open_page(house.url)
        await call(page)
        await house.wait_answered()
        await page.click("#text")
        for key in ("h", "i", "Enter"):
            await page.press(key)
        assert (await house.wait_for(TextMessage)).text == "hi"
        assert await page.evaluate("document.querySelector('#transcript .caller').lastElementChild.innerText") == "hi"


@asynccontextmanager
async def server_process(port: int) -> AsyncGenerator[trio.Process, None]:
    """The command, in a process that can be killed."""
    command = [sys.executable, "-m", "trioaudio", "serve", "browser", "--model", "parrot", "--port", str(port)]
    async with trio.open_nursery() as nursery:
        run = partial(trio.run_process, command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        process: trio.Process = await nursery.start(run)
        with trio.fail_after(20):
            while True:
                try:
                    await (await trio.open_tcp_stream("127.0.0.1", port)).aclose()
                    break
                except OSError:
                    await trio.sleep(0.05)
        yield process
        process.kill()


async def free_port() -> int:
    """A port that nobody listens on."""
    async with open_front_door(port=0) as door:
        return int(door.public_url("/").rstrip("/").rpartition(":")[2])


async def test_a_server_that_was_killed_and_comes_back_is_called_again() -> None:
    port = await free_port()
    async with open_chromium() as browser:
        async with server_process(port) as process:
            page = await browser.open_page(f"http://127.0.0.1:{port}/")
            await call(page)
            first = await page.evaluate("trioaudio.stats().call")
            process.send_signal(signal.SIGKILL)
            await page.wait_until("document.getElementById('state').innerText == 'Reconnecting'")
        async with server_process(port):
            await page.wait_until("trioaudio.stats().connections == 2", seconds=20)
            assert await page.evaluate("trioaudio.stats().call") != first
            assert "a new call" in await page.evaluate("document.getElementById('events').innerText")
            sent = await page.evaluate("trioaudio.stats().sent")
            await page.wait_until(f"trioaudio.stats().sent > {sent} + 200")


async def test_a_server_that_is_not_there_is_said_to_be_so() -> None:
    async with open_chromium() as browser:
        async with open_house() as house:
            page = await browser.open_page(house.url)
        await page.click("#talk")
        await page.wait_until("document.body.dataset.state == 'error'")
        assert "cannot be reached" in await page.evaluate("document.getElementById('trouble').innerText")


async def test_a_microphone_that_is_denied_is_explained_and_may_be_allowed_after_all() -> None:
    async with open_house() as house, open_chromium() as browser:
        page = await browser.open_page(house.url, microphone="denied")
        await page.click("#talk")
        await page.wait_until("document.body.dataset.state == 'error'")
        words = await page.evaluate("document.querySelector('[role=alert]').innerText")
        assert "The microphone is blocked" in words
        assert "allow the microphone" in words
        assert "press the button" in words
        assert await page.evaluate("trioaudio.stats().state") == "closed"
        await page.allow_microphone()
        await call(page)
        assert not await page.evaluate("document.querySelector('#trouble').checkVisibility()")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("NotFoundError", "No microphone was found"),
        ("NotReadableError", "Another program may be using it"),
        ("OverconstrainedError", "Choose another one"),
    ],
)
async def test_other_troubles_with_the_microphone_are_explained(shared: Page, name: str, words: str) -> None:
    await shared.evaluate(f"navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', '{name}'))")
    await shared.click("#talk")
    await shared.wait_until("document.body.dataset.state == 'error'")
    assert words in await shared.evaluate("document.querySelector('[role=alert]').innerText")


async def test_a_microphone_that_is_unplugged_is_replaced(shared: Page) -> None:
    await shared.evaluate(REMEMBER_STREAMS)
    await call(shared)
    await shared.evaluate("streams[0].getTracks().forEach((track) => (track.stop(), track.dispatchEvent(new Event('ended'))))")
    await shared.wait_until("streams.length == 2")
    captured = await shared.evaluate("trioaudio.stats().captured")
    await shared.wait_until(f"trioaudio.stats().captured > {captured} + 200")


REMEMBER_STREAMS = """(() => {
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  globalThis.streams = [];
  navigator.mediaDevices.getUserMedia = async (wishes) => (streams.push(await ask(wishes)), streams.at(-1));
})()"""


async def test_a_token_may_be_in_the_address_or_is_asked_for() -> None:
    async with open_house(token=Secret("open sesame")) as house, open_chromium() as browser:
        page = await browser.open_page(house.url)
        await page.click("#talk")
        await page.wait_until("document.getElementById('token-form').checkVisibility()")
        await page.evaluate("document.getElementById('token').value = 'open sesame'")
        await page.click("#token-form button")
        await page.wait_until("trioaudio.stats().connections == 1")
        page = await browser.open_page(f"{house.url}#token=open%20sesame")
        assert "sesame" not in await page.evaluate("location.href")
        await call(page)


@pytest.fixture
async def shared() -> AsyncGenerator[Page, None]:
    """The page, in a browser with a microphone that beeps."""
    async with open_house() as house, open_chromium() as browser:
        yield await browser.open_page(house.url)


OPENED = """new Promise((resolve) => {
  const socket = new WebSocket(%s, ["trioaudio.v1"]);
  socket.onopen = () => resolve("open");
  socket.onerror = () => resolve("refused");
})"""


async def test_a_page_of_another_origin_cannot_connect() -> None:
    async def serve_stranger(request: Request) -> Response:
        return Response("<!doctype html><title>stranger</title><iframe sandbox='allow-scripts'></iframe>", content_type="text/html")

    async with open_house() as house, open_chromium() as browser, open_front_door(port=0) as other:
        with other.route("GET", "/", serve_stranger, auth="none"):
            attempt = OPENED % json.dumps(house.url.replace("http", "ws") + "ws")
            answers = []
            for url in (house.url, other.public_url("/"), "data:text/html,null"):
                page = await browser.open_page(url)
                answers.append(await page.evaluate(attempt))
    assert answers == ["open", "refused", "refused"]


async def test_every_control_has_a_name_and_can_be_reached_by_keys(shared: Page) -> None:
    await shared.call("Accessibility.enable")
    await shared.evaluate("document.querySelector('details').open = true")
    nodes = (await shared.call("Accessibility.getFullAXTree"))["nodes"]
    controls = [node for node in nodes if not node["ignored"] and node["role"]["value"] in CONTROLS]
    assert {node["role"]["value"] for node in controls} >= {"button", "radio", "combobox", "checkbox", "textbox", "meter"}
    assert not [node for node in controls if not node.get("name", {}).get("value")]
    reached = []
    for _ in range(20):
        await shared.press("Tab")
        reached.append(await shared.evaluate("document.activeElement.id || document.activeElement.name || document.activeElement.tagName"))
    assert set(reached) >= {"mute", "talk", "stop", "mode", "SUMMARY", "microphone", "speaker", "echo", "transcript", "text", "events"}
    outline = "(document.getElementById('talk').focus(), getComputedStyle(document.activeElement).outlineStyle)"
    assert await shared.evaluate(outline) == "solid"


CONTROLS = {"button", "radio", "combobox", "checkbox", "textbox", "meter", "log", "img", "image", "region"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_all_words_stand_out_from_their_ground(shared: Page, scheme: str) -> None:
    wishes = [("prefers-color-scheme", scheme), ("prefers-reduced-motion", "reduce")]
    await shared.call("Emulation.setEmulatedMedia", features=[{"name": name, "value": value} for name, value in wishes])
    await shared.evaluate("document.querySelector('details').open = true")
    faint = await shared.evaluate(FAINT)
    assert not faint


FAINT = """(() => {
  const pen = Object.assign(document.createElement("canvas"), {width: 1, height: 1}).getContext("2d", {willReadFrequently: true});
  const rgba = (colour) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
    return {rgb: [r, g, b], opaque: a > 250};
  };
  const light = ({rgb}) => {
    const [r, g, b] = rgb.map((x) => x / 255).map((x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (; element; element = element.parentElement) {
      const colour = rgba(getComputedStyle(element).backgroundColor);
      if (colour.opaque) return colour;
    }
    return rgba("white");
  };
  const faint = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility() || element.closest("[aria-disabled=true], noscript")) continue;
    const [a, b] = [light(rgba(getComputedStyle(element).color)), light(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint.push(`${element.tagName} ${element.textContent.trim()} ${ratio.toFixed(2)}`);
  }
  return faint;
})()"""
