"""The example of a page of one's own, as the documentation shows it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from browser.devtools import CHROMIUM, open_chromium
from browser.house import FIRST, House, open_house, write_wav

pytestmark = pytest.mark.browser
DOCS = Path(__file__).parents[2] / "docs"
FILES = {"own_page.html": "html", "own_page.js": "js"}
TYPES = {"html": "text/html", "js": "text/javascript"}


@asynccontextmanager
async def open_own_house() -> AsyncGenerator[House, None]:
    """A house that serves the example beside its own page."""
    async with open_house() as house:
        for name, kind in FILES.items():
            house.offer(f"/{name}", (DOCS / "examples" / "page" / name).read_bytes(), TYPES[kind])
        yield house


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here: apt-get install chromium")
async def test_a_page_of_ones_own_makes_a_call_and_hangs_up(tmp_path: Path) -> None:
    async with open_own_house() as house, open_chromium(microphone=write_wav(tmp_path / "in.wav", FIRST)) as browser:
        page = await browser.open_page(f"{house.url}own_page.html")
        await page.click("button")
        await page.wait_until("document.querySelector('p').innerText.startsWith('agent: ')")
        assert await page.evaluate("document.querySelector('button').innerText") == "Hang up"
        await page.click("button")
        await page.wait_until("document.querySelector('p').innerText == 'You hung up.'")


def test_what_the_documentation_shows_is_the_example() -> None:
    text = (DOCS / "howto" / "browser-page.md").read_text(encoding="utf-8")
    for name, kind in FILES.items():
        example = (DOCS / "examples" / "page" / name).read_text(encoding="utf-8")
        assert f"```{kind}\n{example}```\n" in text
