"""A real Chromium without a window, driven over the DevTools protocol.

https://chromedevtools.github.io/devtools-protocol/, and what Chromium 156 was seen to do, November 2026.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, open_websocket_url

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--use-fake-device-for-media-stream",
    "--remote-debugging-port=0",
    "--window-size=1100,1000",
)
LONGEST = 64 * 2**20
"""Bytes of a message: pictures are long."""
KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32}

MIDDLE = """(() => {
  const element = document.querySelector(%s);
  element.scrollIntoView({block: "nearest"});
  const box = element.getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
})()"""


class PageError(Exception):
    """JavaScript has thrown, or the browser refuses a command."""


class Page:
    """A tab of a browser context of its own."""

    def __init__(self, browser: Browser, session: str, context: str) -> None:
        self.problems: list[str] = []
        """What was thrown and not caught, and what the console calls an error."""
        self._browser, self._session, self._context = browser, session, context

    async def call(self, method: str, **parameters: Any) -> Any:
        """A command of the protocol."""
        return await self._browser.call(method, self._session, **parameters)

    async def evaluate(self, expression: str) -> Any:
        """What an expression comes to, promises included; as if somebody had just pressed something."""
        answer = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, userGesture=True)
        if thrown := answer.get("exceptionDetails"):
            raise PageError(thrown.get("exception", {}).get("description") or thrown["text"])
        return answer["result"].get("value")

    async def wait_until(self, condition: str, seconds: float = 15) -> Any:
        """The value of an expression, once it is true."""
        with trio.move_on_after(seconds):
            while True:
                if value := await self.evaluate(condition):
                    return value
                await trio.sleep(0.03)
        shown = await self.evaluate("document.body.innerText")
        raise AssertionError(f"not within {seconds:g} s: {condition}; {shown!r}; {self.problems}")

    async def allow_microphone(self, setting: str = "granted") -> None:
        """What somebody answers who is asked: granted, or denied."""
        permission = {"name": "microphone"}
        await self._browser.call("Browser.setPermission", permission=permission, setting=setting, browserContextId=self._context)

    async def go(self, url: str) -> None:
        """Open an address."""
        await self.call("Page.navigate", url=url)
        await self.wait_until("location.href != 'about:blank' && document.readyState == 'complete'")

    async def click(self, selector: str) -> None:
        """Press the middle of an element with a real mouse, as far as the page can tell."""
        await self.mouse("mousePressed", selector)
        await self.mouse("mouseReleased", selector)

    async def mouse(self, type: str, selector: str) -> None:
        """Do something with the mouse over the middle of an element."""
        x, y = await self.evaluate(MIDDLE % json.dumps(selector))
        await self.call("Input.dispatchMouseEvent", type=type, x=x, y=y, button="left", clickCount=1)

    async def key(self, type: str, key: str) -> None:
        """Let a key go down or up."""
        code = {"key": key, "windowsVirtualKeyCode": KEYS.get(key, ord(key[0].upper()))}
        text = {"text": "\r" if key == "Enter" else key} if type == "keyDown" and (len(key) == 1 or key == "Enter") else {}
        await self.call("Input.dispatchKeyEvent", type=type, **code, **text)

    async def press(self, key: str) -> None:
        """Press a key and let go."""
        await self.key("keyDown", key)
        await self.key("keyUp", key)

    async def screenshot(self) -> bytes:
        """What is seen, as PNG."""
        return base64.b64decode((await self.call("Page.captureScreenshot", format="png"))["data"])


class Browser:
    """A running Chromium."""

    def __init__(self, websocket: WebSocketConnection) -> None:
        self._websocket, self._numbers = websocket, count(1)
        self._answers: dict[int, tuple[trio.Event, list[Any]]] = {}
        self._pages: dict[str, Page] = {}

    async def call(self, method: str, session: str | None = None, **parameters: Any) -> Any:
        """A command of the protocol."""
        number, answered, answer = next(self._numbers), trio.Event(), []
        self._answers[number] = answered, answer
        message = {"id": number, "method": method, "params": parameters, **({"sessionId": session} if session else {})}
        await self._websocket.send_message(json.dumps(message))
        await answered.wait()
        if "error" in answer[0]:
            raise PageError(f"{method}: {answer[0]['error']['message']}")
        return answer[0]["result"]

    async def open_page(self, url: str = "about:blank", *, microphone: str = "granted") -> Page:
        """A tab in a context of its own; ``microphone``: granted or denied."""
        context = (await self.call("Target.createBrowserContext"))["browserContextId"]
        target = (await self.call("Target.createTarget", url="about:blank", browserContextId=context))["targetId"]
        session = (await self.call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        page = self._pages[session] = Page(self, session, context)
        await page.allow_microphone(microphone)
        for domain in ("Page", "Runtime", "Log"):
            await page.call(f"{domain}.enable")
        if url != "about:blank":
            await page.go(url)
        return page

    async def listen(self) -> None:
        """Take what the browser says, until it goes."""
        try:
            while True:
                self._take(json.loads(await self._websocket.get_message()))
        except ConnectionClosed:
            for answered, answer in self._answers.values():
                answer.append({"error": {"message": "the browser is gone"}})
                answered.set()

    def _take(self, message: dict[str, Any]) -> None:
        if (waiting := self._answers.pop(message.get("id"), None)) is not None:
            waiting[1].append(message)
            waiting[0].set()
        elif (page := self._pages.get(message.get("sessionId", ""))) is not None:
            page.problems += _problems(message["method"], message["params"])


def _problems(method: str, parameters: dict[str, Any]) -> list[str]:
    if method == "Runtime.exceptionThrown":
        details = parameters["exceptionDetails"]
        return [details.get("exception", {}).get("description") or details["text"]]
    if method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
        return [parameters["entry"]["text"]]
    return []


@asynccontextmanager
async def open_chromium(*flags: str, microphone: Path | None = None) -> AsyncGenerator[Browser, None]:
    """A Chromium whose microphone hears a file once; without one, a beep every second."""
    assert CHROMIUM is not None
    heard = [] if microphone is None else [f"--use-file-for-fake-audio-capture={microphone}%noloop"]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [CHROMIUM, *FLAGS, *heard, *flags, f"--user-data-dir={folder}", "about:blank"]
        async with trio.open_nursery() as nursery:
            run = partial(trio.run_process, command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            process: trio.Process = await nursery.start(run)
            try:
                async with open_websocket_url(await _address(Path(folder)), max_message_size=LONGEST) as websocket:
                    browser = Browser(websocket)
                    nursery.start_soon(browser.listen)
                    yield browser
            finally:
                process.kill()  # asked to close, it takes its time
                nursery.cancel_scope.cancel()


async def _address(folder: Path) -> str:
    """Where it listens: it writes that into a file."""
    with trio.fail_after(20):
        while True:
            await trio.sleep(0.02)
            try:
                port, path = (folder / "DevToolsActivePort").read_text(encoding="ascii").split("\n")[:2]
            except (FileNotFoundError, ValueError):
                continue
            return f"ws://127.0.0.1:{port}{path}"
