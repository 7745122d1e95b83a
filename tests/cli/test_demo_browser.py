"""``trioaudio demo --browser``: a page to talk to, on this machine, until Ctrl-C."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Callable
from typing import Any
from urllib.request import urlopen

import pytest
import trio

from trioaudio.testing import FakeBrowser


@pytest.mark.slow
def test_it_says_where_the_page_is_answers_who_talks_there_and_ends_with_ctrl_c(process: Callable[..., subprocess.Popen[str]]) -> None:
    with process("demo", "--browser", "--port", 0, "--model", "parrot") as demo:
        try:
            assert demo.stdout is not None
            lines = []
            while not lines or not lines[-1].startswith("Open "):
                lines.append(demo.stdout.readline())
                assert lines[-1], demo.communicate()
            found = re.fullmatch(r"Open (http://127\.0\.0\.1:\d+/) in a browser, press the button, and talk\.\n", lines[-1])
            assert found is not None
            with urlopen(found[1]) as page:
                assert b"<!doctype html>" in page.read(100).lower()

            async def talk() -> None:
                with trio.fail_after(20):
                    async with FakeBrowser().call(found[1].replace("http", "ws") + "ws") as call:
                        await call.wait_for(lambda: "connected" in call.page.states)
                        call.press()
                        call.let_go()
                        demo.send_signal(signal.SIGINT)
                        await call.over.wait()
                        assert (call.page.goodbye, call.websocket.close_code) == ("hung up", 1000)

            trio.run(talk)
            out, err = demo.communicate(timeout=20)
        finally:
            demo.kill()
    assert (demo.returncode, err) == (0, "")
    assert out.endswith("gone, after 1 call\n")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--port", 8081], "--port goes with --browser"),
        (["--model", "parrot"], "--model goes with --browser"),
        (["--browser", "--fast"], "--fast does not go with --browser"),
        (["--browser", "--model", "parott"], "parrot"),
    ],
)
def test_what_does_not_go_together_is_said(trioaudio: Callable[..., Any], words: list[object], complaint: str) -> None:
    assert complaint in trioaudio("demo", *words).complaint
