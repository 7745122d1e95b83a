"""Makes the pictures of the page that the documentation shows: ``python tests/browser/pictures.py``, with a Chromium and pillow."""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

import trio
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

from browser.devtools import Page, open_chromium
from browser.house import FIRST, SECOND, call, open_house, silence, write_wav

from trioaudio import TurnInterrupted

IMAGES = Path(__file__).parents[2] / "docs" / "images"
WIDTH, HEIGHT, COLOURS = 1080, 960, 128


async def take(page: Page, name: str) -> None:
    """Write what is seen into a small file, in light and in dark."""
    for scheme in ("light", "dark"):
        await page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        await trio.sleep(0.25)
        picture = Image.open(io.BytesIO(await page.screenshot())).convert("RGB")
        small = picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
        small.save(IMAGES / f"browser-{name}-{scheme}.png", optimize=True)


async def frame(page: Page) -> None:
    """Let the window have the size of the pictures."""
    await page.call("Emulation.setDeviceMetricsOverride", width=WIDTH, height=HEIGHT, deviceScaleFactor=1, mobile=False)
    await page.call("Emulation.setScrollbarsHidden", hidden=True)


async def make() -> None:
    """All of them."""
    words = FIRST, silence(2.2), SECOND
    with tempfile.TemporaryDirectory() as folder:
        microphone = write_wav(Path(folder) / "in.wav", *words)
        async with open_house() as house, open_chromium(microphone=microphone) as browser:
            page = await browser.open_page(house.url)
            await frame(page)
            await take(page, "idle")
            await call(page)
            await house.wait_for(TurnInterrupted)
            await page.wait_until("trioaudio.call.state == 'speaking' && trioaudio.stats().turn == 2")
            await trio.sleep(0.7)
            await take(page, "talking")
            await page.call("Page.close")
            page = await browser.open_page(house.url, microphone="denied")
            await frame(page)
            await page.click("#talk")
            await page.wait_until("document.body.dataset.state == 'error'")
            await take(page, "error")


if __name__ == "__main__":
    trio.run(make)
